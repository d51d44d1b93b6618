"""Proves that the derived tables follow from the events, and makes them again where they do not."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from station.records import archives, lock
from station.records.derive import all_events, derive
from station.records.errors import UNREADABLE, EventRefused, JournalCorrupt, SegmentMissing, journal_error
from station.records.moments import Clock, system_clock
from station.records.replay import replay
from station.records.segments import open_up_to_date, read_only_uri, segment_path, segment_paths
from station.records.tables import DERIVED_TABLES, create_derived


@dataclass(frozen=True, slots=True)
class Rebuild:
    """What the events say, against what the tables hold."""

    events: int
    rows: Mapping[str, int]
    """Rows of each table as made from the events."""
    differing: tuple[str, ...]
    """Tables that hold something else; those of a finished segment with its name."""


def rebuild(folder: Path) -> Rebuild:
    """Make the derived tables again, elsewhere, and compare. Changes nothing; may run beside the daemon.

    Raises JournalError for a journal that cannot be read whole.
    """
    paths = segment_paths(folder)
    if not paths:
        raise SegmentMissing(folder, segment_path(folder, 1).name)
    newest = paths[-1]
    with closing(open_up_to_date(newest)):
        pass  # else its tables have other columns
    try:
        with closing(sqlite3.connect("", uri=True, isolation_level=None)) as made:
            create_derived(made)
            made.execute("ATTACH ? AS kept", (read_only_uri(newest, finished=False),))
            made.execute("BEGIN")
            # The table `events` is the kept one's: what is made here has none.
            in_archives: list[str] = []

            def segment_ends(name: str) -> None:
                in_archives.extend(f"{table} of {name}" for table in archives.differing(made, folder / name))

            events = derive(made, all_events(made, newest), segment_ends)
            rows = {table: _count(made, table) for table in DERIVED_TABLES}
            differing = (*in_archives, *(table for table in DERIVED_TABLES if _differs(made, table)))
            made.execute("ROLLBACK")
    except UNREADABLE as error:
        raise journal_error(error, newest) from error
    except EventRefused as error:
        raise JournalCorrupt(newest, f"its events contradict each other: {error}") from error
    return Rebuild(events, rows, differing)


def repair(folder: Path, clock: Clock = system_clock) -> None:
    """Begin a segment whose tables are what the events say. Raises JournalInUse, or another JournalError."""
    with lock.hold(folder):
        replay(folder, clock, lambda _: None)


def _count(made: sqlite3.Connection, table: str) -> int:
    found: tuple[int] = made.execute(f"SELECT count(*) FROM main.{table}").fetchone()  # noqa: S608 - our own name
    return found[0]


def _differs(made: sqlite3.Connection, table: str) -> bool:
    one, other = f"SELECT * FROM main.{table}", f"SELECT * FROM kept.{table}"  # noqa: S608 - our own names
    for left, right in ((one, other), (other, one)):
        if made.execute(f"{left} EXCEPT {right} LIMIT 1").fetchone() is not None:
            return True
    return False
