"""PINs and badges on their way to whoever knows them: a few are tried at once, and from a place that was wrong too often none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from station.web.throttle import Throttle, is_this_computer, network_of

_MOST_AT_ONCE: Final = 4
"""Each takes some 50 ms, and the others wait for it."""
_WAIT_SECONDS: Final = 5.0


class Proofs:
    """Knows how many are being tried, and which places were wrong."""

    def __init__(self, wrong: type[Exception], must_wait: Callable[[str, float], Exception]) -> None:
        """`wrong` is how it is said that one was; `must_wait` makes, of a line and seconds, what is raised where none is tried."""
        self._wrong = wrong
        self._must_wait = must_wait
        self._throttle = Throttle()
        self._slots = asyncio.Semaphore(_MOST_AT_ONCE)

    def require_patience(self, peer: str) -> None:
        """Raise what says so, where nothing is tried that comes from there."""
        wait = self._throttle.wait(peer, asyncio.get_running_loop().time())
        if wait > 0:
            raise self._must_wait(
                f"too many wrong badges or PINs came from here: wait {round(wait + 0.5)} s", wait
            )

    @asynccontextmanager
    async def trying(self, peer: str) -> AsyncIterator[None]:
        """Have one tried within, and count it where it was wrong. Raises what says that it is not tried now."""
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                await self._slots.acquire()
        except TimeoutError:
            raise self._must_wait("others are just signing on: try again", 0.5) from None
        try:
            self.require_patience(peer)  # again: many may have come before the first of them was wrong
            yield
        except self._wrong:
            self._throttle.wrong(peer, asyncio.get_running_loop().time())
            raise
        finally:
            self._slots.release()


@dataclass(frozen=True, slots=True)
class Place:
    """From where a request comes, and who tries what it proves."""

    peer: str
    proofs: Proofs = field(repr=False)

    @property
    def network(self) -> str | None:
        """What it is told from others by; None for the bench's own PC."""
        return None if is_this_computer(self.peer) else network_of(self.peer)
