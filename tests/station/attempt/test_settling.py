"""What is asked of a hub that goes home, and how one is left that does not: decided on what a hub says, value by value."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from benches.attempt_samples import FIRST, MODEL, OLD, OTHER, SECOND, hub, plan, slot, state
from drivers.errors import (
    AnotherHub,
    DriverError,
    HubAction,
    HubDidNotReturn,
    HubInSerialRecovery,
    HubRefused,
    ImageMismatch,
    LinkLost,
    NoAnswer,
)
from drivers.hub import ExpectedDevice, HubIdentity, HubState
from firmware_catalog.identity import DeviceModel, Eui64
from station.attempt.looking import read_back
from station.attempt.parts import Failed, LeftOpen, Passed, SequenceParts, StageFault
from station.attempt.recovery_boot import RecoveryBoot
from station.attempt.sequence import MAX_SETTLING_BOOTS
from station.attempt.sequence import Sequence as AttemptSequence
from station.attempt.settling import settle
from station.domain.outcome import Code, Stage
from station.domain.position import Position
from station.domain.reason import Reason
from station.records.facts.attempts import StageStarted

DONE = state(slot(0, FIRST, active=True, confirmed=True), slot(1, OTHER))
ON_TEST = state(slot(0, FIRST, active=True), slot(1, OTHER, confirmed=True))
MARKED = state(slot(0, OTHER, active=True, confirmed=True), slot(1, SECOND, pending=True))
KEPT_UNTRIED = state(
    slot(0, OTHER, active=True, confirmed=True), replace(slot(1, SECOND, pending=True), permanent=True)
)
BEFORE = state(slot(0, OTHER, active=True, confirmed=True))
NOTHING_RUNS = state(slot(0, OTHER))
ME = hub(FIRST.version)


def fails(kind: type[DriverError]) -> DriverError:
    return kind("it happened", action=HubAction.REBOOT, state_known=False)


Says = HubIdentity | DriverError
Holds = HubState | DriverError


class Spoken:
    """Says and holds one thing after the other, a boot each; the last for good."""

    place = "here"

    def __init__(
        self, *boots: tuple[Says, Holds], can_revert: bool = True, reboots: DriverError | None = None
    ) -> None:
        self._boots = list(boots)
        self.can_revert = can_revert
        self._reboots = reboots
        self.boots = 0

    async def identify(self) -> HubIdentity:
        return _said(self._boots[0][0])

    async def state(self) -> HubState:
        return _said(self._boots[0][1])

    async def verify(self, hub: ExpectedDevice, image: Any) -> HubState:
        hub.require(await self.identify(), place=self.place, action=HubAction.VERIFY)
        held = await self.state()
        if held.running is None or held.running.image_hash != image.image_hash:
            raise fails(ImageMismatch)
        return held

    async def reboot(self, _: ExpectedDevice) -> HubIdentity:
        self.boots += 1
        if self._reboots is not None:
            raise self._reboots
        if len(self._boots) > 1:
            self._boots.pop(0)
        return await self.identify()

    async def wait_for_hub(self) -> HubIdentity:
        return await self.identify()


def _said(what: Any) -> Any:
    if isinstance(what, DriverError):
        raise what
    return what


ANOTHER_GPF = replace(ME, gpf=Eui64(1))
ANOTHER_MODEL = replace(ME, model=DeviceModel(MODEL.manufacturer, "another"))
NOT_HOME = {
    "unconfirmed": (ME, ON_TEST, Code.NOT_CONFIRMED),
    "another image pending": (
        ME,
        state(slot(0, FIRST, active=True, confirmed=True), slot(1, SECOND, pending=True)),
        Code.NOT_CONFIRMED,
    ),
    "unlocked": (replace(ME, locked=False), DONE, Code.NOT_LOCKED),
    "another version": (replace(ME, firmware=OLD), DONE, Code.VERSION_MISMATCH),
}


@pytest.mark.parametrize("how", NOT_HOME)
def test_a_hub_that_is_not_all_that_is_asked_does_not_go_home(how: str) -> None:
    says, holds, code = NOT_HOME[how]
    with pytest.raises(StageFault) as raised:
        asyncio.run(read_back(Spoken((says, holds)), ME.device, FIRST))
    assert raised.value.code is code


@pytest.mark.parametrize("other", [ANOTHER_GPF, ANOTHER_MODEL], ids=["GPF", "model"])
def test_a_hub_with_half_of_the_identity_does_not_go_home_for_the_other(other: HubIdentity) -> None:
    with pytest.raises(AnotherHub):
        asyncio.run(read_back(Spoken((other, DONE)), ME.device, FIRST))


def test_another_image_does_not_go_home() -> None:
    with pytest.raises(ImageMismatch):
        asyncio.run(read_back(Spoken((ME, BEFORE)), ME.device, FIRST))


def test_a_hub_that_booted_between_the_questions_is_asked_anew() -> None:
    class Booting(Spoken):
        async def state(self) -> HubState:
            self._boots[0] = (replace(ME, boots=ME.boots + 1), self._boots[0][1])
            return await super().state()

    with pytest.raises(StageFault, match="booted while it was read back"):
        asyncio.run(read_back(Booting((ME, DONE)), ME.device, FIRST))


def test_a_hub_that_is_all_that_is_asked_goes_home() -> None:
    assert asyncio.run(read_back(Spoken((ME, DONE)), ME.device, FIRST)) == ME


OPEN = replace(ME, locked=False)
SETTLED: dict[str, tuple[Sequence[tuple[Says, Holds]], bool, int, str | None]] = {
    "settled already": ([(ME, DONE)], True, 0, None),
    "open": ([(OPEN, DONE), (ME, DONE)], True, 1, None),
    "on test": ([(ME, ON_TEST), (ME, BEFORE)], True, 1, None),
    "another image marked": ([(ME, MARKED), (ME, ON_TEST), (ME, BEFORE)], True, 2, None),
    "never locks": ([(OPEN, DONE)], True, MAX_SETTLING_BOOTS, "is not locked"),
    "never reverts": ([(ME, ON_TEST)], True, MAX_SETTLING_BOOTS, f"runs {FIRST.version_text} unconfirmed"),
    "stays marked": ([(ME, MARKED)], True, MAX_SETTLING_BOOTS, "would run 00030000 from its next boot on"),
    "would keep an untried image": (
        [(OPEN, KEPT_UNTRIED)],
        True,
        0,
        "is not locked and would run 00030000 for good",
    ),
    "open and on test": (
        [(OPEN, ON_TEST)],
        True,
        MAX_SETTLING_BOOTS,
        f"is not locked and runs {FIRST.version_text} unconfirmed",
    ),
    "cannot go back": (
        [(ME, ON_TEST)],
        False,
        0,
        f"runs {FIRST.version_text} unconfirmed and cannot go back",
    ),
    "cannot go back, and open": (
        [(OPEN, ON_TEST), (ME, ON_TEST)],
        False,
        1,
        f"runs {FIRST.version_text} unconfirmed and cannot go back",
    ),
    "cannot go back, and would go on": ([(OPEN, MARKED)], False, 0, "is not locked and would run 00030000"),
    "names nothing": ([(ME, NOTHING_RUNS)], True, 1, "names no running image"),
    "does not say what it holds": ([(ME, fails(HubRefused))], True, 1, "does not say what it holds"),
    "says it after a boot": ([(ME, fails(HubRefused)), (ME, BEFORE)], True, 1, None),
    "in its boot loader": ([(fails(HubInSerialRecovery), DONE)], True, 0, "runs no firmware"),
    "silent though seated": ([(fails(NoAnswer), DONE)], True, 0, "no longer answers"),
    "does not say who it is": ([(fails(HubRefused), DONE)], True, 0, "does not say who it is"),
}


@pytest.mark.parametrize("how", SETTLED)
def test_a_hub_is_left_as_it_may_be_left_or_what_is_not_so_is_said(how: str) -> None:
    boots, can_revert, ordered, unsettled = SETTLED[how]
    driver = Spoken(*boots, can_revert=can_revert)
    settled = asyncio.run(settle(driver, ME, present=lambda: True, leave_recovery=_no_power))
    assert driver.boots == ordered
    if unsettled is None:
        assert settled.unsettled is None
    else:
        assert (settled.unsettled or "").startswith(unsettled)


class Recovering(Spoken):
    """Leaves its boot loader when it is told to boot; one with no other boots stays there."""

    async def leave_recovery(self) -> HubIdentity:
        return await self.reboot(ME.device)


IN_BOOT_LOADER = (fails(HubInSerialRecovery), DONE)


@pytest.mark.parametrize("stays", [False, True])
def test_a_hub_that_is_settled_in_its_boot_loader_is_booted_once(stays: bool) -> None:
    driver = Recovering(IN_BOOT_LOADER, *(() if stays else ((ME, DONE),)))
    boot = RecoveryBoot()
    settled = asyncio.run(settle(driver, ME, present=lambda: True, leave_recovery=lambda: boot.order(driver)))
    assert settled.unsettled == ("runs no firmware" if stays else None)
    assert driver.boots == 1


def test_an_attempt_goes_on_with_a_hub_that_leaves_its_boot_loader() -> None:
    driver = Recovering(IN_BOOT_LOADER, (ME, DONE))
    assert asyncio.run(sequence(driver, Book()).recover(Position(0, Stage.VERIFY))) == Passed(FIRST.version)
    assert driver.boots == 1


def test_another_hub_that_comes_out_of_its_boot_loader_is_told_no_more() -> None:
    driver = Recovering(IN_BOOT_LOADER, (ANOTHER_GPF, DONE))
    ending = asyncio.run(sequence(driver, Book()).recover(Position(0, Stage.VERIFY)))
    assert isinstance(ending, LeftOpen)
    assert driver.boots == 1


def test_an_image_that_may_not_stay_is_said_of_a_hub_that_is_settled_on_it() -> None:
    settled = asyncio.run(
        settle(
            Spoken((ME, DONE)),
            ME,
            present=lambda: None,
            leave_recovery=_no_power,
            may_stay=lambda held: held != FIRST.image_hash,
        )
    )
    assert settled.unsettled == f"runs {FIRST.version}, which may not stay"


OUT_OF_REACH = {
    "port gone": (fails(LinkLost), True),
    "silent, and nobody sees it": (fails(NoAnswer), None),
    "another hub": (ANOTHER_GPF, True),
}


@pytest.mark.parametrize("how", OUT_OF_REACH)
def test_of_a_hub_that_is_out_of_reach_nothing_is_said(how: str) -> None:
    says, present = OUT_OF_REACH[how]
    with pytest.raises(DriverError):
        asyncio.run(settle(Spoken((says, DONE)), ME, present=lambda: present, leave_recovery=_no_power))


class Book:
    def __init__(self) -> None:
        self.events: list[Any] = []

    async def append(self, *events: Any) -> None:
        self.events += events


class Permitted:
    async def refusal(self, _: HubIdentity, *, untouched: bool) -> None:  # noqa: ARG002 - the protocol's
        return None

    def may_stay(self, _: bytes | None) -> bool:
        return True


async def _no_power() -> bool:
    return False


def sequence(
    driver: Spoken,
    book: Book,
    present: bool | None = True,
    power_cycle: Callable[[], Awaitable[bool]] = _no_power,
) -> AttemptSequence:
    parts: dict[str, Any] = {
        "attempt": 1,
        "hub": ME,
        "plan": plan(FIRST),
        "driver": driver,
        "journal": book,
        "authority": None,
        "wrong_answers": None,
        "permission": Permitted(),
        "untouched": True,
        "present": lambda: present,
        "power_cycle": power_cycle,
        "leave_recovery": partial(RecoveryBoot().order, driver),
        "on_progress": lambda _: None,
    }
    return AttemptSequence(SequenceParts(**parts), {})


def test_a_current_hub_that_is_open_is_booted_once_and_then_goes_home() -> None:
    book, driver = Book(), Spoken((OPEN, DONE), (ME, DONE))
    assert asyncio.run(sequence(driver, book).check_current()) == Passed(FIRST.version)
    assert driver.boots == 1
    assert [event.stage for event in book.events if isinstance(event, StageStarted)] == [Stage.CHECK] * 2


CURRENT_NO_MORE = {
    "stays open": ([(OPEN, DONE)], Code.NOT_LOCKED),
    "something is pending": (
        [(ME, state(slot(0, FIRST, active=True, confirmed=True), slot(1, SECOND, pending=True))), (ME, DONE)],
        Code.NOT_CONFIRMED,
    ),
    "goes back when it is booted": ([(OPEN, DONE), (ME, BEFORE)], Code.IMAGE_DISCARDED),
}


@pytest.mark.parametrize("how", CURRENT_NO_MORE)
def test_a_hub_that_turns_out_not_to_be_current_fails(how: str) -> None:
    boots, code = CURRENT_NO_MORE[how]
    ending = asyncio.run(sequence(Spoken(*boots), Book()).check_current())
    assert isinstance(ending, Failed)
    assert (ending.stage, ending.code) == (Stage.CHECK, code)


def test_a_seated_hub_that_stays_silent_is_power_cycled_once() -> None:
    cycles = 0

    async def power_cycle() -> bool:
        nonlocal cycles
        cycles += 1
        return True

    run = sequence(Spoken((fails(NoAnswer), DONE)), Book(), power_cycle=power_cycle)
    ending = asyncio.run(run.recover(Position(0, Stage.FLASH)))
    assert isinstance(ending, Failed)
    assert (ending.code, ending.unsettled, cycles) == (Code.NO_ANSWER, "no longer answers", 1)


def test_a_port_that_is_lost_during_a_look_is_no_fault_of_the_hub_that_sits_there() -> None:
    """On USB it is back a moment later, and the hub with it."""

    class Flickering(Spoken):
        looks = 0

        async def identify(self) -> HubIdentity:
            self.looks += 1
            if self.looks == 1:
                raise fails(LinkLost)
            return await super().identify()

    for driver in (Flickering((ME, BEFORE)), Spoken((ME, ON_OTHER_TEST), reboots=fails(LinkLost))):
        ending = asyncio.run(sequence(driver, Book()).recover(Position(0, Stage.FLASH)))
        assert ending == LeftOpen(Stage.FLASH, Reason.PORT_TOOK_IT)
        assert driver.boots <= 1


def test_a_hub_that_does_not_say_what_it_holds_is_booted_once_to_go_on_and_once_to_be_left() -> None:
    driver = Spoken((ME, fails(HubRefused)))
    ending = asyncio.run(sequence(driver, Book()).recover(Position(0, Stage.FLASH)))
    assert isinstance(ending, Failed)
    assert (ending.code, ending.unsettled) == (Code.PROTOCOL_ERROR, "does not say what it holds")
    assert driver.boots == 2


def test_a_hub_that_would_keep_an_untried_image_is_booted_by_nobody() -> None:
    """Not to go on, not to be left: there is no way back from that boot."""
    driver = Spoken((ME, KEPT_UNTRIED))
    ending = asyncio.run(sequence(driver, Book()).recover(Position(0, Stage.FLASH)))
    assert isinstance(ending, Failed)
    assert (ending.code, driver.boots) == (Code.ACTIVATION_FAILURE, 0)
    assert ending.unsettled == f"would run {SECOND.version} for good from its next boot on"


def test_whoever_comes_back_from_the_test_boot_is_held_against_the_attempts_hub() -> None:
    """Whatever a driver makes of it."""

    class Careless(Spoken):
        async def activate(self, _: ExpectedDevice, __: Any) -> HubIdentity:
            return ANOTHER_GPF

    ending = asyncio.run(sequence(Careless((ME, DONE)), Book()).run(Position(0, Stage.ACTIVATE)))
    assert isinstance(ending, LeftOpen)


def test_what_a_hub_last_said_of_itself_is_kept_when_it_says_no_more() -> None:
    """Its boots tell later that it has not left since."""
    run = sequence(Spoken((replace(ME, boots=5), ON_OTHER_TEST), (fails(HubInSerialRecovery), DONE)), Book())
    ending = asyncio.run(run.recover(Position(0, Stage.VERIFY)))
    assert isinstance(ending, Failed)
    assert (ending.code, run.hub.boots) == (Code.SERIAL_RECOVERY, 5)


def test_a_hub_that_cannot_go_back_is_not_said_to_have_failed_to() -> None:
    driver = Spoken((ME, ON_OTHER_TEST), can_revert=False)
    ending = asyncio.run(sequence(driver, Book()).check_current())
    assert isinstance(ending, Failed)
    assert ending.code is Code.IMAGE_HASH_MISMATCH
    assert ending.unsettled == f"runs {SECOND.version_text} unconfirmed and cannot go back"


def test_a_hub_that_does_not_come_back_while_it_is_settled_is_not_booted_for_ever() -> None:
    driver = Spoken((ME, ON_OTHER_TEST), reboots=fails(HubDidNotReturn))
    ending = asyncio.run(sequence(driver, Book()).recover(Position(0, Stage.VERIFY)))
    assert isinstance(ending, Failed)
    assert ending.code in {Code.DID_NOT_REVERT, Code.NO_ANSWER}
    assert driver.boots <= 2 * MAX_SETTLING_BOOTS + 1


ON_OTHER_TEST = state(slot(0, SECOND, active=True), slot(1, OTHER, confirmed=True))


@pytest.mark.parametrize("other", [ANOTHER_GPF, ANOTHER_MODEL], ids=["GPF", "model"])
def test_an_attempt_waits_for_its_own_hub_when_another_is_found(other: HubIdentity) -> None:
    driver = Spoken((other, BEFORE))
    for step in (
        sequence(driver, Book()).recover(Position(0, Stage.FLASH)),
        sequence(driver, Book()).check_current(),
    ):
        assert isinstance(asyncio.run(step), LeftOpen)
    assert driver.boots == 0


def test_an_attempt_in_which_another_hub_has_answered_waits_although_its_own_is_back() -> None:
    """Nobody knows what was done to it meanwhile: it is taken up again as any other that was away."""

    class Returning(Spoken):
        async def verify(self, _: ExpectedDevice, __: Any) -> HubState:
            raise fails(AnotherHub)

    driver = Returning((ME, DONE))
    ending = asyncio.run(sequence(driver, Book()).run(Position(0, Stage.CHECK)))
    assert ending == LeftOpen(Stage.CHECK, Reason.ANOTHER_ANSWERS)
    assert driver.boots == 0
