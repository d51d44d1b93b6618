"""What every browser is to show, each part written once a change for all of them; a slow reader keeps nothing here."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Any, NamedTuple

from station.bench.changes import Changes


class Part(NamedTuple):
    """One part of the page as it is now."""

    revision: int
    content: str
    """JSON, on one line."""


class Board:
    """The latest of each part. Who reads slowly skips what was replaced meanwhile."""

    def __init__(self) -> None:
        self._parts: dict[str, Part] = {}
        self._revision = 0
        self.followers = 0
        """How many follow just now."""
        self._changes = Changes()
        self._ended = False

    def end(self) -> None:
        """Tell nobody anything more: who follows is let go."""
        self._ended = True
        self._changes.tell()

    def put(self, name: str, content: Any) -> None:
        """Replace a part; tell those who follow, if it is another."""
        self.write(name, json.dumps(content, ensure_ascii=False, separators=(",", ":")))

    def write(self, name: str, written: str) -> None:
        """Replace a part by what is JSON already, on one line."""
        former = self._parts.get(name)
        if former is None or former.content != written:
            self._revision += 1
            self._parts[name] = Part(self._revision, written)
            self._changes.tell()

    def forget(self, kind: str) -> None:
        """Let go of every part of a kind: what its name begins with, up to a blank."""
        self._parts = {name: part for name, part in self._parts.items() if name.partition(" ")[0] != kind}

    async def follow(self, seen: int = 0) -> AsyncGenerator[tuple[str, Part], None]:
        """Yield every part that changed since the revision that was seen, then each that changes, until the end."""
        seen = min(seen, self._revision)

        def is_more() -> bool:
            return self._revision > seen or self._ended

        self.followers += 1
        try:
            while not self._ended:
                for name, part in sorted(self._parts.items(), key=lambda each: each[1].revision):
                    if part.revision > seen:
                        seen = part.revision
                        yield name, part
                await self._changes.until(is_more)
        finally:
            self.followers -= 1
