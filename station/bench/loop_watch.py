"""Notices when the station itself was held up: frozen, suspended with its machine, or kept busy by something."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, NoReturn

from drivers.boot_clock import since_boot
from drivers.jig_board.board import UNWATCHED_SECONDS
from station.bench.changes import Changes

TICK_SECONDS: Final = 0.25
"""Between two looks at the clock."""


class LoopWatch:
    """Counts the times in which nobody watched anything. Counts nothing before `run`."""

    def __init__(self, clock: Callable[[], float] = since_boot) -> None:
        self._clock = clock
        self._looked: float | None = None
        self._gaps = 0
        self._changes = Changes()

    @property
    def gaps(self) -> int:
        """How often the station was held up so long that a hub could have been exchanged; also just now."""
        if self._looked is not None:
            self._look()
        return self._gaps

    async def until_gap(self, after: int) -> None:
        """Return when more than `after` gaps have been counted."""
        await self._changes.until(lambda: self.gaps > after)

    async def run(self) -> NoReturn:
        """Look at the clock again and again, until cancelled."""
        try:
            while True:
                self._look()
                await asyncio.sleep(TICK_SECONDS)
        finally:
            self._looked = None

    def _look(self) -> None:
        now = self._clock()
        before, self._looked = self._looked, now
        if before is not None and now - before > TICK_SECONDS + UNWATCHED_SECONDS:
            self._gaps += 1
            self._changes.tell()
