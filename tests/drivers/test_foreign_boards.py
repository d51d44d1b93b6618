"""The board driver against Modbus RTU servers that nobody here wrote, each over a real pty: what they judge is the driver."""

from __future__ import annotations

import asyncio
import ctypes.util
import importlib.util
import json
import os
import pty
import subprocess
import sys
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, WriteSingleRegisterRequest

from benches.jig_bench import EASILY_LOST, PATIENT, QUICK, Ear, running
from benches.looking import until, until_so
from benches.processes import running as running_process
from drivers.jig_board.board import JigBoard
from drivers.jig_board.errors import BoardAnswerInvalid, BoardLate, BoardRefused, BoardSilent
from drivers.jig_board.events import (
    BoardBack,
    BoardIdentity,
    BoardLost,
    EmergencyReleased,
    EmergencyStop,
    SlotEmptied,
    SlotSeated,
)
from drivers.jig_board.line import ModbusLine
from drivers.jig_board.registers import Lamp
from drivers.jig_board.settings import JigBoardSettings

BOARD = Path(__file__).with_name("foreign_board.py")
ANSWER_SECONDS = 0.4
"""How long they are waited for where some come late."""
LIBRARIES = {
    "libmodbus": (lambda: ctypes.util.find_library("modbus"), "apt-get install libmodbus5"),
    "modbus-tk": (lambda: importlib.util.find_spec("modbus_tk"), "pip install modbus-tk"),
    "umodbus": (lambda: importlib.util.find_spec("umodbus"), "pip install umodbus"),
    "pymodbus": (lambda: importlib.util.find_spec("pymodbus"), "pip install pymodbus"),
}


