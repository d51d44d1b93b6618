"""A benchmark's course: each slot alone, each jig together, all jigs together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

from station.benchmarking.slots import GoldenBench, GoldenSlot
from station.throughput.benchmark import Benchmark, Phase, PhaseLoad, Run
from station.throughput.lag import LoopLag

_TICK_SECONDS: Final = 0.01
"""Between two looks whether the event loop is late."""
_IDLE_SECONDS: Final = 2.0
"""For which nothing is done, to know what this computer does by itself."""

Tell = Callable[[str], object]
"""Hears what is about to be measured, in one line."""


async def measure(
    bench: GoldenBench, phases: Iterable[Phase], tell: Tell, goes_on: Callable[[], bool] = lambda: True
) -> Benchmark:
    """Measure these phases one after the other, for as long as it `goes_on`. Raises JournalError.

    A slot that has failed in one phase is left out of those that follow. Whoever ends it by `goes_on` has what is being measured
    come to its end, and finds in the benchmark what was measured. Cancelled, hubs may be left as they are in that moment: the
    next check with each, in any slot, erases it first.
    """
    runs: list[Run] = []
    loads: dict[Phase, PhaseLoad] = {}
    tell(f"idle: {_IDLE_SECONDS:g} s")
    async with _load() as idle:
        await asyncio.sleep(_IDLE_SECONDS)
    slots = bench.slots
    for phase in phases:
        if not goes_on():
            break
        groups = _groups(phase, slots)
        async with _load() as load:
            for group in groups:
                if not goes_on():
                    break
                tell(f"{phase}: {', '.join(str(slot.place) for slot in group)}")
                runs += await asyncio.gather(*(slot.measure(phase) for slot in group))
        loads[phase] = load.found
        failed = {run.place for run in runs if not run.passed}
        slots = tuple(slot for slot in slots if slot.place not in failed)
    return Benchmark(runs=tuple(runs), loads=loads, idle=idle.found, left_out=bench.left_out)


def _groups(phase: Phase, slots: Sequence[GoldenSlot]) -> list[list[GoldenSlot]]:
    if phase is Phase.ALONE:
        return [[slot] for slot in slots]
    if phase is Phase.JIG:
        return [list(group) for _, group in groupby(slots, key=lambda slot: slot.place.jig)]
    return [list(slots)] if slots else []


class _Times(NamedTuple):
    wall: float
    own: float
    host_busy: float
    host_all: float


class _Load:
    found: PhaseLoad


@asynccontextmanager
async def _load() -> AsyncIterator[_Load]:
    """Watch what this computer and this process do while the block lasts."""
    load, lag = _Load(), LoopLag(_TICK_SECONDS)
    before = _times()
    with lag.watch():
        yield load
    after = _times()
    wall = max(after.wall - before.wall, 1e-6)
    load.found = PhaseLoad(
        seconds=wall,
        process_cpu=(after.own - before.own) / wall,
        host_cpu=(after.host_busy - before.host_busy) / max(after.host_all - before.host_all, 1e-6),
        lag_p99_ms=lag.p99_ms if lag.late else 0.0,
    )


def _times() -> _Times:
    """Read the clocks of this process and of all processors (proc(5), /proc/stat: idle and iowait are the 4th and 5th)."""
    fields = [
        int(field) for field in Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]
    ]
    return _Times(time.monotonic(), time.process_time(), sum(fields) - fields[3] - fields[4], sum(fields))
