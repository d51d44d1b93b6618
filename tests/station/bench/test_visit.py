"""Who is still the hub of a visit, and may go home as it is: decided on what a hub says, value by value."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benches.boarded_jig import boarded_jig
from benches.sentences import line_of
from drivers.errors import HubAction, HubRefused, LinkLost, NoAnswer
from drivers.hub import FlashProgress, HubIdentity, HubState, ImageSlot
from drivers.jig_board.board import JigBoard
from firmware_catalog.identity import DeviceModel, Eui64, FirmwareVersion
from station.attempt.closing import facts_of
from station.attempt.history import Left
from station.attempt.parts import LeftOpen, Progress
from station.attempt.recovery_boot import RecoveryBoot
from station.bench.display import SlotDisplay
from station.bench.loop_watch import LoopWatch
from station.bench.outlook import Outlook
from station.bench.pace import Pace
from station.bench.recognition import Recognised
from station.bench.seat import LinkSeat, Seat
from station.bench.view import BenchView
from station.bench.visit import SeatedHub, VisitParts
from station.domain.outcome import Outcome, Stage
from station.domain.phase import SlotPhase
from station.domain.position import Position
from station.domain.slot_name import SlotName
from station.domain.slot_view import SlotView
from station.records.facts.attempts import AttemptOpened
from station.records.journal import Journal

PLACE = SlotName(jig="jig1", slot=1)
NEW, OLD = FirmwareVersion(2), FirmwareVersion(1)
ME = HubIdentity(Eui64(1), Eui64(2), DeviceModel("0B6B", "00000001"), "1", "DBCH", NEW, locked=True, boots=3)
ANOTHER_GPF = replace(ME, gpf=Eui64(9))
GIVEN, OTHER = b"n" * 32, b"o" * 32
LEFT = Left(NEW, GIVEN.hex())
PASSED = SlotView(
    place=PLACE, phase=SlotPhase.PASSED, line="jig1 slot 1: passed", chf=ME.chf, outcome=Outcome.PASSED
)


def image(
    held: bytes | None, *, active: bool = False, confirmed: bool = False, pending: bool = False
) -> ImageSlot:
    return ImageSlot(
        slot=0 if active else 1,
        version="2",
        image_hash=held,
        bootable=True,
        pending=pending,
        confirmed=confirmed,
        active=active,
        permanent=False,
    )


DONE = HubState((image(GIVEN, active=True, confirmed=True), image(OTHER)))


class Spoken:
    """A hub that says this and holds that."""

    def __init__(self, says: HubIdentity, holds: HubState | None = DONE) -> None:
        self.says = says
        self.holds = holds
        self.when_asked: Callable[[], None] = lambda: None

    async def identify(self) -> HubIdentity:
        self.when_asked()
        return self.says

    async def state(self) -> HubState:
        if self.holds is None:
            raise HubRefused("it says nothing of it", action=HubAction.STATE, state_known=True)
        return self.holds

    async def wait_for_hub(self) -> HubIdentity:
        return await self.identify()

    async def wait_for_removal(self, _: object) -> None:
        await asyncio.Event().wait()


class Endless:
    """A conductor whose work never ends of itself, and never moves on."""

    async def conduct(self, _: object) -> Any:
        await asyncio.Event().wait()


class Writing:
    """A conductor whose hub takes the first part, falls silent, and goes on when it is told to."""

    def __init__(self) -> None:
        self.goes_on = asyncio.Event()

    async def conduct(self, visit: Any) -> Any:
        visit.on_progress(Progress(Position(0, Stage.FLASH), FlashProgress(1, 100)))
        await self.goes_on.wait()
        visit.on_progress(Progress(Position(0, Stage.FLASH), FlashProgress(2, 100)))
        await asyncio.Event().wait()


class PoweredSeat(LinkSeat):
    """A seat whose hub is seen to sit there, and has power once that is given back."""

    def __init__(self, loop_watch: LoopWatch) -> None:
        super().__init__(loop_watch)
        self.power = asyncio.Event()

    def present(self) -> bool:
        return True

    async def until_powered(self) -> None:
        await self.power.wait()


class Slot:
    """One slot, without a board unless told, and the clock that says for how long nobody watched it."""

    def __init__(
        self,
        says: HubIdentity,
        holds: HubState | None = DONE,
        journal: Any = None,
        seat: Callable[[LoopWatch], Seat] = LinkSeat,
        conductor: Any = None,
    ) -> None:
        self.now = 0.0
        self.watch = LoopWatch(lambda: self.now)
        self.view = BenchView(iter([PLACE]))
        self.phases: list[SlotPhase] = []
        self.view.listen(lambda view: self.phases.append(view.phase))
        self.driver = Spoken(says, holds)
        parts = VisitParts(
            place=PLACE,
            seat=seat(self.watch),
            conductor=conductor or Endless(),
            journal=journal,
            display=SlotDisplay(PLACE, self.view, Outlook()),
            recovery_boot=RecoveryBoot(),
            pace=Pace({}),
            runs_withdrawn=lambda _: False,
            recognition_seconds=0.0,
        )
        self.seat = parts.seat
        driver: Any = self.driver
        self.seated = SeatedHub(parts, driver, Recognised(ME, parts.seat.gaps))

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        watching = asyncio.create_task(self.watch.run())
        await asyncio.sleep(0)
        try:
            async with asyncio.timeout(60):
                yield
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching

    def stand_still(self) -> None:
        self.now += 100

    async def until(self, phase: SlotPhase) -> None:
        await self.view.changes.until(lambda: self.view.of(PLACE).phase is phase)


WRONG = {
    "unlocked": (replace(ME, locked=False), DONE, "has been unlocked since"),
    "says nothing": (ME, None, "does not say what it runs"),
    "runs nothing": (ME, HubState((image(GIVEN),)), "its next boot would change what it runs"),
    "unconfirmed": (ME, HubState((image(GIVEN, active=True),)), "its next boot would change what it runs"),
    "pending": (
        ME,
        HubState((image(GIVEN, active=True, confirmed=True), image(OTHER, pending=True))),
        "its next boot would change what it runs",
    ),
    "another version": (replace(ME, firmware=OLD), DONE, "it passed with 00000002 and runs 00000001"),
    "another image": (ME, HubState((image(OTHER, active=True, confirmed=True),)), "runs another image"),
    "an image without a hash": (
        ME,
        HubState((image(None, active=True, confirmed=True),)),
        "runs another image",
    ),
}


@pytest.mark.parametrize("how", WRONG)
async def test_a_hub_out_of_sight_since_it_passed_goes_home_only_as_it_was_left(how: str) -> None:
    says, holds, why = WRONG[how]

    slot = Slot(says, holds)
    slot.seated.hub, slot.seated.shown = says, PASSED
    await slot.seated.check_departure(LEFT)
    assert slot.seated.shown.phase is SlotPhase.PUT_ASIDE
    assert why in line_of(slot.seated.shown)


@pytest.mark.parametrize("left", [LEFT, Left(NEW, None), Left(None, None)])
async def test_a_hub_that_is_as_it_was_left_goes_home(left: Left) -> None:
    slot = Slot(ME)
    slot.seated.shown = PASSED
    await slot.seated.check_departure(left)
    assert slot.seated.shown == PASSED


@pytest.mark.parametrize(
    "other",
    [
        ANOTHER_GPF,
        replace(ME, boots=4),
        replace(ME, firmware=OLD),
        replace(ME, locked=False),
        replace(ME, model=DeviceModel("0B6B", "00000002")),
    ],
    ids=["GPF", "boots", "firmware", "lock", "model"],
)
async def test_who_says_something_else_after_a_gap_is_another_visit(other: HubIdentity) -> None:
    slot = Slot(ME)
    slot.seated.shown = PASSED
    async with slot.watched():
        showing = asyncio.create_task(slot.seated.until_gone())
        await slot.until(SlotPhase.PASSED)
        slot.driver.says = other
        slot.stand_still()
        await showing
    assert slot.phases == [SlotPhase.PASSED, SlotPhase.LOOKING]


async def test_a_gap_while_a_hub_is_asked_has_it_asked_again_before_it_is_green() -> None:
    slot = Slot(ME)
    slot.seated.shown = PASSED
    asked = 0

    def gap_again() -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            slot.stand_still()

    slot.driver.when_asked = gap_again
    async with slot.watched():
        showing = asyncio.create_task(slot.seated.until_gone())
        await slot.until(SlotPhase.PASSED)
        slot.stand_still()
        await slot.view.changes.until(lambda: asked == 2 and slot.view.of(PLACE).phase is SlotPhase.PASSED)
        showing.cancel()
        with suppress(asyncio.CancelledError):
            await showing
    assert asked == 2
    assert slot.phases == [SlotPhase.PASSED, SlotPhase.LOOKING, SlotPhase.LOOKING, SlotPhase.PASSED]


async def test_a_hub_that_lost_its_power_gets_it_back_before_it_is_asked_or_called_silent() -> None:
    slot = Slot(ME, seat=PoweredSeat)
    slot.seated.shown = PASSED
    seat: Any = slot.seat
    asked, answers = asyncio.Event(), asyncio.Event()

    async def without_power() -> HubIdentity:
        asked.set()
        if answers.is_set():
            return ME
        raise NoAnswer("nothing", action=HubAction.IDENTIFY, state_known=True)

    async def boots() -> HubIdentity:
        assert seat.power.is_set()
        await answers.wait()
        return ME

    slot.driver.identify, slot.driver.wait_for_hub = without_power, boots  # type: ignore[method-assign]
    async with slot.watched():
        showing = asyncio.create_task(slot.seated.until_gone())
        await slot.until(SlotPhase.PASSED)
        slot.stand_still()
        await asked.wait()
        for _ in range(10):
            await asyncio.sleep(0)
        assert slot.phases == [SlotPhase.PASSED, SlotPhase.LOOKING]
        seat.power.set()
        await slot.until(SlotPhase.RESEAT)  # it has no time at all to boot here
        answers.set()
        await slot.until(SlotPhase.PASSED)
        showing.cancel()
        with suppress(asyncio.CancelledError):
            await showing


@pytest.mark.parametrize(
    "other",
    [ANOTHER_GPF, replace(ME, model=DeviceModel("0B6B", "00000002"))],
    ids=["GPF", "model"],
)
async def test_a_hub_with_half_of_the_identity_does_not_answer_for_the_one_at_work(
    other: HubIdentity, tmp_path: Path
) -> None:
    async with Journal.open(tmp_path, site="site", station="bench") as journal:
        slot = Slot(other, journal=journal)
        async with slot.watched():
            working = asyncio.create_task(slot.seated.conduct(None))
            still_here = asyncio.create_task(slot.seated.still_here())
            ending = await working
            assert isinstance(ending, LeftOpen)
            slot.seated.gone()
            assert not await still_here


async def test_a_hub_that_left_since_the_board_was_looked_at_does_not_sit_there_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with boarded_jig(tmp_path, 1) as at, at.working():
        seat = at.jig.seat(1)
        await seat.until_ready()
        slot = Slot(ME, journal=at.journal, seat=lambda _: seat)

        async def held_up(*_: object) -> None:
            await asyncio.Event().wait()

        def no_answer() -> None:
            raise NoAnswer("nobody answers", action=HubAction.IDENTIFY, state_known=True)

        monkeypatch.setattr(JigBoard, "_look", held_up)
        monkeypatch.setattr(slot.driver, "when_asked", no_answer)
        at.slots.hubs.clear()
        async with asyncio.timeout(60):
            working = asyncio.create_task(slot.seated.conduct(None))
            still_here = asyncio.create_task(slot.seated.still_here())
            assert isinstance(await working, LeftOpen)
            slot.seated.gone()
            assert not await still_here


async def test_a_hub_that_falls_silent_as_it_is_written_is_told_of_until_it_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("station.bench.visit._SILENT_SECONDS", 0.05)

    writing = Writing()
    slot = Slot(ME, conductor=writing)
    told: list[SlotView] = []
    slot.view.listen(told.append)
    async with slot.watched():
        working = asyncio.create_task(slot.seated.conduct(None))
        await slot.view.changes.until(lambda: slot.view.of(PLACE).silent_seconds is not None)
        writing.goes_on.set()
        await slot.view.changes.until(lambda: slot.view.of(PLACE).percent == 2)
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working
    assert line_of(told[0]) == f"{PLACE}: flash 1%; leave it in"
    assert line_of(told[1]) == f"{PLACE}: flash 1%; no answer for {told[1].silent_seconds} s; leave it in"
    after = next(view for view in told if view.percent == 2)
    assert (line_of(after), after.silent_seconds) == (f"{PLACE}: flash 2%; leave it in", None)


async def test_a_link_that_missed_a_hub_while_nobody_watched_does_not_end_its_visit() -> None:
    slot = Slot(ME)
    slot.seated.shown = PASSED

    async def missed(_: object) -> None:
        slot.driver.wait_for_removal = Spoken(ME).wait_for_removal
        slot.stand_still()

    slot.driver.wait_for_removal = missed
    async with slot.watched():
        showing = asyncio.create_task(slot.seated.until_gone())
        await slot.view.changes.until(lambda: slot.phases[1:] == [SlotPhase.LOOKING, SlotPhase.PASSED])
        showing.cancel()
        with suppress(asyncio.CancelledError):
            await showing


async def test_a_hub_whose_port_is_lost_as_it_is_asked_has_to_be_found(tmp_path: Path) -> None:
    """Nobody works on it any more, so that its order may be closed and any slot may take it up."""
    async with Journal.open(tmp_path, site="site", station="bench") as journal:
        await journal.append(AttemptOpened(place=PLACE, order=None, hub=facts_of(ME), number=1))
        slot = Slot(ME, journal=journal)

        def lose_the_port() -> None:
            raise LinkLost("the port is gone", action=HubAction.IDENTIFY, state_known=True)

        slot.driver.when_asked = lose_the_port
        async with slot.watched():
            working = asyncio.create_task(slot.seated.conduct(None))
            still_here = asyncio.create_task(slot.seated.still_here())
            with pytest.raises(LinkLost):
                await working
            slot.seated.gone()
            await still_here
        (attempt,) = await journal.open_attempts()
        assert attempt.lost
