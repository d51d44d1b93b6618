"""Power that is given while no daemon works: never through an emergency stop, and taken away again for certain."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from benches.board_slots import Slots
from benches.boarded_jig import SLOTS, TIMES, BoardedJig, boarded_jig
from benches.looking import until
from drivers.jig_board.errors import CheckRefused
from drivers.jig_board.settings import JigBoardSettings
from simulators.board_faults import BoardFault, Question
from simulators.jig_board import SimulatedJigBoard
from station.places.power import powered
from station.places.settings import JigSettings
from station.records.facts.bench import JigReset, JigStopped


@asynccontextmanager
async def idle_jig(folder: Path) -> AsyncIterator[tuple[JigSettings, SimulatedJigBoard]]:
    """A jig whose board nobody talks to; hubs sit in slots 1 and 2."""
    board = SimulatedJigBoard(folder / "board", Slots(1, 2), watchdog_seconds=0.8)
    board.plug()
    # One answer is lost at a time: this machine's other work must not lose a second.
    times = {**TIMES, "answer_seconds": 0.3}
    settings = JigBoardSettings(port=str(folder / "board"), slots=SLOTS, **times)
    try:
        yield JigSettings(name="jig1", board=settings, slots={1: "/dev/port1"}), board
    finally:
        board.close()


def on(board: SimulatedJigBoard) -> list[int]:
    return [slot for slot, coil in enumerate(board.coils(), start=1) if coil]


@pytest.mark.parametrize("question", [Question.IDENTITY, Question.INPUTS, Question.COILS, Question.SWITCH])
@pytest.mark.parametrize("fault", [BoardFault.SILENT, BoardFault.DAMAGED])
async def test_one_lost_answer_ends_nothing(tmp_path: Path, question: Question, fault: BoardFault) -> None:
    async with idle_jig(tmp_path) as (jig, board):
        board.arm(fault, question, 1)
        async with powered(jig, tmp_path / "journal"):
            assert on(board) == [1, 2]
            board.arm(fault, question, 1)
        assert on(board) == []


@pytest.mark.parametrize("fault", [BoardFault.NONE, BoardFault.SILENT, BoardFault.LOST, BoardFault.FROZEN])
async def test_seated_hubs_have_power_for_as_long_as_the_block_lasts(
    tmp_path: Path, fault: BoardFault
) -> None:
    async with idle_jig(tmp_path) as (jig, board):
        async with powered(jig, tmp_path / "journal") as seated:
            assert seated == {1, 2}
            assert on(board) == [1, 2]
            if fault is not BoardFault.NONE:
                board.arm(fault, Question.SWITCH, 3)
        assert on(board) == []


async def test_what_cannot_be_switched_off_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("station.places.power._OFF_AGAIN_SECONDS", 0.0)

    async with idle_jig(tmp_path) as (jig, board):
        with pytest.raises(CheckRefused, match="power of slots 1, 2 could not be switched off"):
            async with powered(jig, tmp_path / "journal"):
                board.arm(BoardFault.FROZEN, Question.SWITCH, 1000)


async def test_a_stop_takes_the_power_and_its_release_gives_none(tmp_path: Path) -> None:
    async with idle_jig(tmp_path) as (jig, board):

        async def press_and_release() -> None:
            async with powered(jig, tmp_path / "journal"):
                board.press_emergency_stop()
                await until(lambda: not on(board))
                board.release_emergency_stop()

        with pytest.raises(CheckRefused, match="the emergency stop is pressed"):
            await press_and_release()
        assert not any(board.powered)
        board.press_emergency_stop()
        with pytest.raises(CheckRefused, match="the emergency stop is pressed"):
            async with powered(jig, tmp_path / "journal"):
                pytest.fail("nothing powers through a stop")
        assert on(board) == []


async def test_a_stop_that_nobody_has_reset_lets_nothing_be_powered(tmp_path: Path) -> None:
    async def recorded(event: JigStopped | JigReset) -> None:
        async with boarded_jig(tmp_path) as jig:
            await BoardedJig.append(jig, event)

    await recorded(JigStopped(jig="jig1"))
    async with idle_jig(tmp_path) as (jig, board):
        with pytest.raises(
            CheckRefused, match="its emergency stop was not reset; start the station, then press"
        ):
            async with powered(jig, tmp_path / "journal"):
                pytest.fail("nothing powers before a reset")
        assert on(board) == []
    await recorded(JigReset(jig="jig1", actor=None))
    async with idle_jig(tmp_path) as (jig, board), powered(jig, tmp_path / "journal") as seated:
        assert seated == {1, 2}
