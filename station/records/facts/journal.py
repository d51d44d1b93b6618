"""The journal itself, and the station that writes it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final, Literal, assert_never
from uuid import UUID

from station.domain.actor import Actor
from station.records.errors import EventRefused
from station.records.facts.base import FROM_LATER, Fact, Written
from station.records.identities import Identities
from station.records.tables import KEPT


class JournalCreated(Fact):
    """The first row of every journal: whose it is. Written by the journal itself."""

    kind: Literal["journal_created"] = "journal_created"
    journal: UUID
    site: str
    station: str
    vocabulary: int | None = FROM_LATER
    """The newest that may stand in the rows that follow; None for 1."""


class SegmentStarted(Fact):
    """The first row of every further segment file: what it goes on from. Written by the journal itself."""

    kind: Literal["segment_started"] = "segment_started"
    previous_segment: str
    """File name, without a folder."""
    previous_hash: str
    """Hash of the previous segment's last row, as hex."""


class JournalUpgraded(Fact):
    """From this row on, facts of a newer vocabulary may follow. Written by the journal itself."""

    kind: Literal["journal_upgraded"] = "journal_upgraded"
    vocabulary: int


class JournalRestored(Fact):
    """The journal was made again from a backup. Written by the restore itself.

    Rows up to this one keep the ids under which they may have been published; this one and all that follow are
    known by the new identity, so that no id ever stands for two facts.
    """

    kind: Literal["journal_restored"] = "journal_restored"
    journal: UUID
    """The identity from this row on."""
    former: UUID
    """The identity of the rows before it."""
    actor: Actor | None = FROM_LATER


class StationStarted(Fact):
    """The daemon took the journal."""

    kind: Literal["station_started"] = "station_started"
    station_version: str
    boot_id: str
    """The kernel's boot id: tells a restarted daemon from a restarted bench PC."""


class StationStopped(Fact):
    """The daemon gave the journal back in good order."""

    kind: Literal["station_stopped"] = "station_stopped"
    reason: str
    actor: Actor | None = FROM_LATER


_COUNTED_FROM: Final = 2
"""The vocabulary since which failures are kept for slots and releases, and results count for a line by GPF or label too.

What was written before means what it meant then: tables brought up to date in place are what a replay makes."""


def apply(
    tables: sqlite3.Connection,
    written: Written,
    event: JournalCreated | SegmentStarted | JournalUpgraded | JournalRestored,
) -> None:
    """Bring the tables up to this fact."""
    match event:
        case JournalCreated():
            tables.execute(
                "INSERT INTO station VALUES (?, ?, ?, ?)",
                (str(event.journal), event.site, event.station, event.vocabulary or 1),
            )
            tables.execute("INSERT INTO identities VALUES (?, ?)", (written.sequence, str(event.journal)))
        case JournalUpgraded():
            tables.execute("UPDATE station SET vocabulary = ?", (event.vocabulary,))
        case JournalRestored():
            tables.execute("UPDATE station SET journal = ?", (str(event.journal),))
            tables.execute("INSERT INTO identities VALUES (?, ?)", (written.sequence, str(event.journal)))
        case SegmentStarted():
            tables.execute(
                "INSERT INTO segments VALUES (?, ?, ?)",
                (event.previous_segment, written.sequence - 1, bytes.fromhex(event.previous_hash)),
            )
            if counts(tables):
                for table, kept in KEPT.items():
                    tables.execute(f"DELETE FROM {table} WHERE NOT ({kept.format(of='main')})")  # noqa: S608 - our own names
        case _:
            assert_never(event)


@dataclass(frozen=True, slots=True)
class NewestRow:
    """Where a journal stands."""

    journal: UUID
    sequence: int
    hash: bytes
    vocabulary: int


def newest_row(tables: sqlite3.Connection) -> NewestRow:
    """Return the last row of the chain, and by what the journal is known."""
    sequence, digest = tables.execute(
        "SELECT sequence, hash FROM events ORDER BY sequence DESC LIMIT 1"
    ).fetchone()
    journal, vocabulary = tables.execute("SELECT journal, vocabulary FROM station").fetchone()
    return NewestRow(UUID(journal), sequence, digest, vocabulary)


def vocabulary(tables: sqlite3.Connection) -> int:
    """Return the number of the vocabulary that what is written now may use. Raises EventRefused before there is a journal."""
    found: tuple[int] | None = tables.execute("SELECT vocabulary FROM station").fetchone()
    if found is None:
        raise EventRefused("rows stand before the one that begins the journal")
    return found[0]


def counts(tables: sqlite3.Connection) -> bool:
    """Whether what is written now is counted for slots and releases: see `_COUNTED_FROM`."""
    return vocabulary(tables) >= _COUNTED_FROM


def identities_of(tables: sqlite3.Connection) -> Identities:
    """Return by which ids the journal's rows are known."""
    rows = tables.execute("SELECT first_sequence, journal FROM identities")
    return Identities((first, UUID(journal)) for first, journal in rows)
