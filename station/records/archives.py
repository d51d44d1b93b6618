"""What a finished segment keeps findable: rows of its tables that later segments have not taken over.

They follow from the events up to the segment's end, as the newest segment's tables follow from all of them, and are
proved, and made again, as those are.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

from station.records.errors import UNREADABLE, journal_error
from station.records.segments import open_for_reading, open_for_writing
from station.records.tables import ARCHIVES_SINCE, KEPT, OUTBOX_SINCE, tables_version

_RESULTS_OF_3: Final = (
    "SELECT number, sequence, ordering_key, acknowledged FROM main.outbox WHERE kind = 'result' ORDER BY 1"
)
"""What the table `results` of an older segment holds, from the tables of today."""

_KEPT_IN_3: Final = ("order_lines", "attempts", "hubs", "results")
"""Of which tables older segments keep what is over."""


def differing(tables: sqlite3.Connection, path: Path) -> tuple[str, ...]:
    """Name the tables of a finished segment that are not what `tables`, derived up to its end, hold. Raises JournalError."""
    with closing(open_for_reading(path, finished=True)) as archive:
        try:
            return _differing(tables, archive)
        except UNREADABLE as error:
            raise journal_error(error, path) from error


def make_again(tables: sqlite3.Connection, path: Path) -> None:
    """Make what a finished segment keeps what `tables`, derived up to its end, hold. Raises JournalError."""
    if not differing(tables, path):
        return
    with closing(open_for_writing(path)) as archive:
        try:
            make_again_in(tables, archive)
            archive.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except UNREADABLE as error:
            raise journal_error(error, path) from error


def make_again_in(tables: sqlite3.Connection, archive: sqlite3.Connection) -> None:
    """Do so in a segment that is open already, in one transaction."""
    wrong = _differing(tables, archive)
    if not wrong:
        return
    archive.execute("PRAGMA foreign_keys = OFF")
    archive.execute("BEGIN IMMEDIATE")
    for table in wrong:
        archive.execute(f"DELETE FROM {table}")  # noqa: S608 - our own name
        columns = _columns(archive, table)
        places = ", ".join("?" * len(columns))
        archive.executemany(f"INSERT INTO {table} VALUES ({places})", _derived(tables, table, columns))  # noqa: S608 - the same
    archive.execute("COMMIT")


def _differing(tables: sqlite3.Connection, archive: sqlite3.Connection) -> tuple[str, ...]:
    version = tables_version(archive)
    if version < ARCHIVES_SINCE:
        return ()
    kept = KEPT if version >= OUTBOX_SINCE else _KEPT_IN_3
    return tuple(table for table in kept if _differs(tables, archive, table))


def _differs(tables: sqlite3.Connection, archive: sqlite3.Connection, table: str) -> bool:
    columns = _columns(archive, table)
    kept = _rows(archive, table, columns)
    return any(one != other for one, other in zip_longest(_derived(tables, table, columns), kept))


def _derived(tables: sqlite3.Connection, table: str, columns: list[str]) -> Iterator[tuple[Any, ...]]:
    """Read from the tables of today what this table of an archive holds."""
    return tables.execute(_RESULTS_OF_3) if table == "results" else _rows(tables, table, columns)


def _rows(tables: sqlite3.Connection, table: str, columns: list[str]) -> Iterator[tuple[Any, ...]]:
    """Read the table in the order of its key, which are the first two columns at most."""
    return tables.execute(f"SELECT {', '.join(columns)} FROM main.{table} ORDER BY 1, 2")  # noqa: S608 - our own names


def _columns(archive: sqlite3.Connection, table: str) -> list[str]:
    """Name the columns that the archive knows: newer tables may have more."""
    return [name for (name,) in archive.execute("SELECT name FROM pragma_table_info(?)", (table,))]
