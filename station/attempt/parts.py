"""What one attempt works with, and how it can end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from drivers.hub import DeviceIdentity, FlashProgress, HubDriver
from firmware_catalog.identity import FirmwareVersion
from station.attempt.authorise import Rejected
from station.attempt.plan import AttemptPlan
from station.domain.outcome import Code, Stage
from station.domain.position import Position
from station.domain.reason import Reason
from station.records.facts.events import Event
from station.unlocking.parts import NamedAuthority, WrongAnswers


class EventSink(Protocol):
    """Takes facts and returns once they are durable."""

    async def append(self, *events: Event) -> object:
        """Make the events durable, all or none."""
        ...


class Permission(Protocol):
    """Whether an attempt may change its hub. Asked again before each act: orders close and releases are withdrawn."""

    async def refusal(self, hub: DeviceIdentity, *, untouched: bool) -> Rejected | None:
        """Say why the hub may not be changed now; None if it may. `untouched` is one that this attempt left alone."""
        ...

    def may_stay(self, image_hash: bytes | None) -> bool:
        """Whether the hub may be left running this image."""
        ...


@dataclass(frozen=True, slots=True)
class Passed:
    """The hub was read back after confirmation and is as it should be."""

    read_back: FirmwareVersion | None
    """None for a device that a person flashed and that tells no version."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt is over. `read_back` is what the hub last said of itself, if it still speaks."""

    stage: Stage
    code: Code
    detail: str | None
    read_back: FirmwareVersion | None
    unsettled: str | None = None
    """What could not be put right about the hub; None for one left locked and on a confirmed image, or untouched."""


@dataclass(frozen=True, slots=True)
class LeftOpen:
    """The hub cannot be reached: nobody knows its state, so the attempt waits for it."""

    stage: Stage
    why: Reason


Ending = Passed | Failed | Rejected | LeftOpen


class StageFault(Exception):
    """The hub answered properly, and the answer is not what the stage demands."""

    def __init__(self, code: Code, detail: str, *, final: bool) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.final = final


class NotPermitted(StageFault):
    """The hub may not be changed (any more)."""

    def __init__(self, rejected: Rejected) -> None:
        super().__init__(rejected.code, rejected.detail or "", final=True)
        self.rejected = rejected


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a sequence is now, for the live view. Never a record."""

    position: Position
    flash: FlashProgress | None = None
    steps: int = 1
    """How many the plan has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceParts:
    """What a sequence works with."""

    attempt: int
    hub: DeviceIdentity
    plan: AttemptPlan
    driver: HubDriver
    journal: EventSink
    authority: NamedAuthority
    wrong_answers: WrongAnswers
    permission: Permission
    untouched: bool
    """Whether this attempt has done nothing to its hub yet."""
    present: Callable[[], bool | None]
    """The jig board's word on the slot; None where there is no board."""
    power_cycle: Callable[[], Awaitable[bool]]
    """Switches the hub off and on, where the jig can; says whether it did."""
    leave_recovery: Callable[[], Awaitable[bool]]
    """Has a hub boot that waits in its boot loader, once a seating; says whether it may have done so."""
    on_progress: Callable[[Progress], None]
