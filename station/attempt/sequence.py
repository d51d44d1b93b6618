"""The way through one authorised attempt: each stage journalled before it is acted on, every fault probed.

The sequence never guesses what a hub is: after any failure it looks, and `recovery.decide` says how to go on.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

from drivers.errors import DriverError, HubInSerialRecovery, UnlockRefused
from drivers.hub import FlashProgress, HubDriver, HubIdentity, HubState, UnlockAuthority
from firmware_catalog.identity import DeviceModel, FirmwareVersion
from station.attempt import failure
from station.attempt.outcome import Code, Stage
from station.attempt.plan import AttemptPlan, Position
from station.attempt.probe import Finding, Probe, classify
from station.attempt.recovery import GiveUp, KeepOpen, Resume, Settle, decide
from station.records.events import Event, StageEnded, StageStarted, UnlockAnswerRefused, UnlockUsed

MAX_SETTLING_BOOTS: Final = 3
"""Boots ordered to bring a hub back to a confirmed image: one consumes a pending swap, one reverts, one to spare."""

BOOTS_OF_A_LOOP: Final = 3
"""Boots in one attempt that nobody ordered, from which on a failure is put down to them."""

REVIVAL_SECONDS: Final = 60.0
"""How long a power-cycled hub may take to answer: a boot with a swap of a whole slot in it."""


class EventSink(Protocol):
    """Takes facts and returns once they are durable."""

    async def append(self, *events: Event) -> object:
        """Make the events durable, all or none."""
        ...


class NamedAuthority(UnlockAuthority, Protocol):
    """An unlock authority with a name for the journal."""

    @property
    def name(self) -> str:
        """Which key signs, without saying anything secret."""
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


@dataclass(frozen=True, slots=True)
class LeftOpen:
    """The hub cannot be reached: nobody knows its state, so the attempt waits for it."""

    stage: Stage
    why: str


Ending = Passed | Failed | LeftOpen


class StageFault(Exception):
    """The hub answered properly, and the answer is not what the stage demands."""

    def __init__(self, code: Code, detail: str, *, final: bool) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.final = final


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a sequence is now, for the live view. Never a record."""

    position: Position
    flash: FlashProgress | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceParts:
    """What a sequence works with."""

    attempt: int
    hub: HubIdentity
    plan: AttemptPlan
    driver: HubDriver
    journal: EventSink
    authority: NamedAuthority
    wrong_unlock_answers: int
    """How many answers this hub has refused so far, over all attempts."""
    present: Callable[[], bool | None]
    """The jig board's word on the slot; None where there is no board."""
    power_cycle: Callable[[], Awaitable[bool]]
    """Switches the hub off and on, where the jig can; says whether it did."""
    veto: Callable[[DeviceModel, AttemptPlan], Code | None]
    """Says why the plan's release may no longer be activated; asked right before activation."""
    on_progress: Callable[[Progress], None]


