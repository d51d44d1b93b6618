"""A jig with a board: what has power, what its lamps show, and what becomes of an emergency stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from benches.boarded_jig import boarded_jig
from benches.looking import until
from benches.sentences import alarm_of
from drivers.hub import HubDriver
from drivers.jig_board import board
from drivers.jig_board.board import JigBoard
from drivers.jig_board.errors import BoardSilent
from drivers.jig_board.events import (
    BoardBack,
    BoardEvent,
    SlotAgreed,
    SlotContradicted,
    SlotEmptied,
    SlotOpened,
    SlotSeated,
)
from drivers.jig_board.registers import Lamp
from simulators.board_faults import BoardFault, Question
from station.bench.jig import ResetRefused
from station.domain.actor import Actor
from station.domain.phase import SlotPhase
from station.records.facts.bench import JigReset, JigStopped


def hold_up(seconds: float) -> None:
    """Freeze the station."""
    time.sleep(seconds)


async def test_a_start_cuts_the_power_of_empty_slots_and_of_no_other(tmp_path: Path) -> None:
    async with boarded_jig(tmp_path, 1, 2) as jig:
        for slot in (1, 3):
            jig.board.write_coil(slot - 1, on=True)
        jig.slots.log.clear()
        async with jig.working():
            seats = [jig.jig.seat(slot) for slot in (1, 2, 3)]
            waiting = [asyncio.create_task(seat.until_ready()) for seat in seats]
            assert jig.jig.seat(1).present() is None, "unknown, before the board has said it"
            await asyncio.gather(*waiting[:2])
            await until(lambda: jig.powered() == {1, 2})
            assert [seat.seconds_powered is None for seat in seats[:2]] == [True, False], (
                "a hub that had its power before did not boot from here on"
            )
            jig.board.unplug()
            await until(lambda: jig.jig.seat(1).present() is None)
            waiting[:2] = [asyncio.create_task(jig.jig.seat(slot).until_ready()) for slot in (1, 2)]
            jig.board.plug()
            await asyncio.gather(*waiting[:2])
            assert sorted(jig.slots.log) == [(2, True), (3, False)]
            jig.slots.hubs.add(3)
            await waiting[2]
            assert [seat.seconds_powered is None for seat in seats] == [True, False, False]


async def test_nothing_is_known_of_lid_and_stop_before_the_board_has_said_it(tmp_path: Path) -> None:
    async with boarded_jig(tmp_path, 1) as jig:
        jig.board.lid_closed = True
        async with jig.working(policy="lid"):
            await jig.jig.seat(1).until_ready()
            jig.board.unplug()
            await until(lambda: jig.jig.seat(1).present() is None)
            jig.board.lid_closed = False
            ready = asyncio.create_task(jig.jig.seat(1).until_ready())
            jig.board.plug()
            await until(lambda: jig.jig.seat(1).present() is True)
            await jig.looks()
            assert not ready.done(), "the lid was opened while nobody looked"
            jig.board.lid_closed = True
            await ready


SPOILED = [fault for fault in BoardFault if fault not in {BoardFault.NONE, BoardFault.FROZEN}]


@pytest.mark.parametrize("fault", SPOILED)
@pytest.mark.parametrize("question", [Question.COILS, Question.SWITCH])
async def test_at_a_stop_every_coil_is_switched_off_whatever_becomes_of_the_answers(
    tmp_path: Path, fault: BoardFault, question: Question
) -> None:
    async with boarded_jig(tmp_path, 1, 2) as jig, jig.working():
        for slot in (1, 2):
            await jig.jig.seat(slot).until_ready()
        jig.board.press_emergency_stop()
        jig.board.arm(fault, question, 5)
        await until(lambda: not jig.coils())
        jig.board.release_emergency_stop()
        await until(lambda: "press start" in jig.alarm())
        await jig.looks()
        assert not jig.powered()


async def test_a_coil_that_cannot_be_switched_off_at_a_stop_leaves_no_other_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch = JigBoard.set_power

    async def all_but_the_first(board: JigBoard, slot: int, on: bool) -> None:
        if slot == 1 and not on:
            raise BoardSilent("jig1 board", "does not answer")
        await switch(board, slot, on)

    async with boarded_jig(tmp_path, 1, 2, 3) as jig, jig.working():
        for slot in (1, 2, 3):
            await jig.jig.seat(slot).until_ready()
        monkeypatch.setattr(JigBoard, "set_power", all_but_the_first)
        jig.board.press_emergency_stop()
        await until(lambda: jig.coils() == {1})
        await until(lambda: "power of slots 1 could not be switched off" in jig.alarm())


async def test_coils_that_acknowledge_and_stay_on_are_switched_again_until_they_read_off(
    tmp_path: Path,
) -> None:
    async with boarded_jig(tmp_path, 1, 2) as jig, jig.working():
        for slot in (1, 2):
            await jig.jig.seat(slot).until_ready()
        jig.board.arm(BoardFault.FROZEN, Question.SWITCH, 7)
        jig.board.press_emergency_stop()
        await until(lambda: "power of slots 1, 2 could not be switched off" in jig.alarm())
        await until(lambda: not jig.coils())
        await until(lambda: "could not" not in jig.alarm())


async def test_a_board_lost_during_the_stop_is_said_and_switched_off_when_it_is_back(tmp_path: Path) -> None:
    async with boarded_jig(tmp_path, 1) as jig, jig.working():
        await jig.jig.seat(1).until_ready()
        jig.board.arm(BoardFault.SILENT, Question.SWITCH, 1000)
        jig.board.press_emergency_stop()
        await until(lambda: "power of slots 1" in jig.alarm())
        jig.board.unplug()
        await until(lambda: "the port is gone" in jig.alarm())
        assert "switch the jig's supply off before the release" in jig.alarm()
        assert jig.coils() == {1}
        jig.board.disarm()
        jig.board.plug()
        await until(lambda: not jig.coils())
        assert jig.board.emergency_stop
        await until(lambda: jig.alarm().endswith("then release the stop"))
        jig.board.release_emergency_stop()
        await until(lambda: "press start" in jig.alarm())
        jig.board.unplug()
        jig.board.write_coil(1, on=True)  # by whoever else had the board meanwhile
        jig.board.plug()
        await until(lambda: not jig.coils())


@pytest.mark.parametrize("acknowledged_only", [0, 7])
async def test_nobody_is_told_to_release_the_stop_before_every_slot_is_off(
    tmp_path: Path, acknowledged_only: int
) -> None:
    async with boarded_jig(tmp_path, 1, 2) as jig, jig.working():
        for slot in (1, 2):
            await jig.jig.seat(slot).until_ready()
        on_at: list[tuple[str, set[int]]] = []
        jig.view.listen(lambda view: on_at.append((alarm_of(view), jig.coils())))
        if acknowledged_only:
            jig.board.arm(BoardFault.FROZEN, Question.SWITCH, acknowledged_only)
        jig.board.press_emergency_stop()
        await until(lambda: "then release the stop" in jig.alarm())
        assert "leave the stop pressed" in next(alarm for alarm, _ in on_at if "stop" in alarm)
        assert not any(coils for alarm, coils in on_at if "then release the stop" in alarm)


async def test_nothing_powers_through_a_stop_and_a_reset_is_on_record_first(tmp_path: Path) -> None:
    actor = Actor(pseudonym="s-7", role="supervisor", where="desk")

    async with boarded_jig(tmp_path, 1, 2) as jig, jig.working():
        seat = jig.jig.seat(1)
        await seat.until_ready()
        jig.board.press_emergency_stop()
        await until(lambda: seat.stopped and not jig.coils())
        with pytest.raises(ResetRefused, match="release the emergency stop first"):
            await jig.jig.reset(actor, jig.append)
        again, other = (asyncio.create_task(jig.jig.seat(slot).until_ready()) for slot in (1, 2))
        assert not await seat.power_cycle()
        jig.slots.hubs.remove(2)
        await until(lambda: jig.jig.seat(2).present() is False)
        jig.slots.hubs.add(2)
        jig.board.release_emergency_stop()
        await until(lambda: "press start" in jig.alarm())
        await jig.looks()
        assert not jig.coils(), "its release alone powers nothing"
        assert seat.stopped
        assert jig.facts() == [JigStopped]
        await jig.jig.reset(actor, jig.append)
        assert jig.recorded[-1] == JigReset(jig="jig1", actor=actor)
        await asyncio.gather(again, other)
        assert jig.powered() == {1, 2}
        await jig.jig.reset(actor, jig.append)
        assert jig.facts() == [JigStopped, JigReset], "there was nothing more to reset"


@pytest.mark.parametrize("operator", ["op-1", None])
async def test_the_start_button_is_a_reset_only_after_the_release(
    tmp_path: Path, operator: str | None
) -> None:
    async with boarded_jig(tmp_path, 1) as jig, jig.working(operator=operator):
        jig.board.press_emergency_stop()
        await until(lambda: jig.facts() == [JigStopped])
        jig.board.start_pressed = True
        await jig.looks()
        jig.board.release_emergency_stop()
        await until(lambda: "press start" in jig.alarm())
        await jig.looks()
        assert jig.facts() == [JigStopped]
        await jig.press_start_until(lambda: jig.facts() == [JigStopped, JigReset])
        who = Actor(pseudonym=operator, role="technician", where="start button")
        assert jig.recorded[-1] == JigReset(jig="jig1", actor=who)
        await jig.jig.seat(1).until_ready()


async def test_a_jig_that_was_stopped_before_the_restart_is_stopped(tmp_path: Path) -> None:
    async with boarded_jig(tmp_path, 1) as jig:
        jig.board.write_coil(0, on=True)
        async with jig.working(stopped=True):
            assert jig.jig.seat(1).stopped
            ready = asyncio.create_task(jig.jig.seat(1).until_ready())
            await until(lambda: "press start" in jig.alarm() and not jig.coils())
            await jig.looks()
            assert not jig.coils()
            await jig.jig.reset(None, jig.append)
            await ready
            assert jig.facts() == [JigReset]


async def test_a_stop_that_cannot_be_recorded_is_kept_and_recorded_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("station.bench.jig._AGAIN_SECONDS", 0.05)

    async with boarded_jig(tmp_path, 1) as jig, jig.working():
        jig.no_room = 3
        await jig.stop_and_release()
        assert jig.jig.seat(1).stopped
        await until(lambda: jig.facts() == [JigStopped])
        jig.no_room = 3
        jig.board.start_pressed = True
        await until(lambda: not jig.jig.seat(1).stopped)
        assert jig.facts() == [JigStopped, JigReset]


async def test_a_stop_pressed_while_a_reset_is_recorded_is_not_lifted_by_it(tmp_path: Path) -> None:
    async with boarded_jig(tmp_path, 1) as jig, jig.working():
        await jig.stop_and_release()
        recording = asyncio.Event()
        goes_on = asyncio.Event()
        append = jig.journal.append

        async def slowly(*events: object) -> object:
            recording.set()
            await goes_on.wait()
            return await append(*events)  # type: ignore[arg-type]

        jig.journal.append = slowly  # type: ignore[method-assign, assignment]
        resetting = asyncio.create_task(jig.jig.reset(None, jig.append))
        await recording.wait()
        jig.board.press_emergency_stop()
        await until(lambda: "release the stop" in jig.alarm())
        goes_on.set()
        await resetting
        await until(lambda: jig.facts() == [JigStopped, JigReset, JigStopped])
        assert jig.jig.seat(1).stopped
        jig.journal.append = append  # type: ignore[method-assign]


@pytest.mark.parametrize("fault", SPOILED)
async def test_a_lamp_that_could_not_be_set_is_set_again(tmp_path: Path, fault: BoardFault) -> None:
    async with boarded_jig(tmp_path, 1, 2) as jig, jig.working():
        await until(lambda: jig.jig.seat(1).present() is True)
        jig.board.arm(fault, Question.LAMP, 4)
        jig.show(1, SlotPhase.PASSED)
        jig.show(2, SlotPhase.FAILED)
        await until(lambda: (jig.lamp(1), jig.lamp(2)) == (Lamp.GREEN, Lamp.RED))


async def test_lamps_are_set_again_after_a_boards_return_its_restart_and_its_watchdog(tmp_path: Path) -> None:
    async with boarded_jig(tmp_path, 1) as jig, jig.working():
        jig.show(1, SlotPhase.PASSED)
        await until(lambda: jig.lamp(1) is Lamp.GREEN)
        jig.board.restart()
        assert jig.lamp(1) is Lamp.DARK
        await until(lambda: jig.lamp(1) is Lamp.GREEN)
        jig.board.unplug()
        await until(lambda: jig.lamp(1) is Lamp.DARK)
        jig.board.plug()
        await until(lambda: jig.lamp(1) is Lamp.GREEN)
        seen: list[int] = []
        jig.board.on_lamp = lambda _, colour: seen.append(colour)
        hold_up(1.2)  # longer than the board's watchdog waits
        await until(lambda: seen == [Lamp.DARK, Lamp.GREEN])


async def test_a_lamp_is_dark_when_its_slot_gets_power_and_follows_its_slot_again(tmp_path: Path) -> None:
    async with boarded_jig(tmp_path, 1) as jig, jig.working():
        jig.show(1, SlotPhase.WORKING)
        await until(lambda: jig.lamp(1) is Lamp.BLUE)
        seen: list[int] = []
        jig.board.on_lamp = lambda _, colour: seen.append(colour)
        await jig.jig.seat(1).until_ready()
        await until(lambda: seen == [Lamp.DARK, Lamp.BLUE])


async def test_lamps_are_dark_after_a_stop_in_good_order(tmp_path: Path) -> None:
    async with boarded_jig(tmp_path, 1) as jig, jig.working():
        jig.show(1, SlotPhase.PASSED)
        await until(lambda: jig.lamp(1) is Lamp.GREEN)
        await jig.jig.put_out_lamps()
        assert jig.board.lamps == (Lamp.DARK,) * 8
        jig.board.unplug()
        await jig.jig.put_out_lamps()


async def test_every_gap_in_what_was_seen_is_counted(tmp_path: Path) -> None:
    async with boarded_jig(tmp_path, 1, 2) as jig, jig.working():
        seat, other = jig.jig.seat(1), jig.jig.seat(2)

        async def gap_by(act: Callable[[], object]) -> None:
            await until(lambda: seat.present() is True and other.present() is True)
            before = seat.gaps
            act()
            await seat.until_gap(before)

        def exchange() -> None:
            """Faster than any look: only the board's own counter can tell."""
            jig.slots.hubs.remove(1)
            jig.board.scan()
            jig.slots.hubs.add(1)
            jig.board.scan()

        def freeze() -> None:
            hold_up(0.7)
            assert seat.present() is None, "known before anything else is done"
            assert seat.gaps > frozen_from

        await gap_by(jig.board.unplug)
        jig.board.plug()
        await gap_by(jig.board.restart)
        await gap_by(lambda: jig.board.arm(BoardFault.LOST, Question.INPUTS, 9))
        await until(lambda: seat.present() is True)
        frozen_from = seat.gaps
        await gap_by(freeze)
        await until(lambda: seat.present() is True)
        # A machine with other work may have looks missed, which is a gap of both: openings are of one slot alone.
        before, others = seat.openings, other.openings
        while seat.openings == before:  # the counter may not have been looked at yet
            exchange()
            await jig.looks(10)
        assert other.openings == others
        quiet, calm = seat.gaps, other.gaps
        jig.slots.hubs.remove(1)
        await until(lambda: seat.present() is False)
        jig.slots.hubs.add(1)
        await until(lambda: seat.present() is True)
        moved = seat.openings
        assert seat.gaps > quiet
        await jig.looks(20)
        was_watched = other.gaps == calm
        assert seat.openings == moved or not was_watched, "an insertion that was seen is counted once"


