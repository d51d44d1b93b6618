"""One device flashed by hand: journalled like every attempt, but outside every work order.

A Communications Hub goes through the same sequence as at the bench. A plain MCUboot device, which knows neither
identity nor lock, is written, test-booted, verified and confirmed as far as it can be.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from drivers.errors import DriverError, HubAction, UnlockAuthorityFailed
from drivers.hub import FlashProgress, HubIdentity, UnlockChallenge
from drivers.smp.device import McubootDevice
from drivers.smp.driver import SmpHubDriver
from drivers.smp.errors import NoApplicationGroup
from firmware_catalog.image import FirmwareImage
from station.attempt import failure
from station.attempt.closing import OpenedAttempt, close, facts_of
from station.attempt.outcome import Code, Stage
from station.attempt.plan import AttemptPlan, PlannedStep, Position
from station.attempt.sequence import (
    Failed,
    LeftOpen,
    NamedAuthority,
    Passed,
    Progress,
    Sequence,
    SequenceParts,
)
from station.bench.seat import LinkSeat
from station.kernel_clock import read_clock
from station.records.events import (
    AttemptClosed,
    AttemptOpened,
    AttemptPlanned,
    HandFlashRequested,
    HubFacts,
    Place,
    StageEnded,
    StageStarted,
)
from station.records.journal import Journal

BY_HAND = Place(jig="by-hand", slot=1)
"""Where the journal places what belongs to no slot."""


class Refused(Exception):
    """The device must not be given this image. One line."""


class NoAuthority:
    """Stands where no unlock key was named: fails when a locked hub turns out to need one."""

    name = "none"

    async def sign(self, challenge: UnlockChallenge) -> bytes:
        """Raise UnlockAuthorityFailed."""
        raise UnlockAuthorityFailed(
            f"hub {challenge.chf} is locked and no key was named; give --unlock-key",
            action=HubAction.UNLOCK,
            state_known=True,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HandFlash:
    """What is to be done, and who answers for it."""

    image: FirmwareImage
    supervisor: str | None
    reason: str | None
    station_version: str


async def flash_by_hand(
    request: HandFlash,
    device: McubootDevice,
    journal: Journal,
    authority: NamedAuthority,
    on_progress: Callable[[FlashProgress], None],
) -> AttemptClosed:
    """Flash the device and return its durable result.

    Raises Refused, having touched nothing, for an image of another model or an older version, and DriverError
    when the device does not answer at all.
    """
    driver = SmpHubDriver(device)
    hub: HubIdentity | None = None
    try:
        hub = await driver.identify()
    except NoApplicationGroup:
        await device.state()
    if hub is not None:
        _may_be_given(request.image, hub)
    await journal.append(
        HandFlashRequested(
            port=device.place,
            image_sha256=request.image.file_sha256.hex(),
            supervisor=request.supervisor,
            reason=request.reason,
        )
    )
    number = (await journal.attempt_count(None, hub.chf)) + 1 if hub is not None else 1
    facts = facts_of(hub) if hub is not None else None
    opened = await _open(journal, facts, number, request.supervisor)
    plan = AttemptPlan((PlannedStep(request.image),))
    await journal.append(AttemptPlanned(attempt=opened.attempt, steps=(plan.last.target,)))
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
                driver=driver,
                journal=journal,
                authority=authority,
                wrong_unlock_answers=(await journal.hub_history(hub.chf)).wrong_unlock_answers,
                present=lambda: True,
                power_cycle=LinkSeat().power_cycle,
                veto=lambda _model, _plan: None,
                on_progress=progress,
            ),
            {},
        )
        outcome = await sequence.recover(Position(0, Stage.UNLOCK))
        seconds = dict(sequence.seconds)
        if isinstance(outcome, LeftOpen):
            ending = Failed(outcome.stage, Code.HUB_GONE, outcome.why, None)
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
    )
    await journal.append(event)
    return event


def _may_be_given(image: FirmwareImage, hub: HubIdentity) -> None:
    if image.model is not None and image.model != hub.model:
        raise Refused(
            f"the image is for model {image.model}, hub {hub.chf} is {hub.model}; find its own image"
        )
    if image.version < hub.firmware:
        raise Refused(
            f"hub {hub.chf} runs {hub.firmware}, newer than the image's {image.version}; nothing was done"
        )


async def _open(
    journal: Journal, facts: HubFacts | None, number: int, supervisor: str | None
) -> OpenedAttempt:
    event = AttemptOpened(place=BY_HAND, order=None, hub=facts, number=number, operator=supervisor)
    (recorded,) = await journal.append(event)
    return OpenedAttempt(
        attempt=recorded.sequence,
        place=BY_HAND,
        order=None,
        number=number,
        hub=facts,
        label=None,
        line=None,
        opened=recorded.utc,
        operator=supervisor,
    )


async def _flash_plain(
    attempt: int,
    device: McubootDevice,
    journal: Journal,
    image: FirmwareImage,
    on_progress: Callable[[FlashProgress], None],
) -> tuple[Passed | Failed, dict[Stage, float]]:
    """Take a device without identity through the stages that it has. Nothing is tried twice: a person stands by."""
    stages: tuple[tuple[Stage, Callable[[], Awaitable[object]]], ...] = (
        (Stage.FLASH, lambda: device.flash(image, on_progress)),
        (Stage.ACTIVATE, lambda: device.activate(image)),
        (Stage.VERIFY, lambda: device.verify(image)),
        (Stage.CONFIRM, lambda: device.confirm(image)),
        (Stage.CHECK, lambda: device.verify(image)),
    )
    seconds: dict[Stage, float] = {}
    for stage, act in stages:
        await journal.append(StageStarted(attempt=attempt, stage=stage))
        begun = time.monotonic()
        code, detail = None, None
        try:
            await act()
        except DriverError as error:
            code, detail = failure.code_of(error, stage), str(error)
        seconds[stage] = time.monotonic() - begun
        await journal.append(
            StageEnded(attempt=attempt, stage=stage, seconds=seconds[stage], code=code, detail=detail)
        )
        if code is not None:
            return Failed(stage, code, detail, None), seconds
    return Passed(image.version), seconds  # `verify` read this version back, or it would have failed
