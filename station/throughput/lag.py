"""How late an event loop runs what is due."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class LoopLag:
    """Lateness of ticks on a fixed grid: a loop that stood still is late for each tick missed."""

    def __init__(self, tick_seconds: float) -> None:
        self._tick_seconds = tick_seconds
        self.late: list[float] = []
        """Seconds, of each tick so far."""

    @property
    def p99_ms(self) -> float:
        """The lateness that one tick in a hundred exceeds."""
        return percentile(self.late, 0.99) * 1e3

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Tick while inside."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._tick_seconds

        def tick() -> None:
            nonlocal due
            self.late.append(loop.time() - due)
            due += self._tick_seconds
            self._timer = loop.call_at(due, tick)

        self._timer = loop.call_at(due, tick)
        try:
            yield
        finally:
            self._timer.cancel()


def percentile(values: list[float], share: float) -> float:
    """Return the value that `share` of the values do not exceed (nearest rank). Raises ValueError for none."""
    if not values:
        raise ValueError("no values were measured")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
