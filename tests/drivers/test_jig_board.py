from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from benches.board_slots import Slots
from benches.jig_bench import EASILY_LOST, PATIENT, QUICK, Ear, bench, running
from benches.looking import until
from drivers.jig_board import board
from drivers.jig_board.board import LOOK_AGAIN_SECONDS, JigBoard
from drivers.jig_board.checks import watchdog_acts_on_coils
from drivers.jig_board.errors import (
    BoardAnswerInvalid,
    BoardFrozen,
    BoardOffline,
    BoardRefused,
    BoardRestarted,
    BoardSilent,
    BoardUnavailable,
    CheckRefused,
    JigBoardError,
    WrongBoard,
)
from drivers.jig_board.events import (
    BoardBack,
    BoardIdentity,
    BoardLost,
    EmergencyReleased,
    EmergencyStop,
    LampsInDoubt,
    LidClosed,
    LidOpened,
    LooksFrequent,
    LooksMissed,
    LooksTooRare,
    SlotContradicted,
    SlotEmptied,
    SlotOpened,
    SlotReseated,
    SlotSeated,
    StartPressed,
)
from drivers.jig_board.line import ModbusLine
from drivers.jig_board.registers import Lamp
from drivers.jig_board.settings import JigBoardSettings
from simulators import jig_board
from simulators.board_faults import BoardFault, Question, question_of
from simulators.jig_board import SimulatedJigBoard


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jig1" / "board"


async def test_the_board_tells_who_it_is_and_then_the_whole_picture(path: Path) -> None:
    async with bench(path, Slots(2, 5)) as jig:
        back = await jig.ear.next(BoardBack)
        assert back == BoardBack(BoardIdentity(1001, "1.4"), power=(False,) * 8)
        picture = await jig.picture()
        assert {LidOpened(), EmergencyReleased()} < set(picture)
        assert {SlotSeated(2), SlotSeated(5), SlotEmptied(1), SlotEmptied(8)} < set(picture)
        assert jig.ear.rest() == []


@pytest.mark.parametrize("fault", [BoardFault.NONE, BoardFault.LOST])
async def test_an_opening_is_told_before_anything_is_asked_about_it(path: Path, fault: BoardFault) -> None:
    """Hands may have seated another hub by the time of the answer."""

    class Quick(Slots):
        def milliamperes(self, slot: int) -> int:  # noqa: ARG002 - as slots are asked
            if told:
                self.hubs.add(3)
            return 150

    told: list[object] = []

    patience = {"answer_seconds": 0.15, "heartbeat_seconds": 10.0, "watchdog_seconds": 60.0}
    async with bench(path, Quick(3), **patience) as jig:
        await jig.first_picture()
        hear, jig.board._tell = jig.board._tell, lambda event: (told.append(event), hear(event))
        jig.simulated.arm(fault, Question.MEASUREMENTS, 1)
        jig.slots.hubs.remove(3)
        await jig.ear.next(SlotSeated)
        doubt = [] if fault is BoardFault.LOST else [SlotContradicted(3, False, 150)]
        missed = LooksMissed, SlotReseated  # as happens on a busy machine
        of_slots = [event for event in told if not isinstance(event, missed)]
        assert of_slots[: 3 + len(doubt)] == [SlotOpened(3), SlotEmptied(3), *doubt, SlotSeated(3)]


async def test_a_slot_that_was_seen_to_open_before_looks_were_missed_is_not_told_empty_after_them(
    path: Path,
) -> None:
    class HeldUp(Slots):
        def milliamperes(self, slot: int) -> int:
            if told and not self.hubs:
                self.hubs.add(3)
                jig.slept += 60
                jig.board.notice_a_gap()
            return super().milliamperes(slot)

    told: list[object] = []
    async with bench(path, HeldUp(3), heartbeat_seconds=10.0, watchdog_seconds=60.0) as jig:
        await jig.first_picture()
        hear, jig.board._tell = jig.board._tell, lambda event: (told.append(event), hear(event))
        jig.slots.hubs.remove(3)
        await jig.ear.next(SlotSeated)
        of_slot = [event for event in told if getattr(event, "slot", None) == 3]
        assert of_slot == [SlotOpened(3), SlotSeated(3)]


