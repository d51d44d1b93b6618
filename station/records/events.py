"""The facts that the journal keeps, one frozen model each. Append-only vocabulary: a field is never renamed.

An event says what happened or, for the `*Started` kinds, what is about to be done (intent before act). Times
are not in the payloads: the journal stamps each row when it writes it.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, TypeAdapter

from firmware_catalog.identity import Eui64, FirmwareVersion
from station.domain.actor import Actor
from station.domain.hub_facts import HubFacts
from station.domain.order_line import OrderLine
from station.domain.outcome import Code, Disposition, Outcome, Stage
from station.domain.slot_name import Place

_FROM_LATER: Any = Field(default=None, exclude_if=lambda value: value is None)
"""A field that joined an event later: where it says nothing the row stays as it always was, byte for byte."""

VOCABULARY: Final = 3
"""Which facts this program may write. Raise it whenever a kind or a field joins: an older program then refuses the
journal by this number, and does not stumble over the row. 1 is what journals held before the number was kept."""

AttemptId = int
"""The journal sequence of the attempt's `AttemptOpened`."""


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class JournalCreated(_Event):
    """The first row of every journal: whose it is. Written by the journal itself."""

    kind: Literal["journal_created"] = "journal_created"
    journal: UUID
    site: str
    station: str
    vocabulary: int | None = _FROM_LATER
    """The newest that may stand in the rows that follow; None for 1."""


class SegmentStarted(_Event):
    """The first row of every further segment file: what it goes on from. Written by the journal itself."""

    kind: Literal["segment_started"] = "segment_started"
    previous_segment: str
    """File name, without a folder."""
    previous_hash: str
    """Hash of the previous segment's last row, as hex."""


class JournalUpgraded(_Event):
    """From this row on, facts of a newer vocabulary may follow. Written by the journal itself."""

    kind: Literal["journal_upgraded"] = "journal_upgraded"
    vocabulary: int


class JournalRestored(_Event):
    """The journal was made again from a backup. Written by the restore itself.

    Rows up to this one keep the ids under which they may have been published; this one and all that follow are
    known by the new identity, so that no id ever stands for two facts.
    """

    kind: Literal["journal_restored"] = "journal_restored"
    journal: UUID
    """The identity from this row on."""
    former: UUID
    """The identity of the rows before it."""
    actor: Actor | None = _FROM_LATER


class UnlockAnswersUnknown(_Event):
    """Rows before this one were lost, and with them unlock answers that count against hubs. Written by the journal itself.

    One answer more than is known counts against each hub, until it was opened since.
    """

    kind: Literal["unlock_answers_unknown"] = "unlock_answers_unknown"


class StationStarted(_Event):
    """The daemon took the journal."""

    kind: Literal["station_started"] = "station_started"
    station_version: str
    boot_id: str
    """The kernel's boot id: tells a restarted daemon from a restarted bench PC."""


class StationStopped(_Event):
    """The daemon gave the journal back in good order."""

    kind: Literal["station_stopped"] = "station_stopped"
    reason: str
    actor: Actor | None = _FROM_LATER


class OrderImported(_Event):
    """A work order was read whole and found good. Its lines follow; with the last of them there is the order."""

    kind: Literal["order_imported"] = "order_imported"
    order: str
    source: str
    sha256: str
    hubs: int
    actor: Actor | None = _FROM_LATER


class OrderLinesAdded(_Event):
    """Up to 1,000 lines of an order that is being imported."""

    kind: Literal["order_lines_added"] = "order_lines_added"
    order: str
    lines: tuple[OrderLine, ...]


class OrderAssigned(_Event):
    """A jig works on this order from now on."""

    kind: Literal["order_assigned"] = "order_assigned"
    order: str
    jig: str
    actor: Actor | None = _FROM_LATER


class OrderClosed(_Event):
    """No further attempt is made for this order."""

    kind: Literal["order_closed"] = "order_closed"
    order: str
    reason: str
    actor: Actor | None = _FROM_LATER


