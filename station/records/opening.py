"""What is done and checked before a journal is written to."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final
from uuid import uuid4

from station.messages.topics import Topics
from station.records.chain import GENESIS, BrokenChain, ChainHead, RecordedEvent, follow
from station.records.errors import (
    AnotherStation,
    JournalCorrupt,
    JournalCutShort,
    SegmentMissing,
    journal_error,
)
from station.records.facts.events import VOCABULARY, Event
from station.records.facts.journal import JournalCreated, identities_of
from station.records.facts.unlocks import UnlockAnswersUnknown
from station.records.head import PublishedHead, read_published_head
from station.records.identities import Identities
from station.records.making import make_segment
from station.records.moments import Clock
from station.records.projection import apply
from station.records.segments import (
    is_there,
    open_for_reading,
    segment_number,
    segment_path,
    set_aside,
)

CHECKED_AT_START: Final = 10_000
"""So many rows at the journal's end are checked whenever it is opened; `verify` checks all of them."""

SELECT_RAW_ROWS: Final = "SELECT sequence, utc, monotonic_ns, CAST(body AS BLOB), hash FROM events"


def append_row(segment: sqlite3.Connection, head: ChainHead, event: Event, clock: Clock) -> RecordedEvent:
    """Write one event after `head`, with all that follows from it for the derived tables."""
    recorded, row = head.extend(event, clock)
    segment.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?)", row)
    apply(segment, recorded)
    return recorded


def create_journal(path: Path, topics: Topics, clock: Clock) -> None:
    """Make the first segment of a station's journal. Raises JournalError."""
    if read_published_head(path.parent) is not None:
        raise JournalCutShort(path, "the file is gone, though results were published from it")
    head = ChainHead(uuid4(), 0, GENESIS)
    created = JournalCreated(
        journal=head.journal, site=topics.site, station=topics.station, vocabulary=VOCABULARY
    )

    # What lies beside may hold answers that this journal will not know of.
    lost = (UnlockAnswersUnknown(),) if set_aside(path.parent) else ()

    def fill(segment: sqlite3.Connection) -> None:
        last = head
        for event in (created, *lost):
            last = last.moved_to(append_row(segment, last, event, clock))

    try:
        make_segment(path, fill)
    except (sqlite3.Error, OSError) as error:
        raise journal_error(error, path) from error


def check_newest(segment: sqlite3.Connection, path: Path, topics: Topics) -> ChainHead:
    """Check what is cheap to check of the newest segment, and return its head.

    Raises JournalError, or sqlite3.Error for a file that cannot be read.
    """
    _check_place(segment, path)
    found = segment.execute("SELECT journal, site, station FROM station").fetchone()
    if found is None:
        raise JournalCorrupt(path, "it does not say whose it is")
    journal, site, station = found
    if (site, station) != (topics.site, topics.station):
        raise AnotherStation(
            f"journal {path.parent} is that of station {station} at site {site}: "
            "set the right site and station, or give this station a journal folder of its own"
        )
    head = _check_tail(segment, path)
    if str(head.journal) != journal:
        raise JournalCorrupt(path, f"its rows are journal {head.journal}'s, its tables {journal}'s")
    return head


def _check_place(segment: sqlite3.Connection, path: Path) -> None:
    """Check that every older segment is there, and that the newest goes on from the last of them."""
    for number in range(1, segment_number(path)):
        if not is_there(segment_path(path.parent, number)):
            raise SegmentMissing(path.parent, segment_path(path.parent, number).name)
    rows = segment.execute(
        "SELECT name, last_sequence, last_hash FROM segments ORDER BY last_sequence"
    ).fetchall()
    names = [segment_path(path.parent, number).name for number in range(1, segment_number(path))]
    if [name for name, _, _ in rows] != names:
        raise JournalCorrupt(
            path, "it is a copy of another segment: it does not go on from the one before it"
        )
    for name, last, digest in rows[-1:]:
        with closing(open_for_reading(path.with_name(name), finished=True)) as previous:
            found = previous.execute("SELECT max(sequence), hash FROM events").fetchone()
        if found != (last, digest):
            raise JournalCorrupt(path, f"it does not go on from {name}", last + 1)


def _check_tail(segment: sqlite3.Connection, path: Path) -> ChainHead:
    last = segment.execute("SELECT max(sequence) FROM events").fetchone()[0] or 0
    before = segment.execute(
        "SELECT sequence, hash FROM events WHERE sequence <= ? ORDER BY sequence DESC LIMIT 1",
        (last - CHECKED_AT_START,),
    ).fetchone()
    if before is None:
        before = segment.execute(
            "SELECT last_sequence, last_hash FROM segments ORDER BY last_sequence DESC LIMIT 1"
        ).fetchone()
    sequence, digest = before or (0, GENESIS)
    rows = segment.execute(f"{SELECT_RAW_ROWS} WHERE sequence > ? ORDER BY sequence", (sequence,))
    try:
        # A row that gives the journal a new id says by which it was known before.
        return follow(ChainHead(identities_of(segment).of(max(sequence, 1)), sequence, digest), rows)
    except LookupError as error:
        raise JournalCorrupt(path, "it does not say whose its rows are") from error
    except BrokenChain as error:
        raise JournalCorrupt(path, str(error), error.sequence) from error


def check_published_head(
    segment: sqlite3.Connection,
    path: Path,
    head: ChainHead,
    published: PublishedHead | None,
    identities: Identities,
) -> None:
    """Compare the newest segment, which ends at `head`, with what left the station.

    Raises JournalCutShort if the published row is no longer there, JournalCorrupt if it is another one.
    """
    if published is None:
        return
    if not identities.has(published.journal):
        raise JournalCorrupt(
            path, f"it is journal {head.journal}, but {published.journal} published from here"
        )
    if published.sequence > head.sequence:
        raise JournalCutShort(
            path,
            f"it ends at row {head.sequence}, but row {published.sequence} has been published",
            head.sequence + 1,
        )
    found = segment.execute("SELECT hash FROM events WHERE sequence = ?", (published.sequence,)).fetchone()
    if found is not None and (found[0], identities.of(published.sequence)) != (
        published.hash,
        published.journal,
    ):
        raise JournalCorrupt(path, f"row {published.sequence} is not the one published", published.sequence)