NO_DRIVER = cast("HubDriver", None)
"""Where the switch says all, nothing else is asked."""

REMOVALS = [
    [SlotOpened(1), SlotEmptied(1), SlotSeated(1)],
    [SlotOpened(1), SlotEmptied(1), SlotContradicted(1, False, 150), SlotSeated(1)],
    [SlotOpened(1), SlotSeated(1)],
]


@pytest.mark.parametrize("events", REMOVALS)
async def test_a_hub_exchanged_before_anyone_could_look_is_missed_by_nobody(
    tmp_path: Path, events: list[BoardEvent]
) -> None:
    """All events of an exchange come within one turn of the loop: afterwards the switch is as it was."""
    async with boarded_jig(tmp_path, 1) as jig, jig.working():
        seat = jig.jig.seat(1)
        await seat.until_ready()
        gaps, openings = seat.gaps, seat.openings
        waits = (seat.until_opened(), seat.until_removed(NO_DRIVER, None), seat.until_gap(gaps))
        waiting = [asyncio.create_task(wait) for wait in waits]
        await asyncio.sleep(0)
        assert not any(task.done() for task in waiting)
        for event in events:
            jig.jig._hear(event)
        await asyncio.gather(*waiting)
        assert seat.present() is True
        seat.vouch(openings)
        assert seat.opened, "an answer to an older question says nothing of it"
        seat.vouch(seat.openings)
        assert not seat.opened
        assert seat.present() is True


