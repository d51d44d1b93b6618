"""Checks a whole journal, row by row, from its first segment to what has been published of it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from pydantic import ValidationError

from station.records.chain import GENESIS, BrokenChain, ChainHead, follow
from station.records.derive import journal_id
from station.records.errors import JournalCorrupt, SegmentMissing
from station.records.facts.journal import SegmentStarted
from station.records.head import read_published_head
from station.records.identities import Identities
from station.records.opening import SELECT_RAW_ROWS, check_published_head
from station.records.segments import open_for_reading, segment_path, segment_paths, snapshot

_CHUNK: Final = 10_000


@dataclass(frozen=True, slots=True)
class Verification:
    """A journal that was found whole."""

    journal: UUID
    segments: tuple[str, ...]
    events: int
    head: bytes
    """Hash of the last row."""


def verify(folder: Path) -> Verification:
    """Check every row against the one before it, every segment, and the published head. Changes nothing.

    May run beside the daemon: it then checks what was committed when it came to the newest segment. Raises
    JournalCorrupt with the first broken row, JournalCutShort, SegmentMissing, or another JournalError.
    """
    head = ChainHead(journal_id(folder), 0, GENESIS)
    identities = Identities([(1, head.journal)])
    published = read_published_head(folder)
    paths = segment_paths(folder)
    for number, path in enumerate(paths, start=1):
        if path != segment_path(folder, number):
            raise SegmentMissing(folder, segment_path(folder, number).name)
        newest = number == len(paths)
        with (
            closing(open_for_reading(path, finished=not newest)) as connection,
            snapshot(connection, path) as segment,
        ):
            if number > 1:
                _check_first_row(segment, path, paths[number - 2], head)
            head = _follow_segment(segment, path, head, identities)
            if newest or (published is not None and published.sequence <= head.sequence):
                check_published_head(segment, path, head, published, identities)
    return Verification(head.journal, tuple(path.name for path in paths), head.sequence, head.hash)


def _check_first_row(segment: sqlite3.Connection, path: Path, previous: Path, head: ChainHead) -> None:
    row = segment.execute("SELECT body FROM events ORDER BY sequence LIMIT 1").fetchone()
    try:
        first = SegmentStarted.model_validate_json(row[0] if row else "")
    except ValidationError:
        first = None
    if first is None or (first.previous_segment, first.previous_hash) != (previous.name, head.hash.hex()):
        sequence = head.sequence + 1
        raise JournalCorrupt(path, f"row {sequence} does not go on from {previous.name}", sequence)


def _follow_segment(
    segment: sqlite3.Connection, path: Path, head: ChainHead, identities: Identities
) -> ChainHead:
    select = f"{SELECT_RAW_ROWS} WHERE sequence > ? ORDER BY sequence LIMIT {_CHUNK}"
    while True:
        try:
            rows = segment.execute(select, (head.sequence,)).fetchall()
            further = follow(head, rows)
        except BrokenChain as error:
            raise JournalCorrupt(path, str(error), error.sequence) from error
        except sqlite3.DatabaseError as error:
            row = _first_unreadable(segment, head.sequence + 1)
            raise JournalCorrupt(path, f"row {row} cannot be read ({error})", row) from error
        if further == head:
            return head
        if further.journal != head.journal:
            _note_identities(segment, head.sequence, further.sequence, identities)
        head = further


def _note_identities(segment: sqlite3.Connection, after: int, last: int, identities: Identities) -> None:
    rows = segment.execute(
        "SELECT sequence, json_extract(body, '$.journal') FROM events WHERE sequence > ? AND sequence <= ?"
        " AND json_extract(body, '$.kind') = 'journal_restored'",
        (after, last),
    )
    for sequence, journal in rows:
        identities.begin(sequence, UUID(journal))


def _first_unreadable(segment: sqlite3.Connection, row: int) -> int:
    """Return the first row, from this one on, that SQLite cannot find or read by itself."""
    try:
        while segment.execute("SELECT body, hash FROM events WHERE sequence = ?", (row,)).fetchone():
            row += 1
    except sqlite3.DatabaseError:
        pass
    return row
