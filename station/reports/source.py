"""The journal as the reports read it: a slice at a time, from any row on, finished segments included.

Each slice is one short look, so that a journal that wants to begin a new segment finds nobody in its way.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

from station.records.chain import RecordedEvent
from station.records.derive import journal_id, read_rows
from station.records.errors import UNREADABLE, JournalCorrupt, JournalError, SegmentMissing, journal_error
from station.records.identities import Identities
from station.records.segments import open_for_reading, segment_number, segment_path, segment_paths
from station.reports.account import KINDS
from station.reports.errors import journal_unreadable

_KNOWN_KINDS: Final = ", ".join(f"'{kind}'" for kind in KINDS)
# `journal_restored` among them says by which id the rows that follow are known.
_SELECT: Final = (
    "SELECT sequence, utc, monotonic_ns,"  # noqa: S608 - our own words
    f" CASE WHEN json_extract(body, '$.kind') IN ({_KNOWN_KINDS}) THEN body END, hash"
    " FROM events WHERE sequence > ? ORDER BY sequence LIMIT ?"
)


class Cursor(NamedTuple):
    """The newest row that was read: its place in the journal, and the hash that tells it from any other there."""

    journal: UUID
    sequence: int
    hash: bytes


class Slice:
    """Some rows that follow each other."""

    def __init__(self, path: Path, journal: UUID, rows: list[Any]) -> None:
        """Hold rows of the segment at `path`, without their bodies where nobody asks, the first known by this journal's id."""
        self._path = path
        self._rows = rows
        self._identities = Identities([(0, journal)])

    def events(self) -> Iterator[RecordedEvent]:
        """Read those events that an account has to be told, one after the other. Raises ReportError."""
        known = (row for row in self._rows if row[3] is not None)
        with _told(self._path):
            yield from read_rows(self._path, self._identities, known)

    @property
    def cursor(self) -> Cursor:
        """The last row; by which id it is known is certain once all events were read."""
        sequence, *_, digest = self._rows[-1]
        return Cursor(self._identities.of(sequence), sequence, digest)


class Source:
    """Reads a journal's folder, beside its daemon or without one. Every method may raise ReportError."""

    def __init__(self, folder: Path) -> None:
        """Prepare; a segment is opened when the first row is asked for."""
        self._folder = folder
        self._path = segment_path(folder, 1)
        self._segment: sqlite3.Connection | None = None
        self._first = 0
        """Sequence of its first row."""

    def close(self) -> None:
        """Give the files back."""
        if self._segment is not None:
            self._segment.close()
            self._segment = None

    def begins(self) -> Cursor:
        """Return the place before the first row."""
        with _told(self._path):
            return Cursor(journal_id(self._folder), 0, b"")

    def last(self) -> int:
        """Return the sequence of the journal's newest row."""
        with _told(self._path):
            newest = self._newest()
            with closing(open_for_reading(newest, finished=False)) as segment:
                return _edge(segment, "max")

    def holds(self, cursor: Cursor) -> bool:
        """Whether this is a row of the journal that lies here now: another may have taken its place."""
        if cursor.sequence == 0:
            return cursor == self.begins()
        with _told(self._path):
            self._find(cursor.sequence)
            found = self._opened().execute("SELECT hash FROM events WHERE sequence = ?", (cursor.sequence,))
            return found.fetchall() == [(cursor.hash,)]

    def after(self, cursor: Cursor, rows: int) -> Slice | None:
        """Return so many rows behind this one, fewer at a segment's end; None if there are none yet."""
        with _told(self._path):
            if self._segment is None or cursor.sequence < self._first - 1:
                self._find(cursor.sequence + 1)
            while True:
                # Asked before the rows: once there is a newer segment, this one gets no more.
                finished = self._newest() != self._path
                found = self._opened().execute(_SELECT, (cursor.sequence, rows)).fetchall()
                if found or not finished:
                    break
                self._open(segment_path(self._folder, segment_number(self._path) + 1))
            if not found:
                return None
            if found[0][0] != cursor.sequence + 1:
                raise JournalCorrupt(self._path, f"row {cursor.sequence + 1} is missing", cursor.sequence + 1)
            return Slice(self._path, cursor.journal, found)

    def _find(self, sequence: int) -> None:
        """Open the segment that has this row, or would have it."""
        for path in reversed(segment_paths(self._folder)):
            self._open(path)
            if self._first <= sequence:
                return
        raise SegmentMissing(self._folder, segment_path(self._folder, 1).name)

    def _open(self, path: Path) -> None:
        self.close()
        self._path = path
        self._segment = open_for_reading(path, finished=False)
        self._first = _edge(self._segment, "min")

    def _opened(self) -> sqlite3.Connection:
        if self._segment is None:
            raise AssertionError("a segment is opened first")
        return self._segment

    def _newest(self) -> Path:
        return (segment_paths(self._folder) or [segment_path(self._folder, 1)])[-1]


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Tell of the journal's troubles as of the reports': whoever runs the station must not take them for his own."""
    try:
        yield
    except JournalError as error:
        raise journal_unreadable(error) from error
    except UNREADABLE as error:
        raise journal_unreadable(journal_error(error, path)) from error


def _edge(segment: sqlite3.Connection, which: str) -> int:
    """Return the first (`min`) or last (`max`) sequence of a segment; 0 if it has no row."""
    found: tuple[int | None] = segment.execute(f"SELECT {which}(sequence) FROM events").fetchone()  # noqa: S608 - one of two words
    return found[0] or 0
