"""The hash chain: how an event becomes a row that cannot be changed, moved or dropped unnoticed.

A row's hash is SHA-256 over the 32 bytes of the previous row's hash (32 zero bytes before the first row)
followed by the row's bytes. The row's bytes are these five texts in UTF-8, joined by line feeds:

    journal id          UUID, lower case, with hyphens; from a `journal_restored` on, that row included, its own
    sequence            decimal; 1 for the first row of the journal, then one more for each
    UTC                 decimal microseconds since 1970-01-01T00:00:00Z
    monotonic           decimal nanoseconds since the machine's boot (CLOCK_BOOTTIME)
    body                the event as JSON: keys sorted, no spaces, characters beyond ASCII as they are

The body is kept as this very text, so that checking a row needs no JSON. No line feed can stand in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic import ValidationError

from station.records.facts.events import EVENT, Event
from station.records.facts.journal import JournalRestored
from station.records.moments import Clock, utc_from_microseconds

GENESIS: Final = bytes(32)
"""What stands for the previous hash before the first row."""


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event as it stands in the journal."""

    journal: UUID
    sequence: int
    utc: datetime
    monotonic_ns: int
    """Since the machine's boot: comparable between rows of one `StationStarted.boot_id` only."""
    hash: bytes
    event: Event

    @property
    def id(self) -> str:
        """Names this event among all events of all stations."""
        return f"{self.journal}:{self.sequence}"


def canonical_json(value: Any) -> str:
    """Write plain data as the one JSON text that is hashed. Raises ValueError for NaN and infinities."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def row_bytes(journal: bytes, sequence: int, utc: int, monotonic_ns: int, body: bytes) -> bytes:
    """Return the bytes of a row that its hash covers, after the previous hash."""
    return b"%b\n%d\n%d\n%d\n%b" % (journal, sequence, utc, monotonic_ns, body)


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The last row of a chain: where the next one hooks in."""

    journal: UUID
    sequence: int
    hash: bytes

    def extend(self, event: Event, clock: Clock) -> tuple[RecordedEvent, Row]:
        """Return the event as the next row of this chain. Raises ValueError if it has no canonical JSON."""
        body = canonical_json(EVENT.dump_python(event, mode="json"))
        sequence = self.sequence + 1
        utc, monotonic_ns = clock()
        journal = event.journal if isinstance(event, JournalRestored) else self.journal
        row = row_bytes(str(journal).encode(), sequence, utc, monotonic_ns, body.encode())
        digest = hashlib.sha256(self.hash + row).digest()
        recorded = RecordedEvent(journal, sequence, utc_from_microseconds(utc), monotonic_ns, digest, event)
        return recorded, (sequence, utc, monotonic_ns, body, digest)

    def moved_to(self, recorded: RecordedEvent) -> ChainHead:
        """Return the head after this row."""
        return ChainHead(recorded.journal, recorded.sequence, recorded.hash)


Row = tuple[int, int, int, str, bytes]
"""Sequence, UTC, monotonic, body and hash, as the table `events` holds them."""

RawRow = tuple[int, int, int, bytes, bytes]
"""The same, with the body as bytes, whatever they are."""

_RESTORED: Final = b'"kind":"journal_restored"'
"""Stands in the body of such an event and in no other: within a text the quotes would be escaped."""


class BrokenChain(Exception):
    """A row does not follow from the one before it."""

    def __init__(self, sequence: int, what: str) -> None:
        super().__init__(what)
        self.sequence = sequence


def follow(head: ChainHead, rows: Iterable[RawRow]) -> ChainHead:
    """Check rows one after the other from `head`; return the head after the last.

    Raises BrokenChain at the first row that is missing, moved or edited.
    """
    identity = head.journal
    journal = str(identity).encode()
    sha256 = hashlib.sha256
    previous = head.hash
    expected = head.sequence
    for sequence, utc, monotonic_ns, body, digest in rows:
        expected += 1
        if sequence != expected:
            raise BrokenChain(
                expected, f"row {expected} is missing, row {sequence} follows row {expected - 1}"
            )
        # SQLite keeps any type in any column, and 1.5 would be hashed as 1.
        if not (type(utc) is type(monotonic_ns) is int and type(body) is bytes):
            raise BrokenChain(sequence, f"row {sequence} was edited: a field changed its type")
        if _RESTORED in body:
            identity = _identity_from(sequence, body, identity)
            journal = str(identity).encode()
        row = row_bytes(journal, sequence, utc, monotonic_ns, body)
        previous = sha256(previous + row).digest()
        if previous != digest:
            raise BrokenChain(
                sequence, f"row {sequence} does not match its hash: it or the row before was edited"
            )
    return ChainHead(identity, expected, previous)


def _identity_from(sequence: int, body: bytes, former: UUID) -> UUID:
    """Return the id that a restored journal gave itself. Raises BrokenChain if it was another journal's copy."""
    try:
        restored = JournalRestored.model_validate_json(body)
    except ValidationError as error:
        raise BrokenChain(sequence, f"row {sequence} does not say by which id the journal goes on") from error
    if restored.former != former:
        raise BrokenChain(sequence, f"row {sequence} goes on from journal {restored.former}, not {former}")
    return restored.journal


def recorded_event(journal: UUID, row: Row | RawRow) -> RecordedEvent:
    """Read a row back. Raises pydantic's ValidationError for a body that this program does not know."""
    sequence, utc, monotonic_ns, body, digest = row
    return RecordedEvent(
        journal, sequence, utc_from_microseconds(utc), monotonic_ns, digest, EVENT.validate_json(body)
    )