async def test_who_speaks_for_a_hub_after_its_switch_opened_has_the_switch_doubted(tmp_path: Path) -> None:
    async with boarded_jig(tmp_path, 1) as jig, jig.working():
        seat = jig.jig.seat(1)
        await seat.until_ready()
        for verdict in ([], [SlotEmptied(1)]):
            jig.jig._hear(SlotOpened(1))
            for event in verdict:
                jig.jig._hear(event)
            seat.vouch(seat.openings)
            jig.jig._hear(SlotEmptied(1))
            assert seat.present() is None, "before and after it is known whether the slot is empty"
            assert not seat.opened
        jig.jig._hear(SlotAgreed(1))
        assert seat.present() is False
        assert seat.opened, "now it is empty"


async def test_an_emptied_slot_loses_its_power_also_before_the_next_start(tmp_path: Path) -> None:
    async with boarded_jig(tmp_path, 1) as jig, jig.working(policy="lid"):
        seat = jig.jig.seat(1)
        jig.board.lid_closed = True
        await seat.until_ready()
        jig.board.lid_closed = False
        jig.slots.hubs.remove(1)
        await seat.until_opened()
        again = asyncio.create_task(seat.until_ready())
        await until(lambda: not jig.powered())
        jig.slots.hubs.add(1)
        await until(lambda: seat.present() is True)
        await jig.looks()
        assert not again.done()
        assert not jig.powered(), "not before the lid is closed"
        jig.board.lid_closed = True
        await again
        assert jig.powered() == {1}


