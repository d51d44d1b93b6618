"""What the reports' file holds, and how rows get into it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from station.records.tables import run_script
from station.reports.rows import (
    JournalPart,
    Result,
    Row,
    Service,
    SlotTime,
    StageRun,
    StationRun,
    Visit,
    Wear,
)

FILE_NAME: Final = "reports.sqlite"
"""Of the file, in a folder of its own."""

APPLICATION_ID: Final = 0x52465250
"""`RFRP` in the SQLite header: tells these files from other databases."""

REPORTS_VERSION: Final = 5
"""Kept as SQLite's user_version. Raise it with every change of the tables, or of what they are made of: a file of another
version, older or newer, is made again from the journal."""

_TABLES: Final = """
CREATE TABLE progress (                 -- one row
    journal  TEXT    NOT NULL,          -- the cursor: identity, sequence and hash of the newest row that was read
    sequence INTEGER NOT NULL,
    hash     BLOB    NOT NULL,
    account  TEXT    NOT NULL           -- what has to be known of all events so far, as JSON
);
CREATE TABLE results (
    sequence           INTEGER PRIMARY KEY,
    attempt            INTEGER NOT NULL,
    jig                TEXT    NOT NULL,
    slot               INTEGER NOT NULL,
    work_order         TEXT,
    hub                TEXT,
    model              TEXT,
    kind               TEXT,
    number             INTEGER NOT NULL,
    outcome            TEXT    NOT NULL,
    stage              TEXT    NOT NULL,
    code               TEXT,
    firmware_before    TEXT,
    firmware_target    TEXT,
    firmware_read_back TEXT,
    station_version    TEXT    NOT NULL,
    opened             INTEGER NOT NULL, -- microseconds since 1970, as all times here
    closed             INTEGER NOT NULL,
    seconds            REAL    NOT NULL,
    work_seconds       REAL    NOT NULL,
    hands_seconds      REAL,
    boot_seconds       REAL
);
CREATE INDEX results_by_closed ON results (closed);
CREATE TABLE stage_runs (
    attempt  INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    step     INTEGER NOT NULL,
    stage    TEXT    NOT NULL,
    seconds  REAL    NOT NULL,
    code     TEXT,
    PRIMARY KEY (attempt, sequence)
) WITHOUT ROWID;
CREATE TABLE slot_times (
    jig        TEXT    NOT NULL,
    slot       INTEGER NOT NULL,
    sequence   INTEGER NOT NULL,
    use        TEXT    NOT NULL,
    work_order TEXT,
    attempt    INTEGER,
    began      INTEGER NOT NULL,
    seconds    REAL    NOT NULL,
    PRIMARY KEY (jig, slot, sequence)
) WITHOUT ROWID;
CREATE TABLE station_runs (
    sequence INTEGER PRIMARY KEY,
    began    INTEGER NOT NULL,
    seconds  REAL    NOT NULL
);
CREATE TABLE visits (
    sequence INTEGER PRIMARY KEY,
    attempt  INTEGER NOT NULL,
    jig      TEXT    NOT NULL,
    slot     INTEGER NOT NULL,
    hub      TEXT,
    began    INTEGER NOT NULL,
    ending   TEXT    NOT NULL,
    retried  INTEGER NOT NULL
);
CREATE INDEX visits_by_began ON visits (began);
CREATE TABLE wear (
    jig        TEXT    NOT NULL,
    slot       INTEGER NOT NULL,
    sequence   INTEGER NOT NULL,
    insertions INTEGER NOT NULL,
    PRIMARY KEY (jig, slot, sequence)
) WITHOUT ROWID;
CREATE TABLE services (
    sequence INTEGER NOT NULL,
    jig      TEXT    NOT NULL,
    slot     INTEGER NOT NULL,          -- 0 for what is the whole jig's
    what     TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    actor    TEXT,
    PRIMARY KEY (jig, what, slot, sequence)
) WITHOUT ROWID;
CREATE TABLE journal_parts (
    sequence INTEGER PRIMARY KEY,
    journal  TEXT    NOT NULL,
    began    INTEGER NOT NULL,
    before   INTEGER
)
"""


def _insert(table: str, row: type[Row]) -> str:
    return f"INSERT INTO {table} VALUES ({', '.join('?' * len(row._fields))})"  # noqa: S608 - our own names


_INSERT: Final = {
    Result: _insert("results", Result),
    StageRun: _insert("stage_runs", StageRun),
    SlotTime: _insert("slot_times", SlotTime),
    StationRun: _insert("station_runs", StationRun),
    Visit: _insert("visits", Visit),
    Wear: _insert("wear", Wear),
    Service: _insert("services", Service),
    JournalPart: _insert("journal_parts", JournalPart),
}


def create(file: sqlite3.Connection) -> None:
    """Make the tables, empty, within the transaction that is open."""
    run_script(file, _TABLES)
    file.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    file.execute(f"PRAGMA user_version = {REPORTS_VERSION}")


def is_ours(file: sqlite3.Connection) -> bool:
    """Whether the tables are those of this very program."""
    kind = (
        file.execute("PRAGMA application_id").fetchone()[0],
        file.execute("PRAGMA user_version").fetchone()[0],
    )
    return kind == (APPLICATION_ID, REPORTS_VERSION)


def insert(file: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Add rows, each to its table."""
    for row in rows:
        file.execute(_INSERT[type(row)], row)
