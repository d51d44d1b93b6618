"""The journal's writing side, without threads: appends to the newest segment, rotates, keeps the published head."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from station.messages.topics import Topics
from station.records import conditions
from station.records.chain import ChainHead, RecordedEvent
from station.records.errors import (
    UNREADABLE,
    EventRefused,
    JournalFailed,
    JournalFull,
    JournalInDoubt,
    NoDescriptors,
    PublishedHeadUnreadable,
    journal_error,
    may_have_been_kept,
)
from station.records.expectations import Expectation
from station.records.facts.attempts import AttemptId
from station.records.facts.events import VOCABULARY, Event
from station.records.facts.journal import JournalUpgraded, identities_of
from station.records.facts.outbox import MessagesAcknowledged
from station.records.head import PublishedHead, read_published_head, write_published_head
from station.records.making import clear_away
from station.records.moments import Clock
from station.records.opening import append_row, check_newest, check_published_head, create_journal
from station.records.replay import Heard, Replayed, up_to_date
from station.records.segments import (
    fold_log,
    open_for_writing,
    segment_path,
    segment_paths,
)
from station.records.successor import Successor
from station.records.tables import TABLES_VERSION

_CHECKPOINT_WHEN_IDLE: Final = 2_000
_CHECKPOINT_AT_LATEST: Final = 20_000
"""Changed rows that may wait in the write-ahead log, some ten MiB of it."""

_PATIENCE_WITH_READERS: Final = 10
"""So often a new segment is put off for one before that is told: a tenth of a segment goes by meanwhile."""

_NO_SEGMENT: Final = "no new segment could be begun"

Outcome = tuple[RecordedEvent, ...] | Exception
"""What became of one append."""


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """Where a journal lies, whose it is, and how it is written."""

    folder: Path
    topics: Topics
    clock: Clock
    segment_rows: int
    """A segment with this many rows is finished and the next one begun."""


def _unheard(_: Replayed) -> None:
    """Let a replay go on to its end."""


class Ledger:
    """The newest segment, open for writing, in one thread. The folder must be held (`lock.hold`)."""

    def __init__(self, settings: LedgerSettings, heard: Heard = _unheard) -> None:
        """Open the journal, or make it, or bring it up to date, of which `heard` hears.

        Raises JournalError for everything that is not as it should be, UpgradeInterrupted if `heard` did.
        """
        self._settings = settings
        clear_away(settings.folder)
        paths = segment_paths(settings.folder)
        if not paths:
            paths = [segment_path(settings.folder, 1)]
            create_journal(paths[0], settings.topics, settings.clock)
        self._path = up_to_date(paths[-1], settings.clock, heard)
        self._segment: sqlite3.Connection | None = None
        """None only between segments, when the next one could not be opened at once."""
        self._finished: sqlite3.Connection | None = None
        """The segment before, until the first commit to this one has been told."""
        segment = self._opened()
        try:
            self._head = check_newest(segment, self._path, settings.topics)
            self._upgrade_vocabulary(segment)
            self._published = self._checked_published_head(segment)
            first = segment.execute("SELECT min(sequence) FROM events").fetchone()[0]
        except UNREADABLE as error:
            segment.close()
            raise journal_error(error, self._path) from error
        except BaseException:
            segment.close()
            raise
        self._live: frozenset[AttemptId] = frozenset()
        """The attempts that this process works on: see `conditions`."""
        self._rotate_at = first + settings.segment_rows
        self._successor: Successor | None = None
        """The next segment, while it is made."""
        self._in_the_way = 0
        """So often in a row it was put off for a reader."""
        self._checkpointed = segment.total_changes
        self._put_off: dict[str, str] = {}
        """What could not be done the last time, and may wait, with why."""

    @property
    def put_off(self) -> tuple[str, ...]:
        """Each thing that could not be done the last time, and may wait, with why. Nothing is lost by it for now."""
        return tuple(f"{what} ({why})" for what, why in self._put_off.items())

    def commit(self, appends: Sequence[tuple[Event | Expectation, ...]]) -> list[Outcome]:
        """Write several appends in one durable transaction; each is whole or, its error returned, absent.

        Raises JournalFailed or a kind of it when the transaction as a whole came to nothing, JournalInDoubt when that
        cannot be known: the ledger is then to be closed.
        """
        try:
            return self._commit(appends)
        except (JournalFull, NoDescriptors):
            # The next segment can be made anew: what room and files it takes are better used for what comes next.
            if self._successor is not None:
                self._drop_successor()
                self._put_rotation_off()
            raise

    def _commit(self, appends: Sequence[tuple[Event | Expectation, ...]]) -> list[Outcome]:
        segment = self._opened()
        head, live = self._head, self._live
        try:
            segment.execute("BEGIN IMMEDIATE")
            outcomes = [self._append(segment, events) for events in appends]
        except sqlite3.Error as error:
            self._head, self._live = head, live
            raise journal_error(error, self._path) from error
        else:
            self._make_durable(segment, head, live)
        finally:
            if segment.in_transaction:
                segment.execute("ROLLBACK")
        self._publish_head(segment, outcomes)
        return outcomes

    def tidy(self, *, idle: bool) -> None:
        """Do what may wait until a commit has been told: move the log into the file, begin a new segment.

        What fails here, on a full disk say, is tried again later: nothing is lost by going on as it is. See `put_off`.
        """
        segment = self._opened()
        self._close_finished()
        waiting = segment.total_changes - self._checkpointed
        if waiting >= (_CHECKPOINT_WHEN_IDLE if idle else _CHECKPOINT_AT_LATEST):
            with self._may_wait("its log could not be moved into its file"):
                segment.execute("PRAGMA wal_checkpoint(PASSIVE)")
                self._checkpointed = segment.total_changes
        if self._successor is not None or self._head.sequence >= self._rotate_at:
            with self._may_wait(_NO_SEGMENT, until_done=True):
                self._prepare_next(segment)

    @contextmanager
    def _may_wait(self, what: str, *, until_done: bool = False) -> Iterator[None]:
        """Go on though this fails, and have it told until it is done: in the block, or later."""
        try:
            yield
        except (sqlite3.Error, OSError, JournalFailed, EventRefused) as error:
            self._put_off[what] = self._why(error)
        else:
            if not until_done:
                self._put_off.pop(what, None)

    def _why(self, error: Exception) -> str:
        """Say in words what was in the way. SQLite has one for whatever cannot be opened."""
        short = journal_error(error, self._path) if isinstance(error, sqlite3.Error | OSError) else None
        if isinstance(short, NoDescriptors):
            return str(short)
        return error.strerror if isinstance(error, OSError) and error.strerror else str(error)

    def close(self) -> None:
        """Give the segment back."""
        self._drop_successor()
        self._close_finished()
        if self._segment is not None:
            self._segment.close()

    def _make_durable(self, segment: sqlite3.Connection, head: ChainHead, live: frozenset[AttemptId]) -> None:
        """Commit. Raises JournalFailed once it is certain that nothing was kept, JournalInDoubt if that cannot be had."""
        try:
            segment.execute("COMMIT")
        except sqlite3.Error as error:
            self._head, self._live = head, live
            if may_have_been_kept(error):
                self._overwrite(segment, error)
            raise journal_error(error, self._path) from error

    def _overwrite(self, segment: sqlite3.Connection, failure: sqlite3.Error) -> None:
        """Take a commit back whose sync failed: it stands whole in the log, where a restart would find it.

        The next commit is written to the same place in the log, so one that changes nothing is made durable there.
        """
        try:
            if segment.in_transaction:
                segment.execute("ROLLBACK")
            segment.execute("BEGIN IMMEDIATE")
            segment.execute(f"PRAGMA user_version = {TABLES_VERSION}")
            segment.execute("COMMIT")
            last = segment.execute(
                "SELECT sequence, hash FROM events ORDER BY sequence DESC LIMIT 1"
            ).fetchone()
        except sqlite3.Error as error:
            raise JournalInDoubt(self._path, error) from failure
        if last != (self._head.sequence, self._head.hash):
            raise JournalInDoubt(self._path, failure) from failure

    def _opened(self) -> sqlite3.Connection:
        if self._segment is None:
            try:
                self._segment = open_for_writing(self._path)
            except NoDescriptors:
                if self._finished is None:
                    raise
                self._close_finished()  # it has as many as are needed
                self._segment = open_for_writing(self._path)
        return self._segment

    def _checked_published_head(self, segment: sqlite3.Connection) -> PublishedHead | None:
        """Hold the journal against what left the station; make that note anew if it cannot be read."""
        identities = identities_of(segment)
        try:
            published = read_published_head(self._settings.folder)
        except PublishedHeadUnreadable:
            row = segment.execute(
                "SELECT sequence, hash FROM outbox JOIN events USING (sequence) WHERE acknowledged = 1"
                " ORDER BY sequence DESC LIMIT 1"
            ).fetchone()
            if row is None:  # acknowledged in a finished segment, which is no longer written to
                row = segment.execute(
                    "SELECT sequence, hash FROM events ORDER BY sequence LIMIT 1"
                ).fetchone()
            published = PublishedHead(identities.of(row[0]), *row)
            write_published_head(self._settings.folder, published)
        check_published_head(segment, self._path, self._head, published, identities)
        return published

    def _upgrade_vocabulary(self, segment: sqlite3.Connection) -> None:
        """Say in the journal that facts of this program's vocabulary may follow, before the first of them does."""
        if segment.execute("SELECT vocabulary FROM station").fetchone()[0] == VOCABULARY:
            return
        segment.execute("BEGIN IMMEDIATE")
        recorded = append_row(
            segment, self._head, JournalUpgraded(vocabulary=VOCABULARY), self._settings.clock
        )
        segment.execute("COMMIT")
        self._head = self._head.moved_to(recorded)

    def _append(self, segment: sqlite3.Connection, events: tuple[Event | Expectation, ...]) -> Outcome:
        before = self._head, self._live
        written: list[RecordedEvent] = []
        segment.execute("SAVEPOINT append")
        try:
            conditions.check(segment, self._live, events)
            for event in events:
                if isinstance(event, Expectation):
                    continue
                recorded = append_row(segment, self._head, event, self._settings.clock)
                self._head = self._head.moved_to(recorded)
                self._live = conditions.live_after(self._live, recorded.sequence, event)
                written.append(recorded)
        except (sqlite3.IntegrityError, ValueError, OverflowError) as error:
            refused: Exception = EventRefused(f"the journal cannot hold this event: {error}")
        except sqlite3.Error:
            raise
        except Exception as error:
            refused = error
        else:
            segment.execute("RELEASE append")
            return tuple(written)
        # The fault is this append's own: its companions in the transaction must not suffer from it.
        segment.execute("ROLLBACK TO append")
        segment.execute("RELEASE append")
        self._head, self._live = before
        return refused

    def _publish_head(self, segment: sqlite3.Connection, outcomes: Sequence[Outcome]) -> None:
        newest = [
            (recorded.event.message, max(recorded.event.numbers))
            for outcome in outcomes
            if isinstance(outcome, tuple)
            for recorded in outcome
            if isinstance(recorded.event, MessagesAcknowledged) and recorded.event.numbers
        ]
        if not newest:
            return
        # What is committed stays so, whether or not this can be noted; the next acknowledgement tries again.
        with self._may_wait("what has left the station could not be noted"):
            rows = (
                segment.execute(
                    "SELECT sequence, hash FROM outbox JOIN events USING (sequence) WHERE kind = ? AND number = ?",
                    message,
                ).fetchone()
                for message in newest
            )
            # A message of a finished segment needs no watching: that file is no longer written to.
            row = max((row for row in rows if row is not None), default=None)
            if row is not None and (self._published is None or row[0] > self._published.sequence):
                head = PublishedHead(identities_of(segment).of(row[0]), *row)
                write_published_head(self._settings.folder, head)
                self._published = head

    def _prepare_next(self, segment: sqlite3.Connection) -> None:
        """Go on with the next segment, and begin it once it is as good as ready."""
        try:
            if self._successor is None:
                self._successor = Successor(segment, self._path)
            if self._successor.go_on() and self._head.sequence >= self._rotate_at:
                self._rotate(segment, self._successor)
        except BaseException:
            self._drop_successor()
            self._put_rotation_off()
            raise

    def _rotate(self, segment: sqlite3.Connection, successor: Successor) -> None:
        """Finish this segment and begin the next, unless a reader is in the middle of the log: it is not waited for."""
        if not fold_log(segment):
            self._put_rotation_off()
            self._in_the_way += 1
            if self._in_the_way >= _PATIENCE_WITH_READERS:
                self._put_off[_NO_SEGMENT] = "somebody reads it all the time"
            return
        recorded = successor.finish(self._head, self._settings.clock)
        # From the rename on nothing may be written to the finished segment any more.
        self._path = successor.path
        self._head = self._head.moved_to(recorded)
        self._rotate_at = recorded.sequence + self._settings.segment_rows
        self._checkpointed = 0
        self._finished = segment
        self._segment = self._successor = None
        self._in_the_way = 0
        self._put_off.pop(_NO_SEGMENT, None)

    def _close_finished(self) -> None:
        if self._finished is not None:
            self._finished.close()
            self._finished = None

    def _put_rotation_off(self) -> None:
        self._rotate_at = self._head.sequence + self._settings.segment_rows // 100 + 1

    def _drop_successor(self) -> None:
        if self._successor is not None:
            self._successor.discard()
            self._successor = None