class ForeignBoard:
    """A board in a process of its own, and the wire to it, which may echo and hold answers back."""

    def __init__(self, ends: list[tuple[int, int]], process: subprocess.Popen[str]) -> None:
        (self._station, far), (self._board, _) = ends
        self.path = os.ttyname(far)
        self._process = process
        self.echoes = False
        self.late = 0.0
        """Seconds that answers take on their way."""
        self._free_at = 0.0

    @contextmanager
    def wired(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        self.echoes, self.late = False, 0.0
        loop.add_reader(self._station, self._carry_question)
        loop.add_reader(self._board, self._carry_answer)
        try:
            yield
        finally:
            loop.remove_reader(self._station)
            loop.remove_reader(self._board)

    def _carry_question(self) -> None:
        question = os.read(self._station, 512)
        if self.echoes:
            os.write(self._station, question)
        os.write(self._board, question)

    def _carry_answer(self) -> None:
        loop = asyncio.get_running_loop()
        answer = os.read(self._board, 512)
        self._free_at = max(self._free_at, loop.time() + self.late)
        loop.call_at(self._free_at, os.write, self._station, answer)

    def hands(self, *seated: int, stop: bool = False) -> dict[str, list[int]]:
        """Seat these hubs and no others; return what the station has written."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"presence": seated, "stop": stop}) + "\n")
        self._process.stdin.flush()
        written = json.loads(self._process.stdout.readline())
        return {table: list(map(int, values)) for table, values in written.items()}


@pytest.fixture(scope="module", params=LIBRARIES)
def board(request: pytest.FixtureRequest) -> Iterator[ForeignBoard]:
    is_there, remedy = LIBRARIES[request.param]
    if not is_there():
        pytest.skip(f"{request.param} is not installed: {remedy}")
    ends = [pty.openpty(), pty.openpty()]
    for _, far in ends:
        tty.setraw(far)
    command = [sys.executable, BOARD, request.param, os.ttyname(ends[1][1])]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    try:
        with running_process(command, text=True, **pipes) as process:
            assert json.loads(process.stdout.readline()) == {"ready": True}
            yield ForeignBoard(ends, process)
    finally:
        for end in ends:
            for descriptor in end:
                os.close(descriptor)


def settings(board: ForeignBoard, **changes: Any) -> JigBoardSettings:
    return JigBoardSettings(port=board.path, **QUICK | PATIENT | changes)


async def powered(jig: JigBoard, board: ForeignBoard, *seated: int) -> None:
    """Power the first of the hubs and light its lamp; the board measures it, and holds what was written."""
    slot = seated[0]
    await jig.set_power(slot, True)
    await jig.set_lamp(slot, Lamp.GREEN)

    async def measures_it() -> bool:
        return (await jig.currents())[slot - 1] >= 100

    await until_so(measures_it)
    written = board.hands(*seated)
    assert written["coils"] == [int(number == slot) for number in range(1, 9)]
    assert written["holding"][slot - 1] == Lamp.GREEN
    await until(lambda: board.hands(*seated)["holding"][8] != written["holding"][8])  # the next heartbeat
    await jig.set_power(slot, False)
    assert await jig.power() == (False,) * 8


async def test_a_board_by_other_hands_is_watched_and_switched(board: ForeignBoard) -> None:
    ear = Ear()

    jig = JigBoard("jig1", settings(board, serial_number=1001), ear.hear)
    board.hands(2)
    with board.wired():
        async with running(jig):
            assert (await ear.next(BoardBack)).identity == BoardIdentity(1001, "1.4")
            assert await ear.next(SlotSeated) == SlotSeated(2)
            board.hands(2, 5)
            assert await ear.next(SlotSeated) == SlotSeated(5)
            await powered(jig, board, 5, 2)
            with pytest.raises(BoardRefused, match=r"address 16 with exception 2 \(illegal data address\)"):
                await jig.insertions()
            board.hands(2)
            while await ear.next(SlotEmptied) != SlotEmptied(5):
                pass  # the picture at first, or once more after a gap
            board.hands(2, stop=True)
            await ear.next(EmergencyStop)
            board.hands(2)
            await ear.next(EmergencyReleased)
    assert not [event for event in ear.rest() if isinstance(event, BoardLost)]


async def test_an_answer_that_comes_late_is_never_the_next_questions(board: ForeignBoard) -> None:
    with board.wired():
        line = await ModbusLine.open(settings(board, answer_seconds=ANSWER_SECONDS), "jig1 board")
        try:
            for address in range(6):
                await line.ask(WriteSingleRegisterRequest(address=address, registers=[100 + address]))
            for address in range(5):
                board.late = 2.5 * ANSWER_SECONDS if address == 1 else 0.0
                try:
                    answer = await line.ask(ReadHoldingRegistersRequest(address=address, count=2))
                except BoardSilent:
                    assert address > 0
                else:
                    assert address != 1
                    assert answer.registers == [100 + address, 101 + address]
            assert answer.registers == [104, 105]
        finally:
            await line.close()


async def test_a_board_that_is_always_late_is_told_which_setting_to_change(board: ForeignBoard) -> None:
    ear = Ear()

    with board.wired():
        board.late = 1.5 * QUICK["answer_seconds"]
        async with running(JigBoard("jig1", settings(board, **EASILY_LOST), ear.hear)):
            lost = await ear.next(BoardLost)
            assert isinstance(lost.reason, BoardLate)
            assert "set answer_seconds under [jigs.board] well above that" in lost.reason.what
        line = await ModbusLine.open(settings(board, answer_seconds=3 * board.late), "jig1 board")
        try:
            await line.ask(WriteSingleRegisterRequest(address=3, registers=[7]))
        finally:
            await line.close()


async def test_an_adapter_that_hears_itself_is_named_and_with_its_setting_served(board: ForeignBoard) -> None:
    question = ReadHoldingRegistersRequest(address=3, count=2)

    with board.wired():
        board.echoes = True
        line = await ModbusLine.open(settings(board), "jig1 board")
        try:
            with pytest.raises(BoardAnswerInvalid, match="hears what it sends itself; set echo = true"):
                await line.ask(question)
        finally:
            await line.close()
        line = await ModbusLine.open(settings(board, line={"echo": True}), "jig1 board")
        try:
            for value in (7, 9):
                await line.ask(WriteSingleRegisterRequest(address=3, registers=[value]))
                assert board.hands()["holding"][3] == value
                assert (await line.ask(question)).registers[0] == value
        finally:
            await line.close()