async def test_a_switch_that_opens_under_a_powered_hub_is_doubted_and_nothing_is_cut(tmp_path: Path) -> None:
    async with boarded_jig(tmp_path, 1) as jig, jig.working():
        seat = jig.jig.seat(1)
        await seat.until_ready()
        emptied = asyncio.create_task(seat.until_emptied())
        jig.board.lying = {1}
        await until(lambda: "slot 1: its switch says that it is empty" in jig.alarm())
        assert seat.present() is None
        assert not emptied.done()
        assert jig.powered() == {1}
        jig.board.lying = set()
        await until(lambda: seat.present() is True and not jig.alarm())
        jig.slots.hubs.remove(1)
        await emptied


async def test_a_board_that_was_off_gives_its_hubs_their_power_back(tmp_path: Path) -> None:
    async with boarded_jig(tmp_path, 1, 2, 3) as jig, jig.working():
        for slot in (1, 2):
            await jig.jig.seat(slot).until_ready()
        jig.slots.hubs.remove(2)
        jig.board.restart()
        assert not jig.powered()
        assert jig.jig.seat(1).is_safe(), "until it is heard"
        await until(lambda: not jig.jig.seat(1).is_safe())
        await until(lambda: jig.powered() == {1})  # whether or not anybody waits for it
        await asyncio.gather(*(jig.jig.seat(slot).until_powered() for slot in (1, 2)))
        await jig.looks()
        assert jig.powered() == {1}, "nothing sits in 2, and 3 was never given any"


