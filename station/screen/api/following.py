"""The bench as it changes, for programs: server-sent events whose ids let whoever was away go on where they were."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from station.screen.board import Board
from station.screen.parts import Parts

_RETRY_MILLISECONDS: Final = 500
_DIGITS: Final = 18


@dataclass(frozen=True, slots=True)
class Following:
    """Answers with what the board holds, and then with what changes on it."""

    board: Board
    run: str = field(default_factory=lambda: secrets.token_hex(4))
    """Tells this run of the program from others: another's numbers say nothing."""

    async def answer(self, request: Request) -> Response:
        """Stream until whoever asked leaves."""
        seen = self._seen(request.headers.get("last-event-id", ""))
        return StreamingResponse(
            self._events(seen), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
        )

    async def _events(self, seen: int) -> AsyncIterator[bytes]:
        yield f"retry: {_RETRY_MILLISECONDS}\n\n".encode()
        async with aclosing(self.board.follow(seen)) as changes:
            async for name, part in changes:
                kind = name.partition(" ")[0]
                yield f"event: {kind}\nid: {self.run}-{part.revision}\ndata: {part.content}\n\n".encode()

    def _seen(self, last: str) -> int:
        """Return up to where somebody has heard it; what another run said counts for nothing."""
        run, _, number = last.partition("-")
        is_ours = run == self.run and number.isascii() and number.isdecimal() and len(number) <= _DIGITS
        return int(number) if is_ours else 0


def follow(parts: Parts) -> Following:
    """Return what streams the bench to programs."""
    return Following(parts.news)