async def test_what_people_do_is_heard(path: Path) -> None:
    async with bench(path) as jig:
        await jig.ear.next(SlotEmptied)
        jig.slots.hubs.add(3)
        assert await jig.ear.next(SlotSeated) == SlotSeated(3)
        jig.simulated.lid_closed = True
        await jig.ear.next(LidClosed)
        jig.simulated.start_pressed = True
        await jig.ear.next(StartPressed)
        jig.simulated.press_emergency_stop()
        await jig.ear.next(EmergencyStop)
        jig.simulated.release_emergency_stop()
        await jig.ear.next(EmergencyReleased)
        jig.simulated.lid_closed = False
        await jig.ear.next(LidOpened)
        jig.slots.hubs.remove(3)
        assert await jig.ear.next(SlotEmptied) == SlotEmptied(3)


async def test_while_the_machine_slept_nobody_looked_and_the_lamps_may_have_gone_out(path: Path) -> None:
    """A loop's own clock stands still with its machine. Hands do not, nor does the board's watchdog."""
    async with bench(path, Slots(1)) as jig:
        await jig.first_picture()
        jig.slept += 3600
        jig.board.notice_a_gap()
        assert isinstance(jig.ear.rest()[-1], LooksMissed), "known before anything else is done"
        await jig.ear.next(LampsInDoubt)
        jig.slept += 3600
        await jig.ear.next(LooksMissed)  # also by itself


async def test_looks_that_are_frequent_again_are_told_also_by_a_machine_that_slept(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board, "CALM_SECONDS", 2.0)
    async with bench(path, Slots(1)) as jig:
        await jig.first_picture()
        for slept in (3600.0, *[0.6] * board.RARE_LOOKS):
            jig.slept += slept
            jig.board.notice_a_gap()
        await jig.ear.next(LooksTooRare)
        await jig.ear.next(LooksFrequent)


async def test_power_lamps_and_readings(path: Path) -> None:
    async with bench(path, Slots(1, 8)) as jig:
        await jig.first_picture()
        jig.slots.hubs.add(3)
        await jig.ear.next(SlotSeated)
        await jig.board.set_power(8, on=True)
        await jig.board.set_lamp(8, Lamp.GREEN)
        assert jig.simulated.powered == (False,) * 7 + (True,)
        assert jig.simulated.lamps == (0,) * 7 + (2,)
        assert await jig.board.power() == (False,) * 7 + (True,)
        assert await jig.board.currents() == (2,) * 7 + (150,)
        assert (await jig.board.measurements()).supply_millivolts == 12_000
        assert await jig.board.insertions() == (0, 0, 1, 0, 0, 0, 0, 0)
        assert await jig.board.identity() == BoardIdentity(1001, "1.4")
        await jig.board.set_power(8, on=False)
        assert jig.simulated.powered == (False,) * 8


async def test_the_lamp_is_dark_before_a_slot_gets_power(path: Path) -> None:
    lamps_at_power: list[int] = []

    class Watched(Slots):
        def switch_power(self, slot: int, on: bool) -> None:
            super().switch_power(slot, on)
            if on:
                lamps_at_power.append(jig.simulated.lamps[slot - 1])

    async with bench(path, Watched(1)) as jig:
        await jig.ear.next(BoardBack)
        await jig.board.set_lamp(1, Lamp.GREEN)
        await jig.board.set_power(1, on=True)
        assert lamps_at_power == [Lamp.DARK]


