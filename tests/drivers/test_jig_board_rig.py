"""The board driver and the hub driver together on a simulated rig in a process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from benches.jig_bench import Ear, running
from benches.rig_process import RigSlot, rig_slots
from drivers.errors import NoAnswer
from drivers.jig_board.board import JigBoard
from drivers.jig_board.errors import BoardFrozen, BoardSilent, BoardUnavailable
from drivers.jig_board.events import (
    BoardBack,
    BoardLost,
    EmergencyReleased,
    EmergencyStop,
    LidClosed,
    SlotContradicted,
    SlotEmptied,
    SlotSeated,
    StartPressed,
)
from drivers.jig_board.registers import Lamp
from drivers.jig_board.settings import JigBoardSettings


@pytest.fixture
def slot(tmp_path: Path) -> Iterator[RigSlot]:
    with rig_slots(tmp_path, "--boards", slots=2) as slots:
        yield next(slots)


@asynccontextmanager
async def board_of(slot: RigSlot) -> AsyncIterator[tuple[JigBoard, Ear]]:
    ear = Ear()
    settings = JigBoardSettings(
        port=str(slot.directory / "jig1" / "board"),
        slots=2,
        serial_number=1001,
        heartbeat_seconds=0.2,
        reconnect_seconds=0.25,
    )
    board = JigBoard("jig1", settings, ear.hear)
    async with running(board):
        await ear.next(BoardBack)
        yield board, ear


async def test_a_hub_lives_by_the_boards_power(slot: RigSlot) -> None:
    async with board_of(slot) as (board, ear), slot.driver(answer_seconds=0.2, attempts=1) as hub:
        assert await ear.next(SlotSeated) == SlotSeated(1)
        with pytest.raises(NoAnswer):
            await hub.identify()
        await board.set_power(1, on=True)
        await hub.wait_for_hub()
        assert (await board.currents())[0] >= 20
        await slot.do("board", act="press_stop")
        await ear.next(EmergencyStop)
        with pytest.raises(NoAnswer):
            await hub.identify()
        await slot.do("board", act="release_stop")
        await ear.next(EmergencyReleased)
        assert await hub.wait_for_hub()
        await board.set_power(1, on=False)
        with pytest.raises(NoAnswer):
            await hub.identify()


async def test_hands_on_the_jig_and_what_they_see(slot: RigSlot) -> None:
    async with board_of(slot) as (board, ear):
        await ear.next(SlotSeated)
        await slot.do("unseat")
        assert await ear.next(SlotEmptied) == SlotEmptied(1)
        await slot.do("board", act="close_lid")
        await ear.next(LidClosed)
        await slot.do("board", act="press_start")
        await ear.next(StartPressed)
        await board.set_lamp(2, Lamp.GREEN)
        seen = await slot.do("board", act="release_start")
        assert seen.pop("heartbeat") > 0
        assert seen == {
            "port": str(slot.directory / "jig1" / "board"),
            "lamps": [0, 2, 0, 0, 0, 0, 0, 0],
            "powered": [False] * 8,
            "lid_closed": True,
            "start_pressed": False,
            "emergency_stop": False,
            "fault": "none",
            "armed": [],
            "lying": [],
        }


async def test_board_faults_from_the_control_socket(slot: RigSlot) -> None:
    async with board_of(slot) as (board, ear):
        for fault, reason in (("frozen", BoardFrozen), ("silent", BoardSilent)):
            await slot.do("board", act="fault", fault=fault)
            assert isinstance((await ear.next(BoardLost)).reason, reason)
            await slot.do("board", act="fault", fault="none")
            await ear.next(BoardBack)
        seen = await slot.do("board", act="arm", fault="lost", on="switch", times=2)
        assert seen["armed"] == [{"fault": "lost", "on": "switch", "left": 2}]
        with pytest.raises(BoardSilent):
            await board.set_power(2, on=True)
        seen = await slot.do("board", act="disarm")
        assert (seen["armed"], seen["powered"][1]) == ([], True)
        await slot.do("board", act="unplug")
        assert isinstance((await ear.next(BoardLost)).reason, BoardUnavailable)
        await slot.do("board", act="plug")
        await ear.next(BoardBack)
        await board.set_power(1, on=True)
        await slot.do("board", act="lie", slots=[1])
        assert (await ear.next(SlotContradicted)).slot == 1
        await slot.do("board", act="restart")
        await ear.next(BoardLost)
        assert not (await ear.next(BoardBack)).power[0]


async def test_what_a_board_cannot_be_asked(slot: RigSlot) -> None:
    for request, complaint in (
        ({"act": "dance"}, "unknown act 'dance'; known: close_lid,"),
        ({"act": "fault", "fault": "rust"}, "unknown fault 'rust' of a board; known: none, silent,"),
        ({"act": "arm", "fault": "late", "on": "tea"}, "no board is asked 'tea'; known: inputs, coils,"),
        (
            {"act": "arm", "fault": "late", "on": "coils", "times": 0},
            "'times' is wanted, a number from 1",
        ),
        ({"act": "lie", "slots": [9]}, "'slots' is wanted, a list of numbers from 1 to 8"),
    ):
        with pytest.raises(AssertionError, match=complaint):
            await slot.do("board", **request)
    with pytest.raises(AssertionError, match="no board of a jig 7 here; there are those of 1"):
        await replace(slot, jig=7).do("board")


def test_a_rig_without_boards_says_so(tmp_path: Path) -> None:
    with rig_slots(tmp_path) as slots, pytest.raises(AssertionError, match="none, without --boards"):
        asyncio.run(next(slots).do("board"))
