"""The hash chain: how an event becomes a row that cannot be changed, moved or dropped unnoticed.

A row's hash is SHA-256 over the 32 bytes of the previous row's hash (32 zero bytes before the first row)
followed by the row's bytes. The row's bytes are these five texts in UTF-8, joined by line feeds:

    journal id          UUID, lower case, with hyphens
    sequence            decimal; 1 for the first row of the journal, then one more for each
    UTC                 decimal microseconds since 1970-01-01T00:00:00Z
    monotonic           decimal nanoseconds since the machine's boot (CLOCK_BOOTTIME)
    body                the event as JSON: keys sorted, no spaces, characters beyond ASCII as they are

The body is kept as this very text, so that checking a row needs no JSON. No line feed can stand in it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from station.records.events import EVENT, Event

GENESIS: Final = bytes(32)
"""What stands for the previous hash before the first row."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Clock = Callable[[], tuple[int, int]]
"""Returns UTC in microseconds since 1970 and the boot clock in nanoseconds."""


def system_clock() -> tuple[int, int]:
    """Read both clocks of this machine. Only the second one never jumps."""
    return time.time_ns() // 1000, time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def utc_from_microseconds(microseconds: int) -> datetime:
    """Return the moment that a row's UTC stands for."""
    return _EPOCH + timedelta(microseconds=microseconds)


def microseconds_from_utc(utc: datetime) -> int:
    """Return what a row says for this moment: the inverse of `utc_from_microseconds`."""
    return (utc - _EPOCH) // timedelta(microseconds=1)


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
        row = row_bytes(str(self.journal).encode(), sequence, utc, monotonic_ns, body.encode())
        digest = hashlib.sha256(self.hash + row).digest()
        recorded = RecordedEvent(
            self.journal, sequence, utc_from_microseconds(utc), monotonic_ns, digest, event
        )
        return recorded, (sequence, utc, monotonic_ns, body, digest)

    def moved_to(self, recorded: RecordedEvent) -> ChainHead:
        """Return the head after this row."""
        return ChainHead(self.journal, recorded.sequence, recorded.hash)


Row = tuple[int, int, int, str, bytes]
"""Sequence, UTC, monotonic, body and hash, as the table `events` holds them."""


class BrokenChain(Exception):
    """A row does not follow from the one before it."""

    def __init__(self, sequence: int, what: str) -> None:
        super().__init__(what)
        self.sequence = sequence


def follow(head: ChainHead, rows: Iterable[tuple[int, int, int, bytes, bytes]]) -> ChainHead:
    """Check rows (bodies as bytes) one after the other from `head`; return the head after the last.

    Raises BrokenChain at the first row that is missing, moved or edited.
    """
    journal = str(head.journal).encode()
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
        row = row_bytes(journal, sequence, utc, monotonic_ns, body)
        previous = sha256(previous + row).digest()
        if previous != digest:
            raise BrokenChain(
                sequence, f"row {sequence} does not match its hash: it or the row before was edited"
            )
    return ChainHead(head.journal, expected, previous)


def recorded_event(journal: UUID, row: Row) -> RecordedEvent:
    """Read a row back. Raises pydantic's ValidationError for a body that this program does not know."""
    sequence, utc, monotonic_ns, body, digest = row
    return RecordedEvent(
        journal, sequence, utc_from_microseconds(utc), monotonic_ns, digest, EVENT.validate_json(body)
    )
