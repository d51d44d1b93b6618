"""Makes the derived tables again from the events of all segments: for proof, repair and new schema versions."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final
from uuid import UUID

from pydantic import ValidationError

from station.records.chain import RecordedEvent, Row, recorded_event
from station.records.errors import EventRefused, JournalCorrupt
from station.records.events import JournalCreated
from station.records.projection import apply
from station.records.segments import is_there, open_for_reading, segment_number, segment_path, snapshot
from station.records.tables import TABLES_VERSION, create_derived, drop_derived

_TYPES: Final = (int, int, int, str, bytes)
SELECT_ROWS: Final = "SELECT sequence, utc, monotonic_ns, body, hash FROM events"


def read_rows(path: Path, journal: UUID, rows: Iterator[Row]) -> Iterator[RecordedEvent]:
    """Read rows of the segment at `path`. Raises JournalCorrupt for a body that is no event."""
    for row in rows:
        # A damaged file may give any type in any column.
        if tuple(map(type, row)) != _TYPES:
            raise JournalCorrupt(path, f"row {row[0]} has a field of another type")
        try:
            yield recorded_event(journal, row)
        except (ValidationError, OverflowError) as error:  # no event, or at no time that there is
            raise JournalCorrupt(
                path, f"row {row[0]} holds no event known to this program", row[0]
            ) from error


def journal_id(folder: Path) -> UUID:
    """Return whose rows these are, from the very first one. Raises SegmentMissing or JournalCorrupt."""
    first = segment_path(folder, 1)
    with (
        closing(open_for_reading(first, finished=is_there(segment_path(folder, 2)))) as connection,
        snapshot(connection, first) as segment,
    ):
        row = segment.execute("SELECT body FROM events WHERE sequence = 1").fetchone()
    try:
        return JournalCreated.model_validate_json(row[0] if row else "").journal
    except ValidationError as error:
        raise JournalCorrupt(first, "its row 1 does not say whose journal this is", 1) from error


def all_events(newest: sqlite3.Connection, newest_path: Path, journal: UUID) -> Iterator[RecordedEvent]:
    """Read every event of the journal, oldest first, up to the segment that `newest` has open."""
    for number in range(1, segment_number(newest_path)):
        path = segment_path(newest_path.parent, number)
        with closing(open_for_reading(path, finished=True)) as segment:
            yield from read_rows(path, journal, segment.execute(f"{SELECT_ROWS} ORDER BY sequence"))
    yield from read_rows(newest_path, journal, newest.execute(f"{SELECT_ROWS} ORDER BY sequence"))


def derive(tables: sqlite3.Connection, events: Iterator[RecordedEvent]) -> int:
    """Apply all events to empty derived tables; return how many there were. Raises EventRefused."""
    count = 0
    for recorded in events:
        try:
            apply(tables, recorded)
        except (ValueError, OverflowError) as error:
            raise EventRefused(f"row {recorded.sequence} holds what no table can: {error}") from error
        count += 1
    return count


def derive_again(newest: sqlite3.Connection, newest_path: Path) -> None:
    """Replace the derived tables of the newest segment by what the events say, in one transaction.

    This is also how a journal of an older schema is brought up to date: events never change, so that the
    tables of a new version follow from them. Raises JournalError, leaving the tables as they were.
    """
    journal = journal_id(newest_path.parent)
    newest.execute("PRAGMA foreign_keys = OFF")
    newest.execute("BEGIN IMMEDIATE")
    try:
        drop_derived(newest)
        create_derived(newest)
        derive(newest, all_events(newest, newest_path, journal))
        newest.execute(f"PRAGMA user_version = {TABLES_VERSION}")
        newest.execute("COMMIT")
    finally:
        if newest.in_transaction:
            newest.execute("ROLLBACK")
        newest.execute("PRAGMA foreign_keys = ON")
