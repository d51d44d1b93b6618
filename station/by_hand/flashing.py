"""One device flashed by hand: journalled like every attempt, but outside every work order.

A Communications Hub goes through the same sequence as at the bench. A plain MCUboot or DFU device, which knows neither
identity nor lock, goes through the stages that it has.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from drivers.errors import DriverError, HubAction, HubInSerialRecovery, UnlockAuthorityFailed
from drivers.hub import DeviceIdentity, FlashProgress, UnlockChallenge
from firmware_catalog.bounds import UNBOUND
from firmware_catalog.image import FirmwareImage
from station.attempt import failure
from station.attempt.authorise import Rejected
from station.attempt.closing import close, facts_of
from station.attempt.opening import open_attempt
from station.attempt.parts import Failed, LeftOpen, Passed, Permission, Progress, SequenceParts
from station.attempt.plan import AttemptPlan, PlannedStep
from station.attempt.recovery_boot import RecoveryBoot
from station.attempt.sequence import Sequence
from station.bench.loop_watch import LoopWatch
from station.bench.seat import LinkSeat
from station.by_hand.devices import HandDevice, Refused
from station.domain.actor import Actor
from station.domain.outcome import Code, Stage
from station.domain.position import Position
from station.domain.reason import Reason
from station.domain.slot_name import SlotName
from station.kernel_clock import read_clock
from station.records.facts.attempts import (
    AttemptClosed,
    AttemptPlanned,
    HandFlashRequested,
    StageEnded,
    StageStarted,
)
from station.records.facts.events import Event
from station.records.journal import Journal
from station.texts.results import what_happened
from station.texts.texts import ENGLISH
from station.unlocking.parts import NamedAuthority, WrongAnswers

BY_HAND = SlotName(jig="by-hand", slot=1)
"""Where the journal places what belongs to no slot."""


_OUT_OF_REACH: Final = {Reason.PORT_TOOK_IT: Code.LINK_LOST, Reason.ANOTHER_ANSWERS: Code.ANOTHER_HUB}
"""What ends an attempt that a slot would leave open, to take it up again: here nobody waits for the hub."""


class NoAuthority:
    """Stands where no unlock key was named: fails when a locked hub turns out to need one."""

    name = "none"

    async def sign(self, challenge: UnlockChallenge) -> bytes:
        """Raise UnlockAuthorityFailed."""
        raise UnlockAuthorityFailed(
            f"hub {challenge.device_id} is locked and no key was named",
            action=HubAction.UNLOCK,
            state_known=True,
            advice="give --unlock-key",
        )


class NoOrder:
    """The `Permission` of what a person does by hand, outside every order."""

    async def refusal(self, _: DeviceIdentity, *, untouched: bool) -> None:
        """Say None: the person answers for it."""

    def may_stay(self, _: bytes | None) -> bool:
        """Say True."""
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class HandFlash:
    """What is to be done, and who answers for it."""

    image: FirmwareImage
    supervisor: str | None
    """A pseudonym."""
    reason: str | None
    station_version: str


async def flash_by_hand(
    request: HandFlash,
    device: HandDevice,
    journal: Journal,
    authority: NamedAuthority,
    wrong_answers: WrongAnswers,
    permission: Permission,
    on_progress: Callable[[FlashProgress], None],
) -> AttemptClosed:
    """Flash the device and return its durable result.

    Raises Refused, having written nothing, for an image of another device or model or an older version, and
    DriverError when the device does not answer at all.
    """
    recovery_boot = RecoveryBoot()
    try:
        hub = await device.identify()
    except HubInSerialRecovery:
        if not await recovery_boot.order(device.hub):
            raise
        hub = await device.identify()
    if hub is not None:
        _may_be_given(request.image, hub)
        rejected = await permission.refusal(hub, untouched=True)
        if rejected is not None:
            raise Refused(_refusal(hub, rejected))
    elif not isinstance(permission, NoOrder):
        raise Refused(
            "this device does not tell what it is, and in production no release can be held against it; nothing was done"
        )
    elif request.image.only_for != UNBOUND:
        raise Refused(
            f"the image is for {request.image.only_for}, and this device does not tell what it is; find an image for it"
        )
    await device.require_meant()
    await journal.append(
        HandFlashRequested(
            port=device.place,
            image_sha256=request.image.file_sha256.hex(),
            supervisor=request.supervisor,
            reason=request.reason,
            actor=Actor(
                pseudonym=request.supervisor,
                role="supervisor" if request.supervisor else None,
                where="terminal",
            ),
        )
    )
    number = (await journal.attempt_count(None, hub.device_id)) + 1 if hub is not None else 1
    facts = facts_of(hub) if hub is not None else None
    opened = await open_attempt(journal, BY_HAND, facts, number=number, operator=request.supervisor)
    plan = AttemptPlan((PlannedStep(request.image),))
    await journal.append(AttemptPlanned(attempt=opened.attempt, steps=(plan.last.target,)))
    ending: Passed | Failed | Rejected
    due: tuple[Event, ...] = ()
    if hub is None:
        ending, seconds = await _flash_plain(opened.attempt, device, journal, request.image, on_progress)
    else:

        def progress(now: Progress) -> None:
            if now.flash is not None:
                on_progress(now.flash)

        sequence = Sequence(
            SequenceParts(
                attempt=opened.attempt,
                hub=hub,
                plan=plan,
                driver=device.hub,
                journal=journal,
                authority=authority,
                wrong_answers=wrong_answers,
                permission=permission,
                untouched=True,
                present=lambda: True,
                power_cycle=LinkSeat(LoopWatch()).power_cycle,
                leave_recovery=lambda: recovery_boot.order(device.hub),
                on_progress=progress,
            ),
            {},
        )
        outcome = await sequence.recover(Position(0, Stage.UNLOCK))
        seconds, due = dict(sequence.seconds), sequence.due
        if isinstance(outcome, LeftOpen):
            code = _OUT_OF_REACH.get(outcome.why, Code.NO_ANSWER)
            ending = Failed(outcome.stage, code, None, None, "was left as nobody knows")
        else:
            ending = outcome
    event = close(
        opened,
        ending,
        target=plan.last.target,
        boots=None,
        failed_before=(),
        seconds=seconds,
        finished=read_clock(),
        station_version=request.station_version,
        by_hand_at=device.place,
    )
    await journal.append(*due, event)
    return event


def _refusal(hub: DeviceIdentity, rejected: Rejected) -> str:
    detail = f" ({rejected.detail})" if rejected.detail else ""
    return f"hub {hub.device_id} / {hub.model}: {what_happened(ENGLISH, rejected.code)}{detail}; nothing was done"


def _may_be_given(image: FirmwareImage, hub: DeviceIdentity) -> None:
    if image.model is not None and image.model != hub.model:
        raise Refused(
            f"the image is for model {image.model}, hub {hub.device_id} is {hub.model}; find its own image"
        )
    bounds = image.only_for
    if not bounds.permit_device(hub.ids.every) or not bounds.permit_hardware(hub.hardware_version):
        raise Refused(
            f"the image is for {bounds}; {hub.ids.kind.family} {' / '.join(str(each) for each in hub.ids.every)} says hardware {hub.hardware_version!r}; "
            "find its own image"
        )
    if image.version < hub.firmware:
        raise Refused(
            f"hub {hub.device_id} runs {hub.firmware}, newer than the image's {image.version}; nothing was done"
        )


async def _flash_plain(
    attempt: int,
    device: HandDevice,
    journal: Journal,
    image: FirmwareImage,
    on_progress: Callable[[FlashProgress], None],
) -> tuple[Passed | Failed, dict[Stage, float]]:
    """Take a device without identity through the stages that it has. Nothing is tried twice: a person stands by."""
    seconds: dict[Stage, float] = {}
    for stage, act in device.plain_stages(image, on_progress):
        await journal.append(StageStarted(attempt=attempt, stage=stage))
        begun = time.monotonic()
        code, detail = None, None
        try:
            await act()
        except DriverError as error:
            code, detail = failure.code_of(error, stage), error.fact
        seconds[stage] = time.monotonic() - begun
        await journal.append(
            StageEnded(attempt=attempt, stage=stage, seconds=seconds[stage], code=code, detail=detail)
        )
        if code is not None:
            return Failed(stage, code, detail, None), seconds
    return Passed(device.plain_version(image)), seconds
