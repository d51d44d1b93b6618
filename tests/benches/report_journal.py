"""Journals for the tests of reports: hubs that come one after the other, by a clock that goes on by itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final

from benches.journal_samples import TOPICS, closed, opened, write
from station.domain.outcome import Outcome, Stage
from station.records import lock
from station.records.facts.attempts import StageEnded, StageStarted
from station.records.ledger import Ledger, LedgerSettings
from station.reports.projection import Projection
from station.reports.tables import FILE_NAME

TABLES: Final = (
    "results",
    "stage_runs",
    "slot_times",
    "station_runs",
    "visits",
    "wear",
    "services",
    "journal_parts",
    "progress",
)

SPRING: Final = 1_774_742_400_000_000
"""2026-03-29T00:00Z, microseconds since 1970: an hour later British clocks go forward."""


@contextmanager
def writing(journal: Path, *, segment_rows: int = 60, utc: int = SPRING) -> Iterator[Ledger]:
    """Hold a journal whose clocks go on by a second a row."""
    seconds = count(1)

    def clock() -> tuple[int, int]:
        second = next(seconds)
        return utc + second * 1_000_000, second * 1_000_000_000

    with lock.hold(journal):
        ledger = Ledger(LedgerSettings(journal, TOPICS, clock, segment_rows))
        try:
            yield ledger
        finally:
            ledger.close()


def project(reports: Path, journal: Path, *, room: int = 0) -> None:
    """Take in all that the journal has."""
    with Projection(reports, journal, room=room) as projection:
        while projection.step(7):
            pass


def report_content(reports: Path) -> dict[str, list[Any]]:
    """Return every row of the reports' file."""
    with closing(sqlite3.connect(reports / FILE_NAME)) as file:
        return {table: file.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3").fetchall() for table in TABLES}


def work(ledger: Ledger, *hubs: int) -> None:
    """Have hubs pass, or fail, one after the other in two slots."""
    for hub in hubs:
        (attempt, *_) = write(ledger, opened(hub, slot=hub % 2 + 1))
        write(ledger, StageStarted(attempt=attempt.sequence, stage=Stage.FLASH))
        write(ledger, StageEnded(attempt=attempt.sequence, stage=Stage.FLASH, seconds=hub + 0.5))
        outcome = Outcome.FAILED if hub % 5 == 4 else Outcome.PASSED
        write(ledger, closed(attempt.sequence, hub, outcome, slot=hub % 2 + 1))
