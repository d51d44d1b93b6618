"""Every kind of fact that the journal may hold, and the number of the vocabulary that they make."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field, TypeAdapter

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

VOCABULARY: Final = 4
"""Which facts this program may write. Raise it whenever a kind or a field joins: an older program then refuses the
journal by this number, and does not stumble over the row. 1 is what journals held before the number was kept."""

Event = Annotated[
    JournalCreated
    | SegmentStarted
    | JournalUpgraded
    | JournalRestored
    | StationStarted
    | StationStopped
    | OrderImported
    | OrderLinesAdded
    | OrderAssigned
    | OrderUnassigned
    | OrderClosed
    | LineCleared
    | OrderRevised
    | HandFlashRequested
    | LabelScanned
    | LabelTakenBack
    | AttemptOpened
    | AttemptPlanned
    | StageStarted
    | StageEnded
    | UnlockUsed
    | UnlockAnswersUnknown
    | UnlockAnswerDue
    | UnlockAnswerVoid
    | UnlockAnswerRefused
    | HubLost
    | AttemptInterrupted
    | AttemptResumed
    | AttemptClosed
    | SlotTakenOutOfUse
    | SlotEnabled
    | JigStopped
    | JigReset
    | ReleaseStopped
    | ReleaseResumed
    | ResultVersionChosen
    | MessagesAcknowledged
    | MessagesRepublished
    | ResultsAcknowledged
    | ResultsRepublished
    | CommandAnswered
    | CartonOpened
    | HubPlaced
    | CartonClosed
    | CartonHeld
    | CartonReleased
    | PalletOpened
    | CartonPutOnPallet
    | CartonTakenOffPallet
    | PalletClosed
    | CartonsRecalled
    | RecallEnded
    | SignedOn
    | SignedOff
    | PinRefused
    | PinAccepted
    | PinLockLifted
    | PackageLabelAsked
    | PackageLabelBegun
    | PackageLabelPrinted
    | InsertionsCounted
    | JigServiced
    | GoldenHubEnrolled
    | GoldenHubRetired
    | GoldenCheckStarted
    | GoldenAnswerDue
    | GoldenAnswerVoid
    | GoldenHubUnlocked
    | GoldenCheckEnded
    | CheckListSigned,
    Field(discriminator="kind"),
]

EVENT: TypeAdapter[Event] = TypeAdapter(Event)
"""Reads and writes any event as JSON."""
