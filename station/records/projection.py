"""From events to tables: each theme knows what its own events mean, this knows what else follows.

`apply` looks at nothing but the event and the tables, so that applying the same events again in the same
order gives the same tables. It refuses what contradicts them: an attempt has one result, an order is imported
once, and nothing happens to an attempt that is not open. A refusal that joins later goes into `conditions`, which a
replay does not ask: else a journal that was accepted could not be read again.
"""

from __future__ import annotations

import sqlite3
from typing import assert_never

from station.messages.order_fact import ORDER_FACT
from station.records.chain import RecordedEvent
from station.records.facts import (
    attempts,
    bench,
    commands,
    golden,
    journal,
    order_revisions,
    orders,
    outbox,
    package_labels,
    packing,
    packing_told,
    people,
    releases,
    shift,
    unlocks,
)
from station.records.facts.attempts import (
    AttemptClosed,
    AttemptInterrupted,
    AttemptOpened,
    AttemptPlanned,
    AttemptResumed,
    HandFlashRequested,
    HubLost,
    StageEnded,
    StageStarted,
)
from station.records.facts.base import Written
from station.records.facts.bench import (
    JigReset,
    JigStopped,
    LabelScanned,
    LabelTakenBack,
    SlotEnabled,
    SlotTakenOutOfUse,
)
from station.records.facts.commands import CommandAnswered
from station.records.facts.golden import (
    GoldenAnswerDue,
    GoldenAnswerVoid,
    GoldenCheckEnded,
    GoldenCheckStarted,
    GoldenHubEnrolled,
    GoldenHubRetired,
    GoldenHubUnlocked,
)
from station.records.facts.journal import (
    JournalCreated,
    JournalRestored,
    JournalUpgraded,
    SegmentStarted,
    StationStarted,
    StationStopped,
)
from station.records.facts.line_clearance import LineCleared
from station.records.facts.order_revisions import OrderRevised
from station.records.facts.orders import (
    OrderAssigned,
    OrderClosed,
    OrderImported,
    OrderLinesAdded,
    OrderUnassigned,
)
from station.records.facts.outbox import (
    MessagesAcknowledged,
    MessagesRepublished,
    ResultsAcknowledged,
    ResultsRepublished,
    ResultVersionChosen,
)
from station.records.facts.package_labels import PackageLabelAsked, PackageLabelBegun, PackageLabelPrinted
from station.records.facts.packing import (
    CartonClosed,
    CartonHeld,
    CartonOpened,
    CartonPutOnPallet,
    CartonReleased,
    CartonsRecalled,
    CartonTakenOffPallet,
    HubPlaced,
    PalletClosed,
    PalletOpened,
    RecallEnded,
)
from station.records.facts.people import PinAccepted, PinLockLifted, PinRefused, SignedOff, SignedOn
from station.records.facts.releases import ReleaseResumed, ReleaseStopped
from station.records.facts.shift import CheckListSigned
from station.records.facts.unlocks import (
    UnlockAnswerDue,
    UnlockAnswerRefused,
    UnlockAnswersUnknown,
    UnlockAnswerVoid,
    UnlockUsed,
)
from station.records.facts.upkeep import InsertionsCounted, JigServiced
from station.records.moments import microseconds_from_utc


def apply(tables: sqlite3.Connection, recorded: RecordedEvent) -> None:
    """Bring the derived tables up to this event. Raises EventRefused, having written part of it at most."""
    written = Written(recorded.sequence, microseconds_from_utc(recorded.utc))
    match recorded.event:
        case JournalCreated() | SegmentStarted() | JournalUpgraded() | JournalRestored() as event:
            journal.apply(tables, written, event)
        case (
            StationStarted()
            | StationStopped()
            | HandFlashRequested()
            | LineCleared()
            | InsertionsCounted()
            | JigServiced()
        ):
            pass
        case CommandAnswered() as event:
            commands.apply(tables, written, event)
        case (
            LabelScanned()
            | LabelTakenBack()
            | SlotTakenOutOfUse()
            | SlotEnabled()
            | JigStopped()
            | JigReset() as event
        ):
            bench.apply(tables, written, event)
        case (
            OrderImported() | OrderLinesAdded() | OrderAssigned() | OrderUnassigned() | OrderClosed() as event
        ):
            orders.apply(tables, written, event)
            if not isinstance(event, OrderImported) and orders.is_whole(tables, event.order):
                outbox.tell(tables, written, ORDER_FACT, f"order {event.order}", since=3)
        case OrderRevised() as event:
            order_revisions.apply(tables, written, event)
            outbox.tell(tables, written, ORDER_FACT, f"order {event.order}", since=3)
        case AttemptOpened() | AttemptResumed() as event:
            attempts.apply(tables, written, event)
            bench.use_up_label(tables, event.place, event.scanned_id)
            if left := packing.leave_for_slot(tables, written, event):
                packing_told.tell(tables, written, event, left)
        case StageEnded() as event:
            attempts.apply(tables, written, event)
            unlocks.forget_if_right(tables, event)
        case AttemptPlanned() | StageStarted() | HubLost() | AttemptInterrupted() as event:
            attempts.apply(tables, written, event)
        case (
            UnlockUsed()
            | UnlockAnswersUnknown()
            | UnlockAnswerDue()
            | UnlockAnswerVoid()
            | UnlockAnswerRefused() as event
        ):
            unlocks.apply(tables, event)
        case AttemptClosed() as event:
            attempts.apply(tables, written, event)
            outbox.tell_result(tables, written, event)
            _count(tables, written, event)
            if journal.vocabulary(tables) >= 3:
                attempts.keep_version(tables, event)
        case SignedOn() | SignedOff() | PinRefused() | PinAccepted() | PinLockLifted() as event:
            people.apply(tables, written, event)
        case PackageLabelAsked() | PackageLabelBegun() | PackageLabelPrinted() as event:
            package_labels.apply(tables, written, event)
            if isinstance(event, PackageLabelAsked):
                packing_told.tell_label(tables, written, event)
        case (
            GoldenHubEnrolled()
            | GoldenHubRetired()
            | GoldenCheckStarted()
            | GoldenAnswerDue()
            | GoldenAnswerVoid()
            | GoldenHubUnlocked()
            | GoldenCheckEnded() as event
        ):
            golden.apply(tables, written, event)
        case CheckListSigned() as event:
            shift.apply(tables, written, event)
        case ReleaseStopped() | ReleaseResumed() as event:
            releases.apply(tables, event)
        case (
            CartonOpened()
            | HubPlaced()
            | CartonClosed()
            | CartonHeld()
            | CartonReleased()
            | PalletOpened()
            | CartonPutOnPallet()
            | CartonTakenOffPallet()
            | PalletClosed()
            | CartonsRecalled()
            | RecallEnded() as event
        ):
            packing_told.tell(tables, written, event, packing.apply(tables, written, event))
        case (
            ResultVersionChosen()
            | MessagesAcknowledged()
            | MessagesRepublished()
            | ResultsAcknowledged()
            | ResultsRepublished() as event
        ):
            outbox.apply(tables, written, event)
        case _:
            assert_never(recorded.event)


def _count(tables: sqlite3.Connection, written: Written, event: AttemptClosed) -> None:
    """Let a result count for its order, its slot and its release."""
    counted = journal.counts(tables)
    orders.count(tables, event, by_any_id=counted)
    if counted:
        order_revisions.count(tables, event)
        bench.count(tables, written.sequence, event)
        releases.count(tables, written.sequence, event)
