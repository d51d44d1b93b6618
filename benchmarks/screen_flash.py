"""The row `screen-flash`: how fast hubs are written while three browsers watch, beside the same with nobody watching.

The daemon writes 24 hubs at 921600 baud, again and again; in every other round the screen runs, and three browsers have its bench
open from before the first hub on. The control is the rounds between. Browsers take their share of this computer's cores, as they
do on a bench PC: the ratio is of everything together.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from statistics import mean
from typing import Final

from benchmarks.busy_slots import SLOTS
from benchmarks.report import Figures
from benchmarks.screen import BROWSERS, open_browser, running_screen
from benchmarks.station import Shift, work
from station.demo.scene import BAUD, IMAGE_BYTES
from station.domain.outcome import Stage

SCREEN_FLASH_REPEATS: Final = 3


async def screen_flash_row(repeats: int) -> Figures:
    """Measure so many rounds of each kind, by turns. Raises BenchmarkFailed."""
    watched: list[Shift] = []
    alone: list[Shift] = []
    for number in range(repeats):
        kinds = ((alone, False), (watched, True))
        for shifts, is_watched in kinds if number % 2 == 0 else reversed(kinds):
            shifts.append(await (work(SLOTS, watching=_browsers) if is_watched else work(SLOTS)))
    faults = [
        f"a hub ended {outcome}"
        for shift in (*alone, *watched)
        for outcome in shift.outcomes
        if outcome != "passed"
    ]
    return {
        "row": "screen-flash",
        "slots": SLOTS,
        "browsers": BROWSERS,
        "baud": BAUD,
        "image_body_bytes": IMAGE_BYTES,
        "flash_seconds_alone": round(_flash(alone), 3),
        "flash_seconds_watched": round(_flash(watched), 3),
        "speed_of_alone": round(_flash(alone) / _flash(watched), 3),
        "speed_in_each_repeat": [
            round(_flash([one]) / _flash([other]), 3) for one, other in zip(alone, watched, strict=True)
        ],
        "attempt_of_alone": round(_attempt(alone) / _attempt(watched), 3),
        "valid": not faults,
        "void_because": faults,
    }


def _flash(shifts: list[Shift]) -> float:
    return mean(shift.stages[Stage.FLASH] for shift in shifts)


def _attempt(shifts: list[Shift]) -> float:
    return mean(mean(shift.seconds) for shift in shifts)


@asynccontextmanager
async def _browsers(desk_socket: Path) -> AsyncIterator[None]:
    """Have three browsers show the bench that is yet to begin."""
    async with running_screen(desk_socket) as (_, port):
        with ExitStack() as opened:
            for _ in range(BROWSERS):
                await asyncio.to_thread(opened.enter_context, open_browser(port))
            yield
