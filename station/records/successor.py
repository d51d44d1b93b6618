"""The segment that will follow the one being written: made beside it, a little after each commit.

It takes over the newest segment's tables as they were at one moment, as far as a new segment does, and then each row that
was changed since, as it is now. So when no such row is left, it is what a segment is that was begun at this very moment.
Until it gets its name, the journal knows nothing of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

from station.records.chain import ChainHead, RecordedEvent
from station.records.changes import ChangedRows, Key
from station.records.facts.journal import SegmentStarted
from station.records.making import SegmentInTheMaking
from station.records.moments import Clock
from station.records.opening import append_row
from station.records.segments import segment_number, segment_path
from station.records.tables import DERIVED_TABLES, KEPT

SLICE: Final = 200
"""Rows that are taken over after one commit: a few milliseconds, as a commit takes."""


class Successor:
    """The next segment in the making, in the thread that writes the journal.

    Its methods raise sqlite3.Error, OSError or JournalError; after that nothing but `discard` may follow.
    """

    def __init__(self, newest: sqlite3.Connection, path: Path) -> None:
        """Begin what follows the segment at `path`, which is open for writing in `newest`."""
        self._newest = newest
        self._path = path
        self._made = SegmentInTheMaking(segment_path(path.parent, segment_number(path) + 1))
        try:
            self._changed = ChangedRows(newest)
        except BaseException:
            self._made.discard()
            raise
        self._left = 0
        """So many changed rows there were after the last slice."""
        self._work = self._slices()
        self._is_ready = False

    @property
    def path(self) -> Path:
        """Where the segment will lie."""
        return self._made.path

    def go_on(self) -> bool:
        """Do as much as may be done after one commit. Whether it may be finished as long as nothing more is written."""
        if self._is_ready:
            return self._follow()
        try:
            next(self._work)
        except StopIteration:
            self._is_ready = True
        return self._is_ready

    def finish(self, head: ChainHead, clock: Clock) -> RecordedEvent:
        """Begin the segment after `head`, of which `go_on` has said that it may be. Nothing may be written to the newest any more.

        Raises JournalInDoubt, too, if the segment may be there or not.
        """
        made = self._made.connection
        made.execute("BEGIN")
        started = SegmentStarted(previous_segment=self._path.name, previous_hash=head.hash.hex())
        recorded = append_row(made, head, started, clock)
        made.execute("COMMIT")
        self._made.finish()
        return recorded

    def discard(self) -> None:
        """Leave nothing of it, unless it is finished."""
        self._work.close()
        self._changed.stop()
        self._made.discard()

    def _slices(self) -> Generator[None]:
        """Take over what there is, and what changed meanwhile; yield where that is enough after one commit."""
        is_long, done = False, 0
        for rows in self._taken_over():
            done += rows
            if done >= SLICE:
                is_long, done = True, 0
                yield
        while not self._follow():
            is_long = True
            yield
        if is_long:
            # What the end has to wait for is on the disk before.
            self._newest.execute("PRAGMA wal_checkpoint(PASSIVE)")
            self._made.sync()
            yield
            while not self._follow():
                yield

    def _taken_over(self) -> Iterator[int]:
        """Copy the tables as they are now, however long that takes; yield the number of rows again and again."""
        made = self._made.connection
        made.execute("ATTACH ? AS finished", (str(self._path),))
        made.execute("BEGIN")
        for table in DERIVED_TABLES:
            # From the first on this connection sees the newest segment as it is at this moment.
            kept = KEPT.get(table, "TRUE").format(of="finished")
            taken = made.execute(f"SELECT * FROM finished.{table} WHERE {kept}")  # noqa: S608 - our own names
            while rows := taken.fetchmany(SLICE):
                made.executemany(f"INSERT INTO main.{table} VALUES ({_places(rows[0])})", rows)  # noqa: S608 - the same
                yield len(rows)
        made.execute("COMMIT")
        made.execute("DETACH finished")

    def _follow(self) -> bool:
        """Take over what changed: more than came since the last time, so that it comes to an end. Whether that was all."""
        made = self._made.connection
        made.execute("BEGIN")
        for _ in range(min(len(self._changed) - self._left + SLICE, len(self._changed))):
            table, key = self._changed.pop()
            self._take_over(table, key)
            if table == "order_lines":
                # A hub may be kept for the sake of a new line: see KEPT.
                self._take_over("hubs", key[1:])
        made.execute("COMMIT")
        self._left = len(self._changed)
        return self._left == 0

    def _take_over(self, table: str, key: Key) -> None:
        """Have this row as it is now, or not at all. What is not to be kept goes as the segment begins."""
        made = self._made.connection
        where = " AND ".join(f"{column} = ?" for column in self._changed.keys[table])
        row = self._newest.execute(f"SELECT * FROM {table} WHERE {where}", key).fetchone()  # noqa: S608 - our own names
        if row is None:
            made.execute(f"DELETE FROM {table} WHERE {where}", key)  # noqa: S608 - the same
        else:
            # A row with which it is at odds has changed too, and its turn comes.
            made.execute(f"INSERT OR REPLACE INTO {table} VALUES ({_places(row)})", row)  # noqa: S608 - the same


def _places(row: tuple[object, ...]) -> str:
    return ", ".join("?" * len(row))