@pytest.mark.parametrize("slot", [0, 9])
async def test_a_slot_that_the_board_does_not_have_is_refused(path: Path, slot: int) -> None:
    async with bench(path) as jig:
        await jig.ear.next(BoardBack)
        with pytest.raises(ValueError, match=f"slot {slot} is none of this board's 1 to 8"):
            await jig.board.set_power(slot, on=True)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (BoardFault.SILENT, BoardSilent),
        (BoardFault.FROZEN, BoardFrozen),
        (BoardFault.SHORT, BoardAnswerInvalid),
        (BoardFault.DAMAGED, BoardAnswerInvalid),
        (BoardFault.EXCEPTIONS, BoardRefused),
        (BoardFault.LATE, BoardSilent),
    ],
)
async def test_a_board_that_fails_is_lost_with_its_reason_and_comes_back(
    path: Path, fault: BoardFault, reason: type[JigBoardError]
) -> None:
    async with bench(path, Slots(1), **EASILY_LOST) as jig:
        await jig.first_picture()
        jig.simulated.fault = fault
        lost = await jig.ear.next(BoardLost)
        assert isinstance(lost.reason, reason)
        assert str(lost.reason).startswith(f"jig1 board at {path}: ")
        with pytest.raises(BoardOffline, match=r"jig1 board at .*: is not connected"):
            await jig.board.set_power(1, on=True)
        jig.slots.hubs = {2}
        jig.simulated.fault = BoardFault.NONE
        await jig.ear.next(BoardBack)
        picture = await jig.picture()
        assert SlotEmptied(1) in picture
        assert SlotSeated(2) in picture


async def test_an_unplugged_board_is_told_once_and_found_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = asyncio.Semaphore(0)
    opening = ModbusLine.open
    monkeypatch.setattr(ModbusLine, "open", lambda *where: (looked.release(), opening(*where))[1])
    async with bench(path) as jig:
        await jig.first_picture()
        jig.simulated.unplug()
        lost = await jig.ear.next(BoardLost)
        assert isinstance(lost.reason, BoardUnavailable)
        for _ in range(4):
            await looked.acquire()
        jig.simulated.plug()
        await jig.ear.next(BoardBack, never=BoardLost)


async def test_a_board_that_was_itself_off_says_that_it_forgot_the_power(path: Path) -> None:
    async with bench(path, Slots(1), **EASILY_LOST) as jig:
        await jig.ear.next(BoardBack)
        await jig.board.set_power(1, on=True)
        jig.simulated.restart()
        # By which of its signs it is missed, what this machine was late for decides.
        lost = await jig.ear.next(BoardLost)
        assert isinstance(lost.reason, BoardSilent | BoardRestarted | BoardFrozen)
        assert (await jig.ear.next(BoardBack)).power == (False,) * 8


async def test_a_restart_too_short_to_be_missed_is_found_by_the_forgotten_heartbeat(path: Path) -> None:
    async with bench(path, Slots(1)) as jig:
        await jig.ear.next(BoardBack)
        jig.simulated.restart()
        lost = await jig.ear.next(BoardLost)
        assert isinstance(lost.reason, BoardRestarted)
        await jig.ear.next(BoardBack)


async def test_a_short_disturbance_is_not_a_loss(path: Path) -> None:
    async with bench(path, answer_seconds=0.15) as jig:
        await jig.first_picture()
        jig.simulated.arm(BoardFault.DAMAGED, Question.INPUTS, 3)
        jig.slots.hubs.add(4)
        assert await jig.ear.next(SlotSeated, never=BoardLost) == SlotSeated(4)
        assert not jig.simulated.armed


async def test_another_board_is_never_used(path: Path) -> None:
    async with bench(path, Slots(1), serial_number=1002) as jig:
        lost = await jig.ear.next(BoardLost)
        assert isinstance(lost.reason, WrongBoard)
        assert str(lost.reason) == (
            f"jig1 board at {path}: its serial number is 1001, 1002 is configured;"
            " check that the jigs' cables are not exchanged, or correct serial_number"
        )
        with pytest.raises(BoardOffline):
            await jig.board.set_lamp(1, Lamp.RED)
        assert jig.ear.rest() == []


async def test_a_reason_that_changes_is_told_again(path: Path) -> None:
    async with bench(path, serial_number=1002) as jig:
        assert isinstance((await jig.ear.next(BoardLost)).reason, WrongBoard)
        jig.simulated.unplug()
        assert isinstance((await jig.ear.next(BoardLost)).reason, BoardUnavailable)


async def test_a_board_that_lies_about_presence_is_told_from_its_currents(path: Path) -> None:
    async with bench(path, Slots(1)) as jig:
        await jig.first_picture()
        await jig.board.set_power(1, on=True)
        await jig.board.set_power(2, on=True)
        jig.simulated.lying = {1, 2}
        assert {await jig.ear.next(SlotContradicted), await jig.ear.next(SlotContradicted)} == {
            SlotContradicted(1, seated=False, current_milliamperes=150),
            SlotContradicted(2, seated=True, current_milliamperes=2),
        }


