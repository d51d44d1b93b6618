"""PINs and badges on their way to the desk: a few are tried at once, and from a place that was wrong too often none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from station.desk.refusals import NotAllowed, Unavailable
from station.screen.throttle import Throttle

_MOST_AT_ONCE: Final = 4
"""Each takes the desk some 50 ms, and the others wait for it."""
_WAIT_SECONDS: Final = 5.0


class MustWait(Unavailable):
    """It is not tried now."""

    def __init__(self, line: str, seconds: float) -> None:
        """`seconds` from now it may be."""
        super().__init__(line)
        self.seconds = round(seconds + 0.5)


class Proofs:
    """Knows how many are being tried, and which places were wrong."""

    def __init__(self) -> None:
        self._throttle = Throttle()
        self._slots = asyncio.Semaphore(_MOST_AT_ONCE)

    def require_patience(self, peer: str) -> None:
        """Raise MustWait where nothing is tried that comes from there."""
        wait = self._throttle.wait(peer, asyncio.get_running_loop().time())
        if wait > 0:
            raise MustWait(f"too many wrong badges or PINs came from here: wait {round(wait + 0.5)} s", wait)

    @asynccontextmanager
    async def trying(self, peer: str) -> AsyncIterator[None]:
        """Have one tried within, and count it where it was wrong. Raises MustWait."""
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                await self._slots.acquire()
        except TimeoutError:
            raise MustWait("others are just signing on: try again", 0.5) from None
        try:
            self.require_patience(peer)  # again: many may have come before the first of them was wrong
            yield
        except NotAllowed:
            self._throttle.wrong(peer, asyncio.get_running_loop().time())
            raise
        finally:
            self._slots.release()


@dataclass(frozen=True, slots=True)
class Place:
    """From where a request comes, and who tries what it proves."""

    peer: str
    proofs: Proofs = field(repr=False)
