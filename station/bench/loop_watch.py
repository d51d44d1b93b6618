"""Notices when the station itself was held up: frozen, suspended with its machine, or kept busy by something."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, NoReturn

from drivers.boot_clock import since_boot
from drivers.jig_board.inputs import UNWATCHED_SECONDS
from station.bench.changes import Changes
from station.bench.view import BenchView
from station.domain.reason import Reason
from station.domain.statement import Statement

TICK_SECONDS: Final = 0.25
"""Between two looks at the clock."""


_LOOKS_REMEMBERED: Final = 240
"""A minute's."""
LATE_SECONDS: Final = 0.05
"""Half of the shortest time after which a driver takes a packet for lost."""


class LoopWatch:
    """Counts the times in which nobody watched anything, and knows how late what is due runs. Nothing before `run`.

    `on_lag` is told once a minute how late that was, in seconds, as `lag` says it.
    """

    def __init__(
        self, clock: Callable[[], float] = since_boot, on_lag: Callable[[float], None] = lambda _: None
    ) -> None:
        self._clock = clock
        self._on_lag = on_lag
        self._late: deque[float] = deque(maxlen=_LOOKS_REMEMBERED)
        self._looks = 0
        self._looked: float | None = None
        self._gaps = 0
        self._changes = Changes()

    @property
    def gaps(self) -> int:
        """How often the station was held up so long that a hub could have been exchanged; also just now."""
        if self._looked is not None:
            self._look()
        return self._gaps

    @property
    def lag(self) -> float:
        """By how many seconds one look in a hundred was late, at least, in the last minute; 0 before there were any."""
        ordered = sorted(self._late)
        return ordered[len(ordered) * 99 // 100] if ordered else 0.0

    async def until_gap(self, after: int) -> None:
        """Return when more than `after` gaps have been counted."""
        await self._changes.until(lambda: self.gaps > after)

    async def run(self) -> NoReturn:
        """Look at the clock again and again, until cancelled."""
        try:
            while True:
                self._look()
                due = self._clock() + TICK_SECONDS
                await asyncio.sleep(TICK_SECONDS)
                self._late.append(max(0.0, self._clock() - due))
                self._looks += 1
                if self._looks % _LOOKS_REMEMBERED == 0:
                    self._on_lag(self.lag)
        finally:
            self._looked = None

    def _look(self) -> None:
        now = self._clock()
        before, self._looked = self._looked, now
        if before is not None and now - before > TICK_SECONDS + UNWATCHED_SECONDS:
            self._gaps += 1
            self._changes.tell()


def show_lag(view: BenchView, seconds: float) -> None:
    """Show that the station runs late by so much, or that it does not."""
    late = seconds > LATE_SECONDS
    view.set_fault("loop", Statement.of(Reason.LOOP_LATE, detail=f"{seconds * 1e3:.0f} ms") if late else None)