@pytest.mark.parametrize("fault", SPOILED)
async def test_a_power_cycle_never_leaves_a_hub_without_power(tmp_path: Path, fault: BoardFault) -> None:
    async with boarded_jig(tmp_path, 1) as jig, jig.working():
        seat = jig.jig.seat(1)
        await seat.until_ready()
        jig.board.arm(fault, Question.SWITCH, 3)
        await seat.power_cycle()
        assert jig.powered() == {1}


async def test_a_hub_taken_out_while_a_power_cycle_keeps_it_dark_leaves_a_slot_without_power(
    tmp_path: Path,
) -> None:
    async with boarded_jig(tmp_path, 1) as jig, jig.working():
        seat = jig.jig.seat(1)
        await seat.until_ready()
        cycle = asyncio.create_task(seat.power_cycle())
        await until(lambda: not jig.powered())
        jig.slots.hubs.remove(1)
        await until(lambda: seat.present() is False)
        assert not cycle.done()
        assert not await cycle
        assert not jig.powered()


async def test_what_a_board_acknowledged_and_did_not_do_is_done_again(tmp_path: Path) -> None:
    async with boarded_jig(tmp_path, 1) as jig, jig.working():
        seat = jig.jig.seat(1)
        jig.board.arm(BoardFault.FROZEN, Question.SWITCH, 1)
        await seat.until_ready()
        assert not jig.powered()
        await until(lambda: jig.powered() == {1})
        jig.board.arm(BoardFault.FROZEN, Question.LAMP, 1)
        jig.show(1, SlotPhase.PASSED)
        await until(lambda: not jig.board.armed)
        await until(lambda: jig.lamp(1) is Lamp.GREEN)
        jig.slots.hubs.remove(1)
        await until(lambda: seat.present() is False)
        jig.board.arm(BoardFault.FROZEN, Question.SWITCH, 1)
        await seat.let_go()
        assert jig.powered() == {1}
        await until(lambda: not jig.powered())
        assert not jig.alarm()


