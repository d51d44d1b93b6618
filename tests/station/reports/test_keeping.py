"""Reports kept beside a journal that is written to: woken by its news, never in its way, begun again after trouble."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from benches.journal_samples import STARTED, TOPICS, closed, opened, order_events, write
from benches.looking import until
from benches.report_journal import work, writing
from benches.tasks import beside
from station.daemon.supervision import supervise
from station.domain.statement import Statement
from station.records.journal import Journal
from station.reports.errors import ReportError
from station.reports.keeping import ReportKeeper
from station.reports.reader import Wanted, open_reports
from station.reports.tables import FILE_NAME


def passed(reports: Path) -> int:
    try:
        with open_reports(reports) as state:
            return state.hubs(Wanted(), state.span(Wanted())).all.passed
    except ReportError:
        return 0


async def hub_passes(journal: Journal, number: int) -> None:
    (attempt,) = await journal.append(opened(number))
    await journal.append(closed(attempt.sequence, number))


def keeper(journal: Journal, reports: Path, folder: Path) -> ReportKeeper:
    return ReportKeeper(journal, reports, folder, room=0, gather_seconds=0.01)


class Board:
    """What people were shown."""

    def __init__(self) -> None:
        self.details: list[str | None] = []

    def set_fault(self, source: str, fault: Statement | None) -> None:
        assert source == "reports"
        self.details.append(None if fault is None else fault.details.detail)


async def test_each_fact_wakes_it_and_trouble_is_shown_and_passes(folder: Path, tmp_path: Path) -> None:
    reports = tmp_path / "reports"

    async with Journal.open(folder, site=TOPICS.site, station=TOPICS.station) as journal:
        board = Board()
        reports.write_text("in the way")
        supervised = supervise(
            "reports",
            keeper(journal, reports, folder).run,
            board,
            pause=lambda _: until(lambda: not reports.is_file()),
        )
        async with beside(supervised):
            await journal.append(STARTED, *order_events(hubs=9))
            await hub_passes(journal, 1)
            await until(lambda: bool(board.details))
            (detail,) = board.details
            assert detail == (
                f"{reports / FILE_NAME}: File exists; give the folder back to the station's user, writable, or "
                "delete it: it is made again"
            )
            await hub_passes(journal, 2)
            reports.unlink()
            await until(lambda: passed(reports) == 2)
            (reports / FILE_NAME).unlink()
            await hub_passes(journal, 3)
            await until(lambda: passed(reports) == 3)
            with closing(sqlite3.connect(reports / FILE_NAME, isolation_level=None)) as meddler:
                meddler.execute("BEGIN IMMEDIATE")
                await hub_passes(journal, 4)
                await until(lambda: len(board.details) == 2)
                assert "is locked by another program: close it (fuser" in str(board.details[1])
            await until(lambda: passed(reports) == 4)


@pytest.mark.parametrize("begun", [False, True])
async def test_a_stop_in_the_middle_waits_for_nothing_and_the_next_start_goes_on(
    folder: Path, tmp_path: Path, begun: bool
) -> None:
    reports = tmp_path / "reports"
    with writing(folder, segment_rows=1000) as ledger:
        write(ledger, STARTED, *order_events(hubs=40))
        work(ledger, *range(40))

    async with Journal.open(folder, site=TOPICS.site, station=TOPICS.station) as journal:
        async with beside(keeper(journal, reports, folder).run()) as (keeping,):
            await until(lambda: not begun or (reports / FILE_NAME).exists())
        assert keeping.cancelled()
        async with beside(keeper(journal, reports, folder).run()):
            await until(lambda: passed(reports) == 32)