async def test_an_emergency_stop_is_no_contradiction(path: Path) -> None:
    async with bench(path, Slots(1)) as jig:
        await jig.first_picture()
        await jig.board.set_power(1, on=True)
        jig.simulated.press_emergency_stop()
        await jig.ear.next(EmergencyStop)
        await jig.beats(4)
        assert not [event for event in jig.ear.rest() if isinstance(event, SlotContradicted)]
        assert await jig.board.power() == (True,) + (False,) * 7, "the station has cut nothing itself"


async def test_the_heartbeat_keeps_the_lamps_and_its_end_leaves_the_power(path: Path) -> None:
    slots = Slots(1)
    async with bench(path, slots) as jig:
        await jig.ear.next(BoardBack)
        await jig.board.set_power(1, on=True)
        for _ in range(8):  # a busy machine's heart may miss a beat now and then
            await jig.board.set_lamp(1, Lamp.BLUE)
            await jig.beats(12)  # for longer than the board's watchdog waits
            if jig.simulated.lamps[0] == Lamp.BLUE:
                break
        else:
            raise AssertionError("the lamp went out each time")
        jig.task.cancel()
        await until(lambda: jig.simulated.lamps[0] == Lamp.DARK)  # a dead station shows no result
        assert slots.power[1], "and cuts nobody's power"


@pytest.mark.parametrize("cuts", [False, True])
async def test_whether_the_watchdog_acts_on_coils_is_found_out_on_an_empty_slot(
    path: Path, cuts: bool
) -> None:
    slots = Slots(1)
    simulated = SimulatedJigBoard(path, slots, watchdog_seconds=0.2, watchdog_cuts_power=cuts)
    simulated.plug()
    try:
        settings = JigBoardSettings(port=str(path), **QUICK | PATIENT | {"watchdog_seconds": 0.2})
        for _ in range(8):  # a busy machine may look before its own simulated watchdog has acted
            slots.log.clear()
            if await watchdog_acts_on_coils("jig1", settings) is cuts:
                break
        else:
            raise AssertionError("found out wrongly each time")
        assert slots.log == [(2, True), (2, False)], "not the slot with a hub"
    finally:
        simulated.close()


async def test_the_watchdog_is_not_tried_while_work_is_under_way(path: Path) -> None:
    slots = Slots()
    simulated = SimulatedJigBoard(path, slots)
    simulated.plug()
    slots.hubs = set(range(1, 9))
    settings = JigBoardSettings(port=str(path), **QUICK)
    try:
        with pytest.raises(CheckRefused, match="every slot is taken"):
            await watchdog_acts_on_coils("jig1", settings)
        slots.hubs = {1}
        simulated.write_coil(4, True)
        with pytest.raises(CheckRefused, match="slot 5 has power"):
            await watchdog_acts_on_coils("jig1", settings)
    finally:
        simulated.close()


