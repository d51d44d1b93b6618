"""Makes the derived tables again from every event, in a new segment that goes on from the newest.

This is how tables are repaired, how a restored copy gets tables that nobody but its events has a say in, and how a journal
is brought up to date whose tables changed past adding to. Years of events take minutes, so it is done in slices, each
durable: whoever is stopped or killed in the middle goes on from there. Until the new segment appears under its name, whole,
the journal is what it was.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from station.records import archives
from station.records.chain import GENESIS, BrokenChain, ChainHead, follow
from station.records.derive import journal_id, read_rows
from station.records.errors import (
    UNREADABLE,
    EventRefused,
    JournalCorrupt,
    JournalLocked,
    SegmentMissing,
    journal_error,
)
from station.records.facts.events import Event
from station.records.facts.journal import SegmentStarted, identities_of
from station.records.files import open_folder, sync_file, sync_opened
from station.records.head import published_head_if_readable
from station.records.moments import Clock
from station.records.opening import SELECT_RAW_ROWS, append_row, check_published_head
from station.records.projection import apply
from station.records.segments import (
    open_for_reading,
    open_for_writing,
    segment_number,
    segment_path,
    segment_paths,
)
from station.records.tables import (
    FIND_SETS,
    TABLES_VERSION,
    create_segment,
    run_script,
    tables_version,
)
from station.records.upgrades import add_in_place
from station.version import station_version

SLICE: Final = 2_000
"""Events between two moments at which a replay may be stopped: well below a second's work."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """How far a replay has come."""

    events: int
    of: int

    def __str__(self) -> str:
        return f"the journal is being brought up to date: {self.events} of {self.of} events"


Heard = Callable[[Replayed], None]
"""Hears of each slice, in the thread that replays. Raises UpgradeInterrupted to stop there."""


def replay(folder: Path, clock: Clock, heard: Heard, *further: Event) -> Path:
    """Begin a segment whose tables are what all events say, checked against their chain, and return it.

    What finished segments keep findable is made again too. `further` are events to be written behind the first. The folder must be held (`lock.hold`). Raises UpgradeInterrupted
    if `heard` did, JournalCorrupt for events that are not as they were written, or another JournalError.
    """
    paths = segment_paths(folder)
    for number, path in enumerate(paths, start=1):
        if path != segment_path(folder, number):
            raise SegmentMissing(folder, segment_path(folder, number).name)
    if not paths:
        raise SegmentMissing(folder, segment_path(folder, 1).name)
    newest = paths[-1]
    following = segment_path(folder, segment_number(newest) + 1)
    unfinished = following.with_name(following.name + ".replay")
    try:
        with closing(open_for_writing(newest)) as source:
            with closing(_begun(unfinished, paths, source)) as made:
                head = _replay_rows(made, paths, source, heard)
                check_published_head(
                    source, newest, head, published_head_if_readable(folder), identities_of(made)
                )
                archives.make_again_in(made, source)
                made.execute("BEGIN")
                started = SegmentStarted(previous_segment=newest.name, previous_hash=head.hash.hex())
                for event in (started, *further):
                    head = head.moved_to(append_row(made, head, event, clock))
                made.execute("DROP TABLE replayed")
                made.execute("COMMIT")
                made.execute("PRAGMA journal_mode = DELETE")
                # Left in the file's header, so that whoever opens it first need not change it.
                made.execute("PRAGMA journal_mode = WAL")
            if source.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                raise JournalLocked(newest)
        sync_file(unfinished)
        with open_folder(folder) as opened:  # before the name is given
            unfinished.rename(following)
            sync_opened(opened)
    except UNREADABLE as error:
        raise journal_error(error, newest) from error
    except OSError as error:
        raise journal_error(error, folder) from error
    return following


