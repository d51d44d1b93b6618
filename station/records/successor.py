"""The segment that will follow the one being written: made beside it, a little after each commit.

It takes over the newest segment's rows, as far as a new segment does, each as it is when its turn comes, and then again
each row that was changed since it is watched. So when no such row is left, it is what a segment is that was begun at this
very moment. Until it gets its name, the journal knows nothing of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterator
from itertools import chain
from pathlib import Path
from typing import Final

from station.records.chain import ChainHead, RecordedEvent
from station.records.changes import ChangedRows, Key
from station.records.facts.journal import SegmentStarted
from station.records.making import SegmentInTheMaking
from station.records.moments import Clock
from station.records.opening import append_row
from station.records.segments import fold_log, segment_number, segment_path
from station.records.tables import DERIVED_TABLES, KEPT

Row = tuple[object, ...]

SLICE: Final = 200
"""Rows that are taken over after one commit: a few milliseconds, as a commit takes."""

_LOOKS_A_COPY: Final = 15
"""To take a row over takes as long as to look at so many that are left behind."""

_STATEMENTS: Final = 40
"""Tables and triggers that are made after one commit: it takes as long."""

_SLICES_A_SYNC: Final = 5
"""After so many, one commit is followed by a sync instead: it takes longer the more there is to be put on the disk."""


class Successor:
    """The next segment in the making, in the thread that writes the journal.

    Its methods raise sqlite3.Error, OSError or JournalError; after that nothing but `discard` may follow.
    """

    def __init__(self, newest: sqlite3.Connection, path: Path) -> None:
        """Begin what follows the segment at `path`, which is open for writing in `newest`."""
        self._newest = newest
        self._path = path
        self._made = SegmentInTheMaking(segment_path(path.parent, segment_number(path) + 1))
        self._changed = ChangedRows(newest)
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
        for made, _ in enumerate(chain(self._made.lay_out(), self._changed.watch()), 1):
            if made % _STATEMENTS == 0:
                yield
        yield
        yield from self._taken_over()
        while not self._follow():
            yield
        yield
        # What the end has to wait for is on the disk before.
        fold_log(self._newest)
        yield
        self._made.sync()
        yield
        while not self._follow():
            yield

    def _taken_over(self) -> Iterator[None]:
        """Copy the tables, each row as it is when its turn comes, however long that takes."""
        made = self._made.connection
        done = slices = 0
        for table in DERIVED_TABLES:
            for rows in self._kept_rows(table):
                made.execute("BEGIN")
                for row in rows:
                    _put(made, table, row)
                made.execute("COMMIT")
                done += len(rows) + SLICE // _LOOKS_A_COPY
                if done < SLICE:
                    continue
                done = 0
                yield
                slices += 1
                if slices % _SLICES_A_SYNC == 0:
                    self._made.sync()
                    yield

    def _kept_rows(self, table: str) -> Iterator[list[Row]]:
        """Look at a table's rows, so many at a time, and return those that a new segment takes over.

        A finished segment may have a thousand rows for each of them: then it is the looking that takes long.
        """
        key, places = ", ".join(self._changed.keys[table]), _places(self._changed.keys[table])
        kept = KEPT.get(table, "TRUE").format(of="main")
        before: tuple[str, Key] = "TRUE", ()
        while True:
            where, of = before
            last = self._newest.execute(
                f"SELECT {key} FROM {table} WHERE {where} ORDER BY {key} LIMIT 1 OFFSET {SLICE - 1}",  # noqa: S608 - our own names
                of,
            ).fetchone()
            if last is not None:
                where, of = f"{where} AND ({key}) <= ({places})", (*of, *last)
            # What is kept must not make SQLite look anywhere else.
            yield self._newest.execute(
                f"SELECT * FROM {table} WHERE {where} AND iif({kept}, TRUE, FALSE)",  # noqa: S608 - the same
                of,
            ).fetchall()
            if last is None:
                return
            before = f"({key}) > ({places})", last

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
            _put(made, table, row)


def _put(made: sqlite3.Connection, table: str, row: Row) -> None:
    """Have this row. One with which it is at odds has changed since it was taken over, and its turn comes."""
    made.execute(f"INSERT OR REPLACE INTO {table} VALUES ({_places(row)})", row)  # noqa: S608 - our own names


def _places(of: tuple[object, ...]) -> str:
    return ", ".join("?" * len(of))
