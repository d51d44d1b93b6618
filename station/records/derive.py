"""Reads the events of all segments in order, and derives tables from them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final
from uuid import UUID

from pydantic import ValidationError

from station.records.chain import RawRow, RecordedEvent, Row, recorded_event
from station.records.errors import EventRefused, JournalCorrupt
from station.records.facts.journal import JournalCreated, JournalRestored, SegmentStarted
from station.records.identities import Identities
from station.records.projection import apply
from station.records.segments import is_there, open_for_reading, segment_number, segment_path, snapshot

_TYPES: Final = ((int, int, int, str, bytes), (int, int, int, bytes, bytes))
SELECT_ROWS: Final = "SELECT sequence, utc, monotonic_ns, body, hash FROM events"


def read_rows(path: Path, identities: Identities, rows: Iterable[Row | RawRow]) -> Iterator[RecordedEvent]:
    """Read rows of the segment at `path`. Raises JournalCorrupt for a body that is no event.

    `identities` has to know those of the first row; what the rows say of a new one is added.
    """
    for row in rows:
        # A damaged file may give any type in any column.
        if tuple(map(type, row)) not in _TYPES:
            raise JournalCorrupt(path, f"row {row[0]} has a field of another type")
        try:
            recorded = recorded_event(identities.of(row[0]), row)
        except (
            ValidationError,
            OverflowError,
            LookupError,
        ) as error:  # no event, or at no time that there is
            raise JournalCorrupt(
                path, f"row {row[0]} holds no event known to this program", row[0]
            ) from error
        if isinstance(recorded.event, JournalRestored):
            identities.begin(recorded.sequence, recorded.event.journal)
            recorded = replace(recorded, journal=recorded.event.journal)
        yield recorded


def journal_id(folder: Path) -> UUID:
    """Return by which id the first rows are known, from the very first one. Raises SegmentMissing or JournalCorrupt."""
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


def all_events(newest: sqlite3.Connection, newest_path: Path) -> Iterator[RecordedEvent]:
    """Read every event of the journal, oldest first, up to the segment that `newest` has open."""
    identities = Identities([(1, journal_id(newest_path.parent))])
    for number in range(1, segment_number(newest_path)):
        path = segment_path(newest_path.parent, number)
        with closing(open_for_reading(path, finished=True)) as segment:
            yield from read_rows(path, identities, segment.execute(f"{SELECT_ROWS} ORDER BY sequence"))
    yield from read_rows(newest_path, identities, newest.execute(f"{SELECT_ROWS} ORDER BY sequence"))


def derive(
    tables: sqlite3.Connection,
    events: Iterator[RecordedEvent],
    segment_ends: Callable[[str], None] = lambda _: None,
) -> int:
    """Apply all events to empty derived tables; return how many there were. Raises EventRefused.

    `segment_ends` is called with the name of each finished segment when the tables are what they were at its end.
    """
    count = 0
    for recorded in events:
        if isinstance(recorded.event, SegmentStarted):
            segment_ends(recorded.event.previous_segment)
        try:
            apply(tables, recorded)
        except (ValueError, OverflowError) as error:
            raise EventRefused(f"row {recorded.sequence} holds what no table can: {error}") from error
        count += 1
    return count
