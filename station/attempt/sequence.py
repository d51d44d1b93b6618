"""The way through one authorised attempt: each stage journalled before it is acted on, every fault probed.

The sequence never guesses what a hub is: after any failure it looks, and `recovery.decide` says how to go on.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from drivers.errors import (
    AnotherHub,
    DriverError,
    HubInSerialRecovery,
    LinkLost,
    PlaceUnavailable,
    TransferIncomplete,
)
from station.attempt import failure
from station.attempt.authorise import Rejected
from station.attempt.counted_authority import CountedAuthority
from station.attempt.looking import agree, identify, insist_on, read_back
from station.attempt.parts import (
    Ending,
    Failed,
    LeftOpen,
    NotPermitted,
    Passed,
    Progress,
    SequenceParts,
    StageFault,
)
from station.attempt.probe import Finding, Probe, classify
from station.attempt.recovery import GiveUp, KeepOpen, Resume, Settle, decide
from station.attempt.settling import MAX_SETTLING_BOOTS, keeps_untried, settle
from station.domain.outcome import Code, Stage
from station.domain.position import Position
from station.records.facts.attempts import AttemptPlanned, StageEnded, StageStarted
from station.records.facts.events import Event
from station.records.facts.unlocks import UnlockAnswerDue, UnlockAnswerVoid, UnlockUsed

BOOTS_OF_A_LOOP: Final = 3
"""Boots in one attempt that nobody ordered, from which on a failure is put down to them."""

REVIVAL_SECONDS: Final = 60.0
"""How long a power-cycled hub may take to answer: a boot with a swap of a whole slot in it."""


class Sequence:
    """Runs one attempt from a position to its end. Use once."""

    def __init__(self, parts: SequenceParts, failures: Mapping[Position, int]) -> None:
        self._parts = parts
        self._failures = Counter(failures)
        self._untouched = parts.untouched
        self._held_image_is_doubtful = False
        self._power_cycled = False
        self._booted_unread = False
        self._boots_ordered = 0
        self.hub = parts.hub
        """The hub as it last identified itself."""
        self.due: tuple[Event, ...] = ()
        """What is to be recorded before anything else is done, and so with whatever is recorded next: a stage's beginning, or
        the result of a hub that passed. One append is as durable as two, and keeps the hub waiting once."""
        self.seconds: defaultdict[Stage, float] = defaultdict(float)
        """Time spent in each stage, tries added up, seconds."""

    async def run(self, start: Position) -> Ending:
        """Go from `start` to the end. Journal failures and cancellation pass through; nothing else does."""
        position: Position | None = start
        while position is not None:
            try:
                await self._stage(position)
            except (DriverError, StageFault) as error:
                ending = await self._after_failure(position, error)
                if not isinstance(ending, Position):
                    return ending
                position = ending
            else:
                if position.stage is Stage.CHECK:
                    return Passed(self.hub.firmware)
                position = self._parts.plan.following(position)
        raise AssertionError("a plan ends with check")

    async def begin(self, planned: AttemptPlanned, seen: Probe) -> Ending:
        """Begin a planned attempt from where the hub was seen to stand only just. It may hold the image already.

        Where that says how to go on the hub is not looked at again, for each stage insists on this very hub before anything
        else; what speaks against going on has to be seen here.
        """
        reached = Position(0, Stage.UNLOCK)
        if isinstance(known := decide(reached, seen, present=True), Resume):
            self.due = (planned,)
            return await self.run(known.position)
        await self._parts.journal.append(planned)
        return await self.recover(reached)

    async def recover(self, reached: Position) -> Ending:
        """Look at the hub and take an interrupted attempt up again, from wherever the hub really is."""
        position = await self._look_and_decide(reached, None)
        return await self.run(position) if isinstance(position, Position) else position

    async def check_current(self) -> Ending:
        """Read back a hub that runs the last image already. An open one is booted once, so that it locks itself."""
        position = Position(len(self._parts.plan.steps) - 1, Stage.CHECK)
        while True:
            try:
                await self._stage(position)
            except DriverError as error:
                if failure.leaves_open(error, present=self._parts.present()):
                    return LeftOpen(position.stage, failure.why_left_open(error))
                return await self._give_up(position.stage, failure.code_of(error, position.stage), error.fact)
            except StageFault as fault:
                if fault.code is not Code.NOT_LOCKED or self._boots_ordered:
                    return await self._give_up(position.stage, fault.code, fault.detail)
                with suppress(DriverError):  # the next look tells
                    await self._reboot()
            else:
                return Passed(self.hub.firmware)

    async def _stage(self, position: Position) -> None:
        """Do one stage between its two journal rows. The second one is `due` where the stage went well."""
        parts, stage = self._parts, position.stage
        parts.on_progress(Progress(position, steps=len(parts.plan.steps)))
        started = StageStarted(
            attempt=parts.attempt,
            stage=stage,
            step=position.step,
            try_number=self._failures[position] + 1,
        )
        await self._append(started)
        begun = time.monotonic()
        try:
            await self._act(position)
        except DriverError as error:
            await self._append(self._ended(position, begun, failure.code_of(error, stage), str(error)))
            raise
        except StageFault as fault:
            await self._append(self._ended(position, begun, fault.code, fault.detail))
            raise
        self.due = (self._ended(position, begun),)

    async def _append(self, event: Event) -> None:
        due, self.due = self.due, ()
        await self._parts.journal.append(*due, event)

    def _ended(
        self, position: Position, begun: float, code: Code | None = None, detail: str | None = None
    ) -> StageEnded:
        seconds = time.monotonic() - begun
        self.seconds[position.stage] += seconds
        return StageEnded(
            attempt=self._parts.attempt,
            stage=position.stage,
            step=position.step,
            seconds=round(seconds, 6),
            code=code,
            detail=detail,
        )

    async def _act(self, position: Position) -> None:
        parts, hub = self._parts, self._parts.hub.device
        image = parts.plan.steps[position.step].image
        match position.stage:
            case Stage.UNLOCK:
                await self._unlock()
            case Stage.FLASH:
                held = (await parts.driver.state()).holding(image.image_hash)
                if held is None or (self._held_image_is_doubtful and not held.pending):
                    steps = len(parts.plan.steps)
                    await parts.driver.flash(
                        hub, image, lambda flash: parts.on_progress(Progress(position, flash, steps))
                    )
                    self._held_image_is_doubtful = False
            case Stage.ACTIVATE:
                await self._require_permission()
                self._boots_ordered += 1
                self.hub = insist_on(hub, await parts.driver.activate(hub, image), parts.driver)
            case Stage.VERIFY:
                await parts.driver.verify(hub, image)
                self.hub = await agree(parts.driver, hub, image)
            case Stage.CONFIRM:
                await self._require_permission()
                await parts.driver.confirm(hub, image)
            case Stage.CHECK:
                self.hub = await read_back(parts.driver, hub, image)
            case Stage.DETECT | Stage.IDENTIFY | Stage.AUTHORISE:
                raise AssertionError(f"{position.stage} comes before the sequence")

    async def _unlock(self) -> None:
        parts, hub = self._parts, self._parts.hub
        # An answer whose reply was lost may have been right: then the hub is open now.
        self.hub = await identify(parts.driver, hub.device)
        await self._require_permission()
        if not self.hub.locked:
            self._untouched = False
            return
        authority = CountedAuthority(
            parts.authority,
            due=UnlockAnswerDue(attempt=parts.attempt, chf=hub.device_id),
            void=UnlockAnswerVoid(attempt=parts.attempt, chf=hub.device_id),
            hub=hub,
            journal=parts.journal,
            wrong_answers=parts.wrong_answers,
            refusal=self._refusal,
        )
        await authority.require_one_left()
        await parts.journal.append(
            UnlockUsed(attempt=parts.attempt, chf=hub.device_id, authority=parts.authority.name)
        )
        try:
            await authority.unlock(parts.driver)
        finally:
            self._untouched = self._untouched and not authority.counted

    async def _refusal(self) -> Rejected | None:
        return await self._parts.permission.refusal(self.hub, untouched=self._untouched)

    async def _require_permission(self) -> None:
        rejected = await self._refusal()
        if rejected is not None:
            raise NotPermitted(rejected)

    async def _after_failure(self, position: Position, error: DriverError | StageFault) -> Position | Ending:
        self._failures[position] += 1
        failures = self._failures[position]
        if isinstance(error, NotPermitted):
            return await self._refused(position.stage, error.rejected)
        if isinstance(error, StageFault):
            code, detail = error.code, error.detail
            again = failures < failure.MAX_TRIES and not error.final
        else:
            code, detail = failure.code_of(error, position.stage), error.fact
            again = failure.may_try_again(error, failures)
        if isinstance(error, AnotherHub) or failure.is_out_of_reach(error):
            # Hub or port is out of reach, so nothing is known: the slot takes it up again when it sees the hub.
            return LeftOpen(position.stage, failure.why_left_open(error))
        if not again:
            return await self._give_up(position.stage, code, detail)
        # The hash that a hub lists stands in the image, and may be whole where the rest is not.
        if position.stage in {Stage.ACTIVATE, Stage.VERIFY} or isinstance(error, TransferIncomplete):
            self._held_image_is_doubtful = True
        await asyncio.sleep(failure.pause_before(failures + 1))
        return await self._look_and_decide(position, (code, detail))

    async def _look_and_decide(self, reached: Position, fault: tuple[Code, str] | None) -> Position | Ending:
        """Probe the hub and follow the table until it names a position or an end.

        `fault` is what failed before: it is told only if the end is for the same cause.
        """
        last_boot: str | None = None
        for _ in range(MAX_SETTLING_BOOTS + 1):
            probe = await self._probe()
            decision = decide(reached, probe, present=self._parts.present())
            match decision:
                case Resume(position=position):
                    return position
                case KeepOpen(why=why):
                    return LeftOpen(reached.stage, why)
                case GiveUp(code=Code.NO_ANSWER) if await self._revived():
                    continue
                case GiveUp(code=Code.SERIAL_RECOVERY) if await self._left_recovery():
                    continue
                case GiveUp() if probe.finding is Finding.UNREADABLE and not self._booted_unread:
                    self._booted_unread = True
                case GiveUp(code=code, why=why):
                    known = fault is not None and fault[0] is code
                    return await self._give_up(reached.stage, code, fault[1] if fault and known else why)
                case Settle(why=why) if keeps_untried(probe.state):
                    return await self._give_up(reached.stage, *(fault or (Code.ACTIVATION_FAILURE, why)))
                case Settle():
                    pass
            try:
                await self._reboot()
            except DriverError as error:
                if failure.is_out_of_reach(error):
                    return LeftOpen(reached.stage, failure.why_left_open(error))
                last_boot = error.fact
        return await self._give_up(reached.stage, Code.DID_NOT_REVERT, last_boot)

    async def _reboot(self) -> None:
        hub, driver = self._parts.hub.device, self._parts.driver
        self._untouched = False
        self._boots_ordered += 1
        self.hub = insist_on(hub, await driver.reboot(hub), driver)

    async def _revived(self) -> bool:
        """Power-cycle a silent hub, once an attempt. Its flash is safe: whatever it did, it no longer listens."""
        if self._power_cycled or not await self._parts.power_cycle():
            return False
        self._power_cycled = True
        self._untouched = False
        self._boots_ordered += 1
        with suppress(TimeoutError, DriverError):
            async with asyncio.timeout(REVIVAL_SECONDS):
                await self._parts.driver.wait_for_hub()  # whoever it is: the next look insists on this one
        return True

    async def _left_recovery(self) -> bool:
        """Have a hub that waits in its boot loader boot, if it has not been; the next look insists on this one."""
        if not await self._parts.leave_recovery():
            return False
        self._untouched = False
        self._boots_ordered += 1
        return True

    async def _probe(self) -> Probe:
        parts = self._parts
        try:
            self.hub = await identify(parts.driver, parts.hub.device)
            try:
                state = await parts.driver.state()
            except HubInSerialRecovery:
                raise
            except DriverError as error:
                if failure.is_out_of_reach(error):
                    raise
                # Gone, or silent about this only?
                self.hub = await identify(parts.driver, parts.hub.device)
                return Probe(Finding.UNREADABLE, 0, self.hub)
            return classify(parts.plan, self.hub, state)
        except AnotherHub:
            return Probe(Finding.ANOTHER_HUB, 0)
        except HubInSerialRecovery:
            return Probe(Finding.SERIAL_RECOVERY, 0)
        except (LinkLost, PlaceUnavailable):
            # A port that takes no bytes is still there: on a line with RTS/CTS so silent is a hub that hangs.
            return Probe(Finding.OUT_OF_REACH, 0)
        except DriverError:
            return Probe(Finding.SILENT, 0)

    async def _refused(self, stage: Stage, rejected: Rejected) -> Ending:
        """End an attempt that may not go on: as REJECTED while nothing was done to the hub."""
        if self._untouched:
            return rejected
        return await self._give_up(stage, rejected.code, rejected.detail, refused=True)

    async def _give_up(
        self, stage: Stage, code: Code, detail: str | None, *, refused: bool = False
    ) -> Failed | LeftOpen:
        """End as FAILED, but first leave the hub locked, on a confirmed image, with nothing pending."""
        parts = self._parts
        boots_of_its_own = self.hub.boots - parts.hub.boots - self._boots_ordered
        if boots_of_its_own >= BOOTS_OF_A_LOOP and code in failure.LOOKS_LIKE_A_BOOT_LOOP:
            code = Code.BOOT_LOOP
        try:
            settled = await settle(
                parts.driver,
                self.hub,
                present=parts.present,
                leave_recovery=parts.leave_recovery,
                may_stay=parts.permission.may_stay,
            )
        except DriverError as error:
            return LeftOpen(stage, failure.why_left_open(error))
        self.hub = settled.hub
        if code is Code.IMAGE_HASH_MISMATCH and settled.at_once:
            code = Code.IMAGE_DISCARDED  # of itself it went back to a confirmed other one
        if settled.did_not_revert and not refused:
            code = Code.DID_NOT_REVERT
        return Failed(stage, code, detail, settled.read_back, settled.unsettled)
