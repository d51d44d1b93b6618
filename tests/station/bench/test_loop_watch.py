"""A station that was held up knows it, and says so before anything else is done."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from station.bench import loop_watch
from station.bench.loop_watch import LoopWatch, show_lag
from station.bench.view import BenchView
from station.domain.reason import Reason


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
    await waiting
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_a_station_that_runs_late_all_the_time_says_so_once_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop_watch, "TICK_SECONDS", 0.0)
    clock, view, told = Clock(), BenchView(iter(())), asyncio.Event()

    def tell(seconds: float) -> None:
        show_lag(view, seconds)
        told.set()

    watch = LoopWatch(clock, tell)
    assert watch.lag == 0
    running = asyncio.create_task(watch.run())
    for step, faults in ((0.08, [(Reason.LOOP_LATE, "80 ms")]), (0.001, [])):
        told.clear()
        while not told.is_set():
            clock.now += step  # while the watch sleeps
            await asyncio.sleep(0)
        assert [(fault.reason, fault.details.detail) for fault in view.faults()] == faults
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
