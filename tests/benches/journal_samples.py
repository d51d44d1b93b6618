"""Events and ledgers as the tests of the records need them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from firmware_catalog.identity import Eui64, FirmwareVersion
from station.domain.hub_facts import HubFacts
from station.domain.order_line import OrderLine
from station.domain.outcome import Code, Disposition, Outcome, Stage
from station.domain.slot_name import SlotName
from station.messages.topics import Topics
from station.records import lock
from station.records.chain import RecordedEvent
from station.records.facts.attempts import AttemptClosed, AttemptOpened, StepTarget
from station.records.facts.events import Event
from station.records.facts.journal import StationStarted
from station.records.facts.orders import OrderAssigned, OrderImported, OrderLinesAdded
from station.records.journal import Journal
from station.records.ledger import Ledger, LedgerSettings
from station.records.segments import segment_paths

TOPICS = Topics("leeds", "bench-1")
STARTED = StationStarted(station_version="1.0", boot_id="b")
TARGET = StepTarget(version=FirmwareVersion(0x0002012F), image_sha256="ab" * 32, image_hash="cd" * 32)


def ticking_clock() -> tuple[int, int]:
    """Stand still: golden rows need the same moment each time."""
    return 1_767_323_045_123_456, 42_000_000_001


def settings(folder: Path, segment_rows: int = 1_000_000) -> LedgerSettings:
    return LedgerSettings(folder, TOPICS, ticking_clock, segment_rows)


@contextmanager
def ledger_in(folder: Path, segment_rows: int = 1_000_000) -> Iterator[Ledger]:
    with lock.hold(folder):
        ledger = Ledger(settings(folder, segment_rows))
        try:
            yield ledger
        finally:
            ledger.close()


def write(ledger: Ledger, *events: Event) -> tuple[RecordedEvent, ...]:
    """Commit one append that has to succeed."""
    (outcome,) = ledger.commit([events])
    assert isinstance(outcome, tuple), outcome
    ledger.tidy(idle=True)
    return outcome


def next_segment(ledger: Ledger, folder: Path) -> None:
    """Write until another segment has begun: it is made a little after each commit."""
    before = segment_paths(folder)
    while segment_paths(folder) == before:
        write(ledger, STARTED)


async def rotated(journal: Journal, folder: Path) -> None:
    """Append until another segment has begun. No one append is sure to do it: a reader puts a rotation off."""
    before = segment_paths(folder)
    async with asyncio.timeout(60):
        while segment_paths(folder) == before:
            await journal.append(STARTED)


def chf(number: int) -> Eui64:
    return Eui64(0x8873840000000000 | number << 1)


def gpf(number: int) -> Eui64:
    return Eui64(0x8873840000000000 | number << 1 | 1)


def place(slot: int = 1, jig: str = "jig-1") -> SlotName:
    return SlotName(jig=jig, slot=slot)


def hub_facts(number: int) -> HubFacts:
    return HubFacts(
        chf=chf(number),
        gpf=gpf(number),
        manufacturer="11A2",
        model="0A0B0C0D",
        hardware_version="1.2",
        variant="DBCH",
        firmware=FirmwareVersion(0x00010001),
        locked=True,
        boots=3,
    )


def order_line(number: int) -> OrderLine:
    return OrderLine(
        chf=chf(number),
        gpf=gpf(number),
        manufacturer="11A2",
        model="0A0B0C0D",
        region="Central",
        variant="DBCH",
        recorded_firmware=FirmwareVersion(0x00010001),
        inventory_status="Pending",
        owner="Example Energy",
    )


def order_events(
    order: str = "WO-1", hubs: int = 3, jig: str = "jig-1", *, first: int = 0
) -> tuple[Event, ...]:
    return (
        OrderImported(order=order, source=f"{order}.csv", sha256="00" * 32, hubs=hubs),
        OrderLinesAdded(
            order=order, lines=tuple(order_line(number) for number in range(first, first + hubs))
        ),
        OrderAssigned(order=order, jig=jig),
    )


def opened(
    number: int = 0, *, slot: int = 1, order: str | None = "WO-1", attempt_number: int = 1
) -> AttemptOpened:
    return AttemptOpened(place=place(slot), order=order, hub=hub_facts(number), number=attempt_number)


def closed(
    attempt: int,
    number: int = 0,
    outcome: Outcome = Outcome.PASSED,
    *,
    slot: int = 1,
    order: str | None = "WO-1",
    jig: str = "jig-1",
) -> AttemptClosed:
    failed = outcome is Outcome.FAILED
    return AttemptClosed(
        attempt=attempt,
        place=place(slot, jig),
        order=order,
        number=1,
        chf=chf(number),
        gpf=gpf(number),
        scanned_id=gpf(number),
        scanned_role="GPF",
        manufacturer="11A2",
        model="0A0B0C0D",
        hardware_version="1.2",
        firmware_recorded=FirmwareVersion(0x00010001),
        firmware_before=FirmwareVersion(0x00010001),
        firmware_target=FirmwareVersion(0x0002012F),
        firmware_read_back=FirmwareVersion(0x00010001 if failed else 0x0002012F),
        image_sha256="ab" * 32,
        outcome=outcome,
        stage=Stage.FLASH if failed else Stage.CHECK,
        code=Code.FILE_TRANSFER_FAILURE if failed else None,
        disposition=Disposition.RETRY_OTHER_SLOT if failed else None,
        message="jig-1 slot 1: passed, take the hub out",
        started=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        finished=datetime(2026, 1, 2, 3, 14, 5, 500_000, tzinfo=UTC),
        seconds={Stage.UNLOCK: 0.25, Stage.FLASH: 35.5},
        operator="op-1",
        station_version="1.0",
    )


def one_result(
    ledger: Ledger, number: int = 0, outcome: Outcome = Outcome.PASSED, **more: Any
) -> RecordedEvent:
    """Open and close one attempt; return the recorded result."""
    (attempt,) = write(ledger, opened(number, **more))
    (result,) = write(ledger, closed(attempt.sequence, number, outcome, **more))
    return result