class Sequence:
    """Runs one attempt from a position to its end. Use once."""

    def __init__(self, parts: SequenceParts, failures: Mapping[Position, int]) -> None:
        self._parts = parts
        self._failures = Counter(failures)
        self._wrong_answers = parts.wrong_unlock_answers
        self._held_image_is_doubtful = False
        self._power_cycled = False
        self._boots_ordered = 0
        self.hub = parts.hub
        """The hub as it last identified itself."""
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

    async def recover(self, reached: Position) -> Ending:
        """Look at the hub and take an interrupted attempt up again, from wherever the hub really is."""
        position = await self._look_and_decide(reached, None)
        return await self.run(position) if isinstance(position, Position) else position

    async def _stage(self, position: Position) -> None:
        """Do one stage between its two journal rows."""
        parts, stage = self._parts, position.stage
        parts.on_progress(Progress(position))
        await parts.journal.append(
            StageStarted(
                attempt=parts.attempt,
                stage=stage,
                step=position.step,
                try_number=self._failures[position] + 1,
            )
        )
        begun = time.monotonic()
        try:
            await self._act(position)
        except DriverError as error:
            await self._ended(position, begun, failure.code_of(error, stage), str(error))
            raise
        except StageFault as fault:
            await self._ended(position, begun, fault.code, fault.detail)
            raise
        await self._ended(position, begun)

    async def _ended(
        self, position: Position, begun: float, code: Code | None = None, detail: str | None = None
    ) -> None:
        seconds = time.monotonic() - begun
        self.seconds[position.stage] += seconds
        await self._parts.journal.append(
            StageEnded(
                attempt=self._parts.attempt,
                stage=position.stage,
                step=position.step,
                seconds=round(seconds, 6),
                code=code,
                detail=detail,
            )
        )

    async def _act(self, position: Position) -> None:
        parts = self._parts
        image = parts.plan.steps[position.step].image
        match position.stage:
            case Stage.UNLOCK:
                await self._unlock()
            case Stage.FLASH:
                held = (await parts.driver.state()).holding(image.image_hash)
                if held is None or (self._held_image_is_doubtful and not held.pending):
                    await parts.driver.flash(
                        parts.hub.device, image, lambda flash: parts.on_progress(Progress(position, flash))
                    )
                    self._held_image_is_doubtful = False
            case Stage.ACTIVATE:
                vetoed = parts.veto(parts.hub.model, parts.plan)
                if vetoed is not None:
                    raise StageFault(vetoed, "stopped before activation", final=True)
                self._boots_ordered += 1
                self.hub = await parts.driver.activate(parts.hub.device, image)
            case Stage.VERIFY:
                await parts.driver.verify(parts.hub.device, image)
                await self._identity_agrees(position)
            case Stage.CONFIRM:
                await parts.driver.confirm(parts.hub.device, image)
            case Stage.CHECK:
                state = await parts.driver.verify(parts.hub.device, image)
                if state.running is None or not state.running.confirmed or state.pending is not None:
                    raise StageFault(
                        Code.NOT_CONFIRMED, "the next boot would change what it runs", final=False
                    )
                await self._identity_agrees(position)
            case Stage.DETECT | Stage.IDENTIFY | Stage.AUTHORISE:
                raise AssertionError(f"{position.stage} comes before the sequence")

    async def _unlock(self) -> None:
        parts = self._parts
        hub = await self._identify()
        if not hub.locked:
            return
        if self._wrong_answers >= failure.MAX_WRONG_UNLOCK_ANSWERS:
            raise StageFault(
                Code.UNLOCK_REFUSED,
                f"{self._wrong_answers} wrong answers; a third would lock it out",
                final=True,
            )
        await parts.journal.append(
            UnlockUsed(attempt=parts.attempt, chf=hub.chf, authority=parts.authority.name)
        )
        try:
            await parts.driver.unlock(parts.hub.device, parts.authority)
        except UnlockRefused:
            self._wrong_answers += 1
            await parts.journal.append(UnlockAnswerRefused(attempt=parts.attempt, chf=hub.chf))
            raise

    async def _identity_agrees(self, position: Position) -> None:
        """Read the identity of the hub that runs the new image and hold it against the old one."""
        hub = await self._identify()
        image = self._parts.plan.steps[position.step].image
        if hub.firmware != image.version:
            raise StageFault(
                Code.VERSION_MISMATCH, f"it says {hub.firmware}, the image is {image.version}", final=False
            )
        if not hub.locked:
            raise StageFault(Code.NOT_LOCKED, "it should have locked itself at its boot", final=True)

    async def _identify(self) -> HubIdentity:
        """Ask who is there, and insist on the hub that this attempt is about."""
        hub = await self._parts.driver.identify()
        if hub.device != self._parts.hub.device:
            raise StageFault(Code.ANOTHER_HUB, f"{hub.chf} / {hub.gpf} answers", final=True)
        self.hub = hub
        return hub

    async def _after_failure(self, position: Position, error: DriverError | StageFault) -> Position | Ending:
        self._failures[position] += 1
        failures = self._failures[position]
        if isinstance(error, StageFault):
            code, detail = error.code, error.detail
            again = failures < failure.MAX_TRIES and not error.final
        else:
            code, detail = failure.code_of(error, position.stage), str(error)
            again = failure.may_try_again(error, failures)
        if code is Code.ANOTHER_HUB or failure.is_out_of_reach(error):
            # Hub or port is out of reach, so nothing is known: the slot takes it up again when it sees the hub.
            return LeftOpen(position.stage, detail)
        if not again:
            return await self._give_up(position.stage, code, detail)
        if position.stage in {Stage.ACTIVATE, Stage.VERIFY}:
            self._held_image_is_doubtful = True
        await asyncio.sleep(failure.pause_before(failures + 1))
        return await self._look_and_decide(position, detail)

    async def _look_and_decide(self, reached: Position, detail: str | None) -> Position | Ending:
        """Probe the hub and follow the table until it names a position or an end."""
        for _ in range(MAX_SETTLING_BOOTS + 1):
            decision = decide(reached, await self._probe(), present=self._parts.present())
            match decision:
                case Resume(position=position):
                    return position
                case KeepOpen(why=why):
                    return LeftOpen(reached.stage, why)
                case GiveUp(code=Code.NO_ANSWER) if await self._revived():
                    continue
                case GiveUp(code=code, why=why):
                    return await self._give_up(reached.stage, code, detail or why)
                case Settle():
                    try:
                        await self._reboot()
                    except DriverError as error:
                        detail = str(error)
        return await self._give_up(reached.stage, Code.DID_NOT_REVERT, detail)

    async def _reboot(self) -> None:
        self._boots_ordered += 1
        self.hub = await self._parts.driver.reboot(self._parts.hub.device)

    async def _revived(self) -> bool:
        """Power-cycle a silent hub, once an attempt. Its flash is safe: whatever it did, it no longer listens."""
        if self._power_cycled or not await self._parts.power_cycle():
            return False
        self._power_cycled = True
        self._boots_ordered += 1
        with suppress(TimeoutError, DriverError):
            async with asyncio.timeout(REVIVAL_SECONDS):
                await self._parts.driver.wait_for_hub()
        return True

    async def _probe(self) -> Probe:
        parts = self._parts
        try:
            hub = await self._identify()
            return classify(parts.plan, hub, await parts.driver.state())
        except StageFault:
            return Probe(Finding.ANOTHER_HUB, 0)
        except HubInSerialRecovery:
            return Probe(Finding.SERIAL_RECOVERY, 0)
        except DriverError:
            return Probe(Finding.SILENT, 0)

    async def _give_up(self, stage: Stage, code: Code, detail: str | None) -> Failed:
        """End as FAILED, but first leave the hub locked, on a confirmed image, with nothing pending."""
        boots_of_its_own = self.hub.boots - self._parts.hub.boots - self._boots_ordered
        if boots_of_its_own >= BOOTS_OF_A_LOOP and code in failure.LOOKS_LIKE_A_BOOT_LOOP:
            code = Code.BOOT_LOOP
        read_back: FirmwareVersion | None = None
        settled = False
        try:
            for boots_left in reversed(range(MAX_SETTLING_BOOTS + 1)):
                hub = await self._identify()
                read_back = hub.firmware
                settled = _is_settled(await self._parts.driver.state())
                if code is Code.IMAGE_HASH_MISMATCH and settled and boots_left == MAX_SETTLING_BOOTS:
                    code = Code.IMAGE_DISCARDED  # of itself it went back to a confirmed other one
                if boots_left == 0 or (settled and hub.locked):
                    break
                await self._reboot()
        except (DriverError, StageFault):
            return Failed(stage, code, detail, read_back)
        if not settled and self._parts.driver.can_revert:
            return Failed(stage, Code.DID_NOT_REVERT, detail, read_back)
        return Failed(stage, code, detail, read_back)


def _is_settled(state: HubState) -> bool:
    return state.running is not None and state.running.confirmed and state.pending is None
