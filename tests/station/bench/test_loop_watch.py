"""A station that was held up knows it, and says so before anything else is done."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from station.bench.loop_watch import LoopWatch


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_a_station_that_was_held_up_has_a_gap_at_once_and_once() -> None:
    clock = Clock()
    watch = LoopWatch(clock)
    assert watch.gaps == 0
    clock.now += 100
    assert watch.gaps == 0, "nothing counts before it runs"
    running = asyncio.create_task(watch.run())
    await asyncio.sleep(0)
    waiting = asyncio.create_task(watch.until_gap(0))
    await asyncio.sleep(0)
    clock.now += 0.5
    assert watch.gaps == 0
    clock.now += 1.0
    assert [watch.gaps, watch.gaps] == [1, 1]
    async with asyncio.timeout(60):
        await waiting
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
