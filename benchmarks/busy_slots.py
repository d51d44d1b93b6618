"""24 slots that append at the pace of a busy bench, and what they and the loop notice of what goes on beside them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from station.throughput.lag import LoopLag

SLOTS: Final = 24
_BETWEEN_APPENDS: Final = 0.1
"""Seconds, of one slot: more than any hub has to tell."""
_TICK_SECONDS: Final = 0.005


@dataclass
class Noticed:
    """Seconds of each append, and by which each tick of the loop was late."""

    appends: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)


async def busy_round(
    append: Callable[[int, int], Awaitable[object]], seconds: float, noticed: Noticed
) -> None:
    """Have all slots append at once for so many seconds; `append` is told the slot and its turn, both from 0."""
    lag = LoopLag(_TICK_SECONDS)
    until = time.monotonic() + seconds

    async def work(slot: int) -> None:
        turn = 0
        while (begun := time.monotonic()) < until:
            await append(slot, turn)
            noticed.appends.append(time.monotonic() - begun)
            turn += 1
            await asyncio.sleep(_BETWEEN_APPENDS)

    with lag.watch():
        async with asyncio.TaskGroup() as group:
            for slot in range(SLOTS):
                group.create_task(work(slot))
    noticed.late += lag.late
