"""The segment that will follow the one being written: made beside it, a little after each commit.

It is what the newest segment's tables were at one moment, as far as a new segment takes them over, and then what the
events since that moment make of them. So it may be some events behind, but is never anything else than a
segment that was begun at that moment would be. Until it gets its name, the journal knows nothing of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

from station.records.chain import ChainHead, RecordedEvent
from station.records.derive import SELECT_ROWS, read_rows
from station.records.facts.journal import SegmentStarted, identities_of
from station.records.making import SegmentInTheMaking
from station.records.moments import Clock
from station.records.opening import append_row
from station.records.projection import apply
from station.records.segments import segment_number, segment_path
from station.records.tables import DERIVED_TABLES, KEPT

SLICE: Final = 200
"""Rows that are taken over after one commit, or an eighth as many events followed: a few milliseconds, as a commit takes."""
_EVENT: Final = 8
"""So many rows are taken over in the time in which one event is followed."""


class Successor:
    """The next segment in the making, in the thread that writes the journal.

    Its methods raise sqlite3.Error, OSError or JournalError; after that nothing but `discard` may follow.
    """

    def __init__(self, newest: sqlite3.Connection, path: Path) -> None:
        """Begin what follows the segment at `path`, which is open for writing in `newest`."""
        self._newest = newest
        self._path = path
        self._made = SegmentInTheMaking(segment_path(path.parent, segment_number(path) + 1))
        self._followed = 0
        """The row of the newest segment up to which this one is what follows from it."""
        self._work = self._slices()
        self._is_ready = False

    @property
    def path(self) -> Path:
        """Where the segment will lie."""
        return self._made.path

    def go_on(self) -> bool:
        """Do as much as may be done after one commit. Whether it is as good as ready by now."""
        if self._is_ready:
            self._follow()
        else:
            try:
                next(self._work)
            except StopIteration:
                self._is_ready = True
        return self._is_ready

    def finish(self, head: ChainHead, clock: Clock) -> RecordedEvent:
        """Follow to the very end, which is `head`, and begin the segment there. Nothing may be written to the newest any more.

        Raises JournalInDoubt, too, if the segment may be there or not.
        """
        self._follow()
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
        self._made.discard()

    def _slices(self) -> Generator[None]:
        """Take over what there is, and follow what came meanwhile; yield where that is enough after one commit."""
        is_long, done = False, 0
        for rows in self._taken_over():
            done += rows
            if done >= SLICE:
                is_long, done = True, 0
                yield
        share = max(SLICE // _EVENT, 1)
        last = self._last()
        while last - self._followed > share:
            # More than came in the meantime, so that it comes to an end.
            came, last = self._last() - last, self._last()
            self._follow(self._followed + came + share)
            is_long = True
            yield
        self._follow()
        if is_long:
            # What the end has to wait for is on the disk before.
            self._newest.execute("PRAGMA wal_checkpoint(PASSIVE)")
            self._made.sync()
            yield

    def _taken_over(self) -> Iterator[int]:
        """Copy the tables as they are now, however long that takes; yield the number of rows again and again."""
        made = self._made.connection
        made.execute("ATTACH ? AS finished", (str(self._path),))
        made.execute("BEGIN")
        # From here on this connection sees the newest segment as it is at this moment.
        (self._followed,) = made.execute("SELECT max(sequence) FROM finished.events").fetchone()
        for table in DERIVED_TABLES:
            kept = KEPT.get(table, "TRUE").format(of="finished")
            taken = made.execute(f"SELECT * FROM finished.{table} WHERE {kept}")  # noqa: S608 - our own names
            places = ", ".join("?" * len(taken.description))
            while rows := taken.fetchmany(SLICE):
                made.executemany(f"INSERT INTO main.{table} VALUES ({places})", rows)  # noqa: S608 - the same
                yield len(rows)
        made.execute("COMMIT")
        made.execute("DETACH finished")

    def _last(self) -> int:
        """Return the newest segment's last row."""
        last: tuple[int] = self._newest.execute("SELECT max(sequence) FROM events").fetchone()
        return last[0]

    def _follow(self, until: int = 1 << 62) -> None:
        """Let what was written to the newest segment, up to this row, have happened in this one too."""
        rows = self._newest.execute(
            f"{SELECT_ROWS} WHERE sequence > ? AND sequence <= ? ORDER BY sequence", (self._followed, until)
        )
        made = self._made.connection
        made.execute("BEGIN")
        for recorded in read_rows(self._path, identities_of(self._newest), rows):
            apply(made, recorded)
            self._followed = recorded.sequence
        made.execute("COMMIT")