class StepTarget(BaseModel):
    """One step of an attempt's plan."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: FirmwareVersion
    image_sha256: str
    image_hash: str


class HandFlashRequested(_Event):
    """Someone flashes one device by hand, outside every order. In production mode it names who answers for it."""

    kind: Literal["hand_flash_requested"] = "hand_flash_requested"
    port: str
    image_sha256: str
    supervisor: str | None
    reason: str | None
    actor: Actor | None = _FROM_LATER


class LabelScanned(_Event):
    """A label was scanned for a slot: it waits for the next hub there, or is held against the hub that sits there."""

    kind: Literal["label_scanned"] = "label_scanned"
    place: Place
    scanned_id: Eui64
    scanned_role: Literal["CHF", "GPF"] | None
    hub: Eui64 | None
    """CHF id of the hub that sat in the slot; None where the label waits for one."""
    actor: Actor | None = _FROM_LATER


class LabelTakenBack(_Event):
    """A label that waited for its hub was scanned by mistake: it waits no more."""

    kind: Literal["label_taken_back"] = "label_taken_back"
    place: Place
    scanned_id: Eui64
    scanned_role: Literal["CHF", "GPF"] | None
    actor: Actor | None = None


class AttemptOpened(_Event):
    """A hub was seen in a slot and an attempt on it begins."""

    kind: Literal["attempt_opened"] = "attempt_opened"
    place: Place
    order: str | None
    hub: HubFacts | None
    """None when the hub could not identify itself."""
    scanned_id: Eui64 | None = None
    scanned_role: Literal["CHF", "GPF"] | None = None
    number: int
    """1 for the first attempt on this hub in this order; a later attempt supersedes an earlier one."""
    operator: str | None = None


class AttemptPlanned(_Event):
    """The attempt was authorised: these steps, in this order."""

    kind: Literal["attempt_planned"] = "attempt_planned"
    attempt: AttemptId
    steps: tuple[StepTarget, ...]


class StageStarted(_Event):
    """The station is about to act: from here on, until `StageEnded`, the hub's state may have changed."""

    kind: Literal["stage_started"] = "stage_started"
    attempt: AttemptId
    stage: Stage
    step: int = 0
    try_number: int = 1


class StageEnded(_Event):
    """The stage was done, or failed with a code."""

    kind: Literal["stage_ended"] = "stage_ended"
    attempt: AttemptId
    stage: Stage
    step: int = 0
    seconds: float
    code: Code | None = None
    detail: str | None = None


class UnlockUsed(_Event):
    """The unlock authority signed for one hub. Never holds signature or nonce."""

    kind: Literal["unlock_used"] = "unlock_used"
    attempt: AttemptId
    chf: Eui64
    authority: str


class UnlockAnswerDue(_Event):
    """An answer to the hub's challenge is about to be sent. It counts as wrong until the unlock stage ends well.

    Its reply may be lost, so what the hub thinks of it may never be known: counted before it is sent.
    """

    kind: Literal["unlock_answer_due"] = "unlock_answer_due"
    attempt: AttemptId
    chf: Eui64


class UnlockAnswerVoid(_Event):
    """The hub said that it judged the answer neither right nor wrong (its challenge was void): it counts no more."""

    kind: Literal["unlock_answer_void"] = "unlock_answer_void"
    attempt: AttemptId
    chf: Eui64


class UnlockAnswerRefused(_Event):
    """The hub called an answer wrong. It allows three before it backs off; the station stops at two.

    Written by versions that knew no `UnlockAnswerDue`; counts by itself.
    """

    kind: Literal["unlock_answer_refused"] = "unlock_answer_refused"
    attempt: AttemptId
    chf: Eui64


class HubLost(_Event):
    """The hub left its slot before the attempt had a result: the attempt stays open ("find this hub")."""

    kind: Literal["hub_lost"] = "hub_lost"
    attempt: AttemptId
    stage: Stage


class AttemptInterrupted(_Event):
    """The bench itself ended work on a hub that still sits there, an emergency stop say: the attempt stays open."""

    kind: Literal["attempt_interrupted"] = "attempt_interrupted"
    attempt: AttemptId
    stage: Stage
    code: Code


class AttemptResumed(_Event):
    """A hub with an open attempt was seen, probed, and the attempt goes on from `stage`."""

    kind: Literal["attempt_resumed"] = "attempt_resumed"
    attempt: AttemptId
    place: Place
    stage: Stage
    step: int
    why: str
    scanned_id: Eui64 | None = None
    """The label that waited for the hub where it was seen again."""
    scanned_role: Literal["CHF", "GPF"] | None = None


