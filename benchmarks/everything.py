"""Every row of `docs/performance.md`, one after the other."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.board import board_row
from benchmarks.clients import SMPCLIENT
from benchmarks.journal import journal_row
from benchmarks.report import Figures
from benchmarks.stalled import stalled_row
from benchmarks.station import station_row
from benchmarks.upload import upload_rows
from benchmarks.workload import Workload

SLOW_LINE = 115_200
"""Baud. An upload takes half a minute, in which what disturbs it evens out: it is measured once."""
REPEATS = 3

BOARD_SECONDS = 20.0
JOURNAL_EVENTS = 1_000_000
STALLED = Workload(image_kib=448)
"""Long enough that the station finds the port stalled, and acts on it, while the others still upload."""


async def all_rows(on_row: Callable[[Figures], None]) -> list[Figures]:
    """Measure everything, telling each row as soon as it is there."""
    rows: list[Figures] = []

    def keep(*found: Figures) -> None:
        for row in found:
            rows.append(row)
            on_row(row)

    for baud in (SLOW_LINE, 921_600, 3_000_000):
        repeats = 1 if baud == SLOW_LINE else REPEATS
        for profile in ("default", "zephyr"):
            for slots in (1, 8, 24):
                workload = Workload(slots=slots, baud=baud, profile=profile)
                keep(*await upload_rows(workload, (4, 1), SMPCLIENT, repeats))
    keep(*await upload_rows(Workload(baud=3_000_000, write_us_per_byte=0.0), (4,), SMPCLIENT, REPEATS))
    keep(await stalled_row(STALLED))
    keep(await board_row(3, BOARD_SECONDS))
    keep(await journal_row(JOURNAL_EVENTS))
    keep(await station_row())
    return rows