def up_to_date(newest: Path, clock: Clock, heard: Heard) -> Path:
    """Bring an older program's tables up to date: by additions in place if that will do, else by `replay`.

    Returns the segment that is then the newest. Raises what `replay` raises.
    """
    with closing(open_for_writing(newest)) as segment:
        try:
            version = tables_version(segment)
            if version == TABLES_VERSION or add_in_place(segment, version):
                run_script(segment, FIND_SETS)
                return newest
        except UNREADABLE as error:
            raise journal_error(error, newest) from error
    return replay(newest.parent, clock, heard)


def _begun(unfinished: Path, paths: list[Path], source: sqlite3.Connection) -> sqlite3.Connection:
    """Open the segment in the making, to go on with it if it was begun from these very events by this very program."""
    with suppress(sqlite3.Error):
        made = _connect(unfinished)
        try:
            sequence, digest, program = made.execute("SELECT * FROM replayed").fetchone()
            if program == _program() and _hash_of(paths, source, sequence) == digest:
                return made
        except BaseException:
            made.close()
            raise
        made.close()
    for left in unfinished.parent.glob(f"{unfinished.name}*"):
        left.unlink()
    os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640))
    made = _connect(unfinished)
    create_segment(made)
    made.execute(
        "CREATE TABLE replayed (sequence INTEGER NOT NULL, hash BLOB NOT NULL, program TEXT NOT NULL)"
    )
    made.execute("INSERT INTO replayed VALUES (0, ?, ?)", (GENESIS, _program()))
    return made


def _connect(unfinished: Path) -> sqlite3.Connection:
    made = sqlite3.connect(unfinished, isolation_level=None)
    made.execute("PRAGMA journal_mode = WAL")
    made.execute("PRAGMA synchronous = NORMAL")
    return made


def _program() -> str:
    return f"{station_version()}, tables {TABLES_VERSION}"


def _hash_of(paths: list[Path], source: sqlite3.Connection, sequence: int) -> bytes | None:
    if sequence == 0:
        return GENESIS
    for path in reversed(paths):
        with _reading(path, paths, source) as segment:
            found = segment.execute("SELECT hash FROM events WHERE sequence = ?", (sequence,)).fetchone()
        if found is not None:
            return bytes(found[0])
    return None


@contextmanager
def _reading(path: Path, paths: list[Path], source: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    if path == paths[-1]:
        yield source
        return
    with closing(open_for_reading(path, finished=True)) as segment:
        yield segment


def _replay_rows(
    made: sqlite3.Connection, paths: list[Path], source: sqlite3.Connection, heard: Heard
) -> ChainHead:
    """Apply every event that has not been yet, slice by slice; return the head after the last."""
    sequence, digest, _ = made.execute("SELECT * FROM replayed").fetchone()
    identities = identities_of(made)
    identities.begin(1, journal_id(paths[0].parent))
    head = ChainHead(identities.of(max(sequence, 1)), sequence, digest)
    last = source.execute("SELECT max(sequence) FROM events").fetchone()[0] or 0
    for before, path in zip((None, *paths), paths, strict=False):
        with _reading(path, paths, source) as segment:
            first = segment.execute("SELECT min(sequence) FROM events").fetchone()[0] or 0
            if before is not None and head.sequence == first - 1:
                archives.make_again(made, before)
            while rows := segment.execute(
                f"{SELECT_RAW_ROWS} WHERE sequence > ? ORDER BY sequence LIMIT {SLICE}", (head.sequence,)
            ).fetchall():
                heard(Replayed(head.sequence, last))
                try:
                    further = follow(head, rows)
                except BrokenChain as error:
                    raise JournalCorrupt(path, str(error), error.sequence) from error
                made.execute("BEGIN")
                for recorded in read_rows(path, identities, rows):
                    try:
                        apply(made, recorded)
                    except (EventRefused, ValueError, OverflowError) as error:
                        raise JournalCorrupt(
                            path,
                            f"row {recorded.sequence} contradicts those before it: {error}",
                            recorded.sequence,
                        ) from error
                made.execute("UPDATE replayed SET sequence = ?, hash = ?", (further.sequence, further.hash))
                made.execute("COMMIT")
                head = further
    return head