class AttemptClosed(_Event):
    """The attempt has its one result. Everything a consumer is told stands here, but what commit adds."""

    kind: Literal["attempt_closed"] = "attempt_closed"
    attempt: AttemptId
    place: Place
    order: str | None
    number: int
    chf: Eui64 | None
    gpf: Eui64 | None
    scanned_id: Eui64 | None = None
    scanned_role: Literal["CHF", "GPF"] | None = None
    manufacturer: str | None
    model: str | None
    hardware_version: str | None
    firmware_recorded: FirmwareVersion | None
    firmware_before: FirmwareVersion | None
    firmware_target: FirmwareVersion | None
    firmware_read_back: FirmwareVersion | None
    """What the hub itself said last. The only version that may be told upstream."""
    boots: int | None = None
    """The hub's boot counter when it was seen last: tells a hub that never left its slot from one seated again."""
    image_sha256: str | None
    outcome: Outcome
    stage: Stage
    code: Code | None
    disposition: Disposition | None
    message: str
    """The operator's line: what happened, where, what to do next."""
    started: AwareDatetime
    finished: AwareDatetime
    utc_synchronised: bool | None = None
    """Whether a time service kept the clock that `finished` was read from; None if the kernel does not say."""
    seconds: dict[Stage, float]
    operator: str | None
    station_version: str
    unsettled: str | None = _FROM_LATER
    """What could not be put right about the hub before the attempt ended (unlocked, unconfirmed, pending): the hub is
    quarantined. None for a hub that was left locked and on a confirmed image, or was never touched."""


class SlotTakenOutOfUse(_Event):
    """No hub is begun with in this slot until a person enables it."""

    kind: Literal["slot_taken_out_of_use"] = "slot_taken_out_of_use"
    place: Place
    why: str


class SlotEnabled(_Event):
    """A person put a slot back into use."""

    kind: Literal["slot_enabled"] = "slot_enabled"
    place: Place
    actor: Actor | None = _FROM_LATER


class JigStopped(_Event):
    """The jig's emergency stop was seen pressed: its slots stay without power until a person resets the jig."""

    kind: Literal["jig_stopped"] = "jig_stopped"
    jig: str


class JigReset(_Event):
    """A person says, after the stop was released, that the jig may work again."""

    kind: Literal["jig_reset"] = "jig_reset"
    jig: str
    actor: Actor | None = _FROM_LATER


class ReleaseStopped(_Event):
    """A release failed too many hubs: none is given it until a person resumes it."""

    kind: Literal["release_stopped"] = "release_stopped"
    manufacturer: str
    model: str
    version: FirmwareVersion
    why: str


class ReleaseResumed(_Event):
    """A person lets a stopped release go on."""

    kind: Literal["release_resumed"] = "release_resumed"
    manufacturer: str
    model: str
    version: FirmwareVersion
    reason: str
    actor: Actor | None = _FROM_LATER


class ResultsAcknowledged(_Event):
    """The broker took over responsibility (QoS 1 PUBACK) for these results. Not the consumer's word."""

    kind: Literal["results_acknowledged"] = "results_acknowledged"
    station_sequences: tuple[int, ...]


class ResultsRepublished(_Event):
    """Someone asked for these results to be sent again, under their old ids."""

    kind: Literal["results_republished"] = "results_republished"
    first: int
    last: int
    actor: Actor | None = _FROM_LATER


class CommandAnswered(_Event):
    """A command with a key was done, and answered so: in the same append as what it did.

    Sent again, by a client that lost the answer, it is answered from here and done no second time.
    """

    kind: Literal["command_answered"] = "command_answered"
    key: UUID
    command: str
    sha256: str
    """Of the command as canonical JSON: a key stands for one command only."""
    answer: dict[str, JsonValue]


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
    | OrderClosed
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
    | ResultsAcknowledged
    | ResultsRepublished
    | CommandAnswered,
    Field(discriminator="kind"),
]

EVENT: TypeAdapter[Event] = TypeAdapter(Event)
"""Reads and writes any event as JSON."""