async def test_the_watchdog_is_not_tried_beside_a_switch_that_never_stands_still(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drivers.jig_board.checks.SETTLE_SECONDS", 0.3)

    class Shaking(SimulatedJigBoard):
        looks = 0

        def discrete_inputs(self) -> list[bool]:
            self.looks += 1
            return [*[False] * 7, self.looks % 2 == 0, False, False, False]

    simulated = Shaking(path, Slots())
    simulated.plug()
    try:
        with pytest.raises(CheckRefused, match=r"a presence switch does not stand still for 0\.05 s"):
            await watchdog_acts_on_coils("jig1", JigBoardSettings(port=str(path), **QUICK))
    finally:
        simulated.close()


async def test_one_bad_board_does_not_disturb_the_others(tmp_path: Path) -> None:
    async with (
        bench(tmp_path / "jig1" / "board", **EASILY_LOST) as bad,
        bench(tmp_path / "jig2" / "board") as good,
    ):
        await bad.first_picture()
        await good.first_picture()
        bad.simulated.fault = BoardFault.SILENT
        await bad.ear.next(BoardLost)
        for slot in range(1, 9):
            good.slots.hubs.add(slot)
            # A machine that held both up has missed looks, and the board tells all its slots again.
            while await good.ear.next(SlotSeated, never=BoardLost) != SlotSeated(slot):
                pass


async def test_a_board_that_is_never_there_is_told_at_once(path: Path) -> None:
    ear = Ear()
    async with running(JigBoard("jig1", JigBoardSettings(port=str(path), **QUICK), ear.hear)):
        lost = await ear.next(BoardLost)
        assert "is not there" in str(lost.reason)


async def test_a_board_whose_port_appears_is_heard_of_and_not_looked_for(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board, "FIRST_RECONNECT_SECONDS", 3600.0)
    simulated = SimulatedJigBoard(path, Slots(1), watchdog_seconds=0.8)
    ear = Ear()
    async with running(JigBoard("jig1", JigBoardSettings(port=str(path), **QUICK | PATIENT), ear.hear)):
        await ear.next(BoardLost)
        simulated.plug()
        await ear.next(BoardBack, never=BoardLost)
    simulated.close()


async def test_commands_are_heard_between_looks_and_do_not_starve_them(path: Path) -> None:
    async with bench(path, Slots(1)) as jig:
        await jig.first_picture()
        async with asyncio.TaskGroup() as group:
            for slot in range(1, 9):
                group.create_task(jig.board.set_lamp(slot, Lamp.AMBER))
        assert jig.simulated.lamps == (Lamp.AMBER,) * 8
        jig.slots.hubs.add(2)
        await jig.ear.next(SlotSeated, never=BoardLost)


async def test_a_board_whose_lamps_cannot_be_read_is_asked_for_its_heartbeat_alone(path: Path) -> None:
    async with bench(path, Slots(1), registers={"lamps": 9}) as jig:
        await jig.first_picture()
        await jig.beats(4)
        assert not [event for event in jig.ear.rest() if isinstance(event, BoardLost)]


@pytest.mark.parametrize("slept", [0.0, 3600.0])
async def test_a_slow_board_is_looked_at_between_the_questions_of_a_heartbeat(
    path: Path, monkeypatch: pytest.MonkeyPatch, slept: float
) -> None:
    asked: list[Question | None] = []
    answer = SimulatedJigBoard._answer

    def note(simulated: SimulatedJigBoard, frame: bytes) -> bytes | None:
        asked.append(question_of(frame))
        return answer(simulated, frame)

    monkeypatch.setattr(SimulatedJigBoard, "_answer", note)
    monkeypatch.setattr(jig_board, "LATE_SECONDS", LOOK_AGAIN_SECONDS / 2)

    async with bench(path, Slots(1)) as jig:
        jig.slept += slept
        await jig.first_picture()
        asked.clear()
        jig.simulated.fault = BoardFault.LATE
        while asked.count(Question.HEARTBEAT) < 4:
            with suppress(BoardSilent):
                await jig.board.power()
        first = asked.index(Question.HEARTBEAT)
        watched = [question for question in asked[first + 1 :] if question is not Question.COILS]
        after = [
            watched[at + 1] for at, question in enumerate(watched[:-1]) if question is Question.HEARTBEAT
        ]
        assert set(after) == {Question.INPUTS}


@pytest.mark.parametrize("times", [1, 2])
async def test_a_board_that_is_off_just_as_the_heartbeat_is_written_is_found_to_have_been(
    path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """Whether a heartbeat whose answer was lost was written or not: what the board holds is neither."""
    write = SimulatedJigBoard.write_holding_register
    written = 0

    def restart_at_once(simulated: SimulatedJigBoard, address: int, value: int) -> None:
        nonlocal written
        write(simulated, address, value)
        if address == 8 and simulated.armed:
            written += 1
            if written == times:
                simulated.restart()

    monkeypatch.setattr(SimulatedJigBoard, "write_holding_register", restart_at_once)
    monkeypatch.setattr(jig_board, "BOOT_SECONDS", 0.0)

    async with bench(path, Slots(1), answer_seconds=0.15) as jig:
        await jig.first_picture()
        jig.simulated.arm(BoardFault.LOST, Question.HEARTBEAT, 100)
        lost = await jig.ear.next(BoardLost)
        assert isinstance(lost.reason, BoardRestarted)
        jig.simulated.disarm()
        await jig.ear.next(BoardBack)
