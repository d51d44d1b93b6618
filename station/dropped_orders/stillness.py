"""When a dropped file is whole: nobody is known to write to it, and it has lain still long enough. Pure.

Nothing tells for certain that a copy from another host has ended: see docs/work-orders.md for how to drop a file so that
it is there all at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sight:
    """What one look saw of a name: as long as it stays the same, nothing has changed."""

    size: int
    modified_ns: int
    ended: bool
    """Whether the last line has its end. One without is likely to be cut off."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What follows from a look."""

    ready: tuple[str, ...]
    """Names that are whole, the one written last at the end."""
    held: tuple[str, ...]
    """Names that have long lain still, but that somebody has open for writing."""
    seconds: float | None
    """Until the next one will be, if nothing changes. None where there is none."""


class Stillness:
    """Remembers since when each name has looked the same, and who is known to be written to."""

    def __init__(self, still_seconds: float, unended_seconds: float) -> None:
        """A file whose last line has no end must lie still for `unended_seconds` instead."""
        self._still_seconds = still_seconds
        self._unended_seconds = unended_seconds
        self._since: dict[str, tuple[Sight, float]] = {}
        self._written: set[str] = set()

    def written(self, name: str) -> None:
        """Learn that somebody writes to it, and has it open."""
        self._written.add(name)

    def closed(self, name: str) -> None:
        """Learn that it was closed after writing, or moved here: it lies still from the next look on."""
        self._written.discard(name)
        self._since.pop(name, None)

    def forget_writers(self) -> None:
        """Learn that nothing tells of writers any more: who is known may have gone since."""
        self._written.clear()

    def look(self, sights: Mapping[str, Sight], now: float) -> Looked:
        """Say which of what is there is whole. `now` is a monotonic time in seconds."""
        self._written &= sights.keys()
        self._since = {
            name: kept if (kept := self._since.get(name)) and kept[0] == sight else (sight, now)
            for name, sight in sights.items()
        }
        ready: list[str] = []
        held: list[str] = []
        seconds: float | None = None
        for name in sorted(sights, key=lambda name: (sights[name].modified_ns, name)):
            sight, since = self._since[name]
            at_once = sight.ended and name not in self._written
            left = since + (self._still_seconds if at_once else self._unended_seconds) - now
            if left > 0:
                seconds = left if seconds is None else min(seconds, left)
            else:
                (held if name in self._written else ready).append(name)
        return Looked(tuple(ready), tuple(held), seconds)