async def test_a_slot_whose_power_never_switches_is_named_and_left(tmp_path: Path) -> None:
    async with boarded_jig(tmp_path, 1, 2) as jig, jig.working():
        seat = jig.jig.seat(1)
        jig.board.arm(BoardFault.FROZEN, Question.SWITCH, 1000)
        await seat.until_ready()
        await until(lambda: jig.alarm().startswith("slot 1: its power does not switch"))
        left = jig.board.armed[0].left
        assert left <= 1000 - 4
        await jig.looks()
        assert jig.board.armed[0].left == left, "it is left alone"
        jig.board.disarm()
        jig.slots.hubs.remove(1)
        await until(lambda: seat.present() is False)
        await seat.let_go()
        jig.slots.hubs.add(1)
        await seat.until_ready()
        await until(lambda: jig.powered() == {1} and not jig.alarm())


async def test_the_alarm_of_a_board_that_tells_nothing_stays_until_it_does(tmp_path: Path) -> None:
    """It is found again and again, and each time nothing is heard of its inputs."""
    async with boarded_jig(tmp_path, 1) as jig, jig.working():
        await until(lambda: jig.jig.seat(1).present() is True)
        jig.board.arm(BoardFault.LOST, Question.INPUTS, 100_000)
        await until(lambda: "no answer" in jig.alarm())
        shown: list[str | None] = []
        jig.view.listen(lambda view: shown.append(alarm_of(view)))
        found = 0

        def count(event: BoardEvent) -> None:
            nonlocal found
            found += isinstance(event, BoardBack)
            jig.jig._hear(event)

        jig.jig._board._tell = count
        await until(lambda: found == 3)
        assert None not in shown
        jig.board.disarm()
        await until(lambda: not jig.alarm())


async def test_a_jig_that_is_looked_at_too_rarely_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with boarded_jig(tmp_path, 1) as jig, jig.working():
        seat = jig.jig.seat(1)
        await until(lambda: seat.present() is True)
        begun = seat.gaps
        for times in range(3):
            await until(lambda: seat.present() is True)
            others = seat.gaps - begun > times  # a busy machine makes some of its own
            assert others or not jig.alarm(rare_looks=True), f"{times} may be an accident"
            before = seat.gaps
            hold_up(0.7)
            assert seat.gaps > before
        rare = "looks at its inputs are often more than 500 ms apart"
        await until(lambda: rare in jig.alarm(rare_looks=True))
        assert "heartbeat_seconds" in jig.alarm(rare_looks=True)
        monkeypatch.setattr(board, "CALM_SECONDS", 0.3)
        await until(lambda: not jig.alarm(rare_looks=True))
