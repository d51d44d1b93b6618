"""The row `reports`: how long years of a journal take to be taken in, and what the slots notice of it meanwhile.

24 slots append at the pace of a busy bench, by turns without reports, with reports that are kept up to date, and with
reports that are made anew beside them. The control of each figure is the same without, in the same run.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from benchmarks.busy_slots import SLOTS, Noticed, busy_round
from benchmarks.journal import EVENTS_AN_ATTEMPT, SITE, STATION, ended, fill, opened_attempt
from benchmarks.report import Figures
from station.domain.outcome import Stage
from station.records.facts.attempts import StageStarted
from station.records.journal import Journal
from station.reports.keeping import ReportKeeper
from station.reports.projection import SLICE_ROWS, Projection
from station.reports.tables import FILE_NAME
from station.throughput.lag import percentile

REPORTS_REPEATS: Final = 6
ROUND_SECONDS: Final = 5.0


async def reports_row(hubs: int, repeats: int, seconds: float) -> Figures:
    """Measure with a journal of so many hubs, each with all its stages, in rounds of so many seconds."""
    with tempfile.TemporaryDirectory(prefix="reflash-bench-") as name:
        folder, reports = Path(name) / "journal", Path(name) / "reports"
        written, _ = await fill(folder, hubs * EVENTS_AN_ATTEMPT)
        begun = time.monotonic()
        rows = await asyncio.to_thread(_take_in, reports, folder)
        alone = time.monotonic() - begun
        size = (reports / FILE_NAME).stat().st_size
        without, keeping_up, beside = Noticed(), Noticed(), Noticed()
        anew = Path(name) / "anew"
        taken = 0
        async with Journal.open(folder, site=SITE, station=STATION, segment_rows=1 << 62) as journal:
            attempts = [(await journal.append(opened_attempt(slot)))[0].sequence for slot in range(SLOTS)]

            def append(slot: int, turn: int) -> Awaitable[object]:
                kind = StageStarted if turn % 2 == 0 else ended
                return journal.append(kind(attempt=attempts[slot], stage=Stage.FLASH))

            for _ in range(repeats):
                await busy_round(append, seconds, without)
                async with _kept(journal, reports, folder):
                    await busy_round(append, seconds, keeping_up)
                shutil.rmtree(anew, ignore_errors=True)
                async with _kept(journal, anew, folder):
                    await busy_round(append, seconds, beside)
                with Projection(anew, folder, room=0) as projection:
                    projection.step(1)
                    taken += projection.sequence - 1
    faults = [] if rows >= written else [f"{rows} rows were taken in, {written} were written"]
    return {
        "row": "reports",
        "hubs": hubs,
        "rows": rows,
        "seconds": round(alone, 1),
        "rows_a_second": round(rows / alone),
        "bytes_a_hub": round(size / hubs),
        "rows_a_second_beside_work": round(taken / (repeats * seconds)),
        **{
            f"{figure}_p99_ms_{when}": round(1e3 * percentile(values, 0.99), 2)
            for when, noticed in (("without", without), ("keeping_up", keeping_up), ("made_anew", beside))
            for figure, values in (("append", noticed.appends), ("lag", noticed.late))
        },
        "valid": not faults,
        "void_because": faults,
    }


@asynccontextmanager
async def _kept(journal: Journal, reports: Path, folder: Path) -> AsyncIterator[None]:
    keeping = asyncio.create_task(ReportKeeper(journal, reports, folder, room=0).run())
    try:
        yield
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping


def _take_in(reports: Path, folder: Path) -> int:
    with Projection(reports, folder, room=0) as projection:
        while projection.step(SLICE_ROWS):
            pass
        return projection.sequence
