from __future__ import annotations

import asyncio
import math
import os
import time
import tty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU
from pymodbus.pdu.bit_message import ReadDiscreteInputsRequest
from pymodbus.pdu.register_message import ReadInputRegistersRequest

from benches.looking import until
from simulators import modbus_rtu
from simulators.board_faults import BoardFault, Question
from simulators.jig_board import LATE_SECONDS, SimulatedJigBoard
from simulators.modbus_rtu import answer, crc16, silence


class Slots:
    count = 8

    def __init__(self) -> None:
        self.hubs: set[int] = set()
        self.log: list[tuple[int, bool]] = []

    def seated(self, slot: int) -> bool:
        return slot in self.hubs

    def switch_power(self, slot: int, on: bool) -> None:
        self.log.append((slot, on))

    def milliamperes(self, slot: int) -> int:
        return 100 + slot


class Tables:
    """Eleven inputs, three coils, four input registers, two holding registers."""

    def __init__(self) -> None:
        self.coil_values = [False, True, False]
        self.register_values = [7, 0xFFFF]

    def discrete_inputs(self) -> list[bool]:
        return [True, False] * 5 + [True]

    def coils(self) -> list[bool]:
        return self.coil_values

    def input_registers(self) -> list[int]:
        return [0, 1001, 0x0104, 0xFFFF]

    def holding_registers(self) -> list[int]:
        return self.register_values

    def write_coil(self, address: int, on: bool) -> None:
        self.coil_values[address] = on

    def write_holding_register(self, address: int, value: int) -> None:
        self.register_values[address] = value


def with_check(content: str) -> bytes:
    raw = bytes.fromhex(content)
    return raw + crc16(raw)


def test_the_check_is_that_of_the_specification() -> None:
    # The customary example: read 10 holding registers of device 1.
    assert crc16(bytes.fromhex("01 03 0000 000a")) == bytes.fromhex("c5cd")


@pytest.mark.parametrize(
    ("request_frame", "answer_frame"),
    [
        ("01 02 0000 000b", "01 02 02 5505"),
        ("01 02 0008 0003", "01 02 01 05"),
        ("01 01 0000 0003", "01 01 01 02"),
        ("01 03 0000 0002", "01 03 04 0007 ffff"),
        ("01 04 0001 0002", "01 04 04 03e9 0104"),
        ("01 05 0002 ff00", "01 05 0002 ff00"),
        ("01 05 0001 0000", "01 05 0001 0000"),
        ("01 06 0001 1234", "01 06 0001 1234"),
        ("01 02 0001 000b", "01 82 02"),
        ("01 02 0000 0000", "01 82 03"),
        ("01 02 0000 07d1", "01 82 03"),
        ("01 04 0000 007e", "01 84 03"),
        ("01 04 0004 0001", "01 84 02"),
        ("01 05 0000 0001", "01 85 03"),
        ("01 05 0003 ff00", "01 85 02"),
        ("01 06 0002 0000", "01 86 02"),
        ("01 2b 0e 01 00", "01 ab 01"),
        ("01 02 00", "01 82 03"),
    ],
)
def test_requests_and_their_answers_on_the_wire(request_frame: str, answer_frame: str) -> None:
    assert answer(with_check(request_frame), 1, Tables()) == with_check(answer_frame)


def test_writes_are_carried_out() -> None:
    tables = Tables()
    answer(with_check("01 05 0002 ff00"), 1, tables)
    answer(with_check("00 06 0000 0102"), 1, tables)
    assert tables.coil_values == [False, True, True]
    assert tables.register_values == [0x0102, 0xFFFF], "a broadcast is obeyed too"


@pytest.mark.parametrize(
    "frame",
    [
        with_check("02 02 0000 000b"),
        with_check("00 02 0000 000b"),
        with_check("01 02 0000 000b")[:-1] + b"\x00",
        with_check("01 02 0000 000b")[:-2],
        b"",
        b"\x01",
    ],
)
def test_a_device_keeps_silent_for_what_is_damaged_or_not_for_it(frame: bytes) -> None:
    assert answer(frame, 1, Tables()) is None


@given(st.binary(max_size=20))
def test_no_request_breaks_a_device(content: bytes) -> None:
    frame = b"\x01" + content
    reply = answer(frame + crc16(frame), 1, Tables())
    assert reply is None or crc16(reply[:-2]) == reply[-2:]


@given(st.integers(0, 10), st.integers(1, 11), st.integers(0, 3), st.integers(1, 4))
def test_pymodbus_reads_the_same(bit: int, bits: int, word: int, words: int) -> None:
    framer = FramerRTU(DecodePDU(is_server=False))
    tables = Tables()
    for question, table, first, count in (
        (ReadDiscreteInputsRequest(dev_id=1, address=bit, count=bits), tables.discrete_inputs(), bit, bits),
        (
            ReadInputRegistersRequest(dev_id=1, address=word, count=words),
            tables.input_registers(),
            word,
            words,
        ),
    ):
        reply = answer(framer.buildFrame(question), 1, tables)
        assert reply is not None
        used, pdu = framer.handleFrame(reply, 1, 0)
        assert used == len(reply)
        assert pdu is not None
        if first + count > len(table):
            assert pdu.exception_code == modbus_rtu.ILLEGAL_ADDRESS
        else:
            assert list(pdu.registers or pdu.bits[:count]) == table[first : first + count]


@pytest.mark.parametrize(("baud", "milliseconds"), [(9600, 4.01), (19200, 2.005), (115200, 1.75)])
def test_the_silence_between_frames(baud: int, milliseconds: float) -> None:
    assert silence(baud) * 1000 == pytest.approx(milliseconds, abs=0.01)


class Station:
    """The near end: writes requests, and notes when answers come."""

    def __init__(self, path: Path) -> None:
        self._port = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self._port)

    async def asks(self, content: str, patience: float = 30.0) -> tuple[bytes, float]:
        """Return the answer, without its check, and the seconds until its last byte; empty when none comes."""
        began = time.monotonic()
        self.sends(with_check(content))
        heard, took = b"", 0.0
        while time.monotonic() < began + patience:
            await asyncio.sleep(0.0005)
            try:
                heard += os.read(self._port, 256)
            except BlockingIOError:
                if heard and time.monotonic() > began + took + 0.02:
                    break
            else:
                took = time.monotonic() - began
        await asyncio.sleep(0.003)
        return heard[:-2], took

    def sends(self, data: bytes) -> None:
        os.write(self._port, data)

    def hears(self) -> bytes:
        try:
            return os.read(self._port, 256)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        os.close(self._port)


@asynccontextmanager
async def rig(
    path: Path, *, baud_rate: int = 115200, watchdog_seconds: float = 0.1, watchdog_cuts_power: bool = False
) -> AsyncIterator[tuple[SimulatedJigBoard, Slots, Station]]:
    slots = Slots()
    board = SimulatedJigBoard(
        path,
        slots,
        baud_rate=baud_rate,
        watchdog_seconds=watchdog_seconds,
        watchdog_cuts_power=watchdog_cuts_power,
    )
    assert slots.log == [(slot, False) for slot in range(1, 9)], "a board that is switched on gives no power"
    slots.log.clear()
    board.plug()
    station = Station(path)
    try:
        yield board, slots, station
    finally:
        station.close()
        board.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jig1" / "board"


@pytest.mark.parametrize("baud", [9600, 115200])
async def test_the_line_keeps_its_time(path: Path, baud: int) -> None:
    async with rig(path, baud_rate=baud) as (_, _, station):
        _, took = await station.asks("01 02 0000 000b")
        assert took >= (8 + 7) * 11 / baud + silence(baud)


async def test_the_line_hears_nothing_while_it_speaks_or_without_silence_between_frames(path: Path) -> None:
    async with rig(path, baud_rate=300) as (_, _, station):
        clock, longest, heard = asyncio.get_running_loop().time, math.inf, b""
        while longest > 0.05:  # a busy machine may hold line or question up
            station.sends(with_check("01 02 0000 000b"))
            begun = looked = clock()
            longest = 0.0
            while looked < begun + 0.55:  # the request takes 293 ms, the silence 128, the answer another 257
                await asyncio.sleep(0.01)
                longest, looked = max(longest, clock() - looked), clock()
            station.sends(with_check("01 01 0000 0008"))
            await asyncio.sleep(0.01)  # in which it is read
            longest = max(longest, clock() - looked)
            await asyncio.sleep(1.2)  # as long as two answers would take
            heard = station.hears()
        assert heard == with_check("01 02 02 0000")
        station.sends(with_check("01 01 0000 0008") + with_check("01 01 0000 0008"))
        await asyncio.sleep(1.2)
        assert station.hears() == b"", "two frames without silence are one damaged frame"


async def test_what_the_board_knows_stands_where_its_manual_says(path: Path) -> None:
    async with rig(path) as (board, slots, station):
        slots.hubs = {1, 3}
        board.lid_closed = True
        board.start_pressed = True
        board.press_emergency_stop()
        await until_said(station, "01 02 0000 000b", "01 02 02 0507")
        currents = await said(station, "01 04 0000 0009")
        assert currents == bytes.fromhex("01 04 12 0065 0066 0067 0068 0069 006a 006b 006c 2ee0")
        assert await said(station, "01 04 000a 0003") == bytes.fromhex("01 04 06 0000 03e9 0104")
        assert (await said(station, "01 04 0010 0006"))[3:] == bytes.fromhex("00000001 00000000 00000001")


async def said(station: Station, content: str) -> bytes:
    return (await station.asks(content))[0]


async def until_said(station: Station, content: str, answer: str) -> None:
    """Ask until this is answered: switches bounce first, and a board boots."""
    while await said(station, content) != bytes.fromhex(answer):
        pass


async def is_silent(station: Station, content: str) -> bool:
    """Whether nothing is answered for a while."""
    return (await station.asks(content, patience=0.3))[0] == b""


async def test_the_scan_counter_moves_while_the_board_lives(path: Path) -> None:
    async with rig(path) as (board, _, station):
        counts = {await said(station, "01 04 0009 0001") for _ in range(20)}
        assert len(counts) > 1
        board.fault = BoardFault.FROZEN
        assert len({await said(station, "01 04 0009 0001") for _ in range(20)}) == 1
        assert await said(station, "01 05 0000 ff00") == bytes.fromhex("01 05 0000 ff00")
        assert await said(station, "01 06 0000 0002") == bytes.fromhex("01 06 0000 0002")
        assert not board.powered[0], "acknowledged, and not done"
        board.restart()
        assert board.fault is BoardFault.NONE


async def test_the_emergency_stop_cuts_power_behind_the_coils_back(path: Path) -> None:
    async with rig(path) as (board, slots, station):
        await station.asks("01 05 0001 ff00")
        board.press_emergency_stop()
        assert slots.log == [(2, True), (2, False)]
        assert await said(station, "01 01 0000 0008") == bytes.fromhex("01 01 01 02")
        await station.asks("01 05 0002 ff00")
        assert slots.log == [(2, True), (2, False)], "nothing gets power while it is pressed"
        board.release_emergency_stop()
        assert slots.log[2:] == [(2, True), (3, True)]


@pytest.mark.parametrize("cuts", [False, True])
async def test_the_watchdog_wakes_when_the_heartbeat_fails(path: Path, cuts: bool) -> None:
    async with rig(path, watchdog_seconds=0.6, watchdog_cuts_power=cuts) as (board, slots, station):
        longest, clock = math.inf, asyncio.get_running_loop().time
        while longest > 0.5:  # a busy machine may be late with a heartbeat
            await station.asks("01 05 0000 ff00")
            await station.asks("01 06 0000 0002")
            longest = 0.0
            for number in range(1, 9):
                begun = clock()
                await station.asks(f"01 06 0008 {number:04x}")
                await asyncio.sleep(0.1)
                longest = max(longest, clock() - begun)
        assert board.lamps[0] == 2, "its time was over, but for the heartbeats"
        await until(lambda: board.lamps[0] == 0)
        assert board.powered[0] is not cuts
        assert slots.log[-1] == (1, not cuts)


async def test_a_switch_bounces_before_it_settles(path: Path) -> None:
    async with rig(path) as (board, slots, _):
        slots.hubs = {1}
        bouncing = {board.discrete_inputs()[0] for _ in range(50)}
        assert bouncing == {True, False}
        await until(lambda: {board.discrete_inputs()[0] for _ in range(50)} == {True})
        board.lying = {1, 2}
        assert board.discrete_inputs()[:3] == [False, True, False]


async def test_a_restart_forgets_everything_but_the_insertions(path: Path) -> None:
    async with rig(path) as (board, slots, station):
        slots.hubs = {1}
        await station.asks("01 05 0000 ff00")
        await station.asks("01 06 0008 0009")
        await station.asks("01 02 0000 0008")
        board.restart()
        assert slots.log[-1] == (1, False)
        assert await is_silent(station, "01 01 0000 0008"), "it boots"
        await until_said(station, "01 01 0000 0008", "01 01 01 00")
        assert await said(station, "01 03 0008 0001") == bytes.fromhex("01 03 02 0000")
        assert await said(station, "01 04 0010 0002") == bytes.fromhex("01 04 04 00000001")


@pytest.mark.parametrize(
    ("fault", "heard"),
    [
        (BoardFault.SILENT, ""),
        (BoardFault.SHORT, "01"),
        (BoardFault.EXCEPTIONS, "01 82 04"),
        (BoardFault.DAMAGED, "01 02 01 00"),
        (BoardFault.LOST, ""),
        (BoardFault.WRONG, "01 01 01 00"),
        (BoardFault.NONE, "01 02 01 00"),
    ],
)
async def test_faults_on_the_wire(path: Path, fault: BoardFault, heard: str) -> None:
    async with rig(path) as (board, _, station):
        board.fault = fault
        if heard:
            assert await said(station, "01 02 0000 0008") == bytes.fromhex(heard)
        else:
            assert await is_silent(station, "01 02 0000 0008")


QUESTIONS = {
    Question.INPUTS: "01 02 0000 000b",
    Question.COILS: "01 01 0000 0008",
    Question.SWITCH: "01 05 0002 ff00",
    Question.LAMP: "01 06 0002 0003",
    Question.HEARTBEAT: "01 06 0008 0007",
    Question.LAST_HEARTBEAT: "01 03 0008 0001",
    Question.MEASUREMENTS: "01 04 0000 0009",
    Question.IDENTITY: "01 04 000a 0003",
    Question.INSERTIONS: "01 04 0010 0010",
}


@pytest.mark.parametrize("fault", [fault for fault in BoardFault if fault is not BoardFault.NONE])
@pytest.mark.parametrize("question", list(Question))
async def test_a_fault_that_was_armed_spoils_so_many_answers_of_one_kind_and_no_other(
    path: Path, fault: BoardFault, question: Question
) -> None:
    async with rig(path) as (board, _, station):
        others = [asked for each, asked in QUESTIONS.items() if each is not question]
        sound = await said(station, QUESTIONS[question])
        board.lid_closed = True
        board.arm(fault, question, 2)
        for left in (1, 0):
            assert await said(station, others[0])
            spoiled, took = await station.asks(
                QUESTIONS[question],
                patience=0.1 if fault in {BoardFault.SILENT, BoardFault.LOST} else 5.0,
            )
            match fault:
                case BoardFault.SILENT | BoardFault.LOST:
                    assert spoiled == b""
                    await until(partial(_is_left, board, left))  # by now it has heard the question, too
                case BoardFault.FROZEN:
                    assert len(spoiled) == len(sound)
                case BoardFault.LATE:
                    assert len(spoiled) == len(sound)
                    assert took >= LATE_SECONDS
                case BoardFault.DAMAGED:
                    assert spoiled[:3] == sound[:3], "all is as it should be but its check"
                case _:
                    assert spoiled != sound
        assert board.armed == ()
        assert len(await said(station, QUESTIONS[question])) == len(sound)


def _is_left(board: SimulatedJigBoard, spoiled: int) -> bool:
    return sum(each.left for each in board.armed) == spoiled


async def test_what_is_lost_was_done_and_what_is_frozen_was_not(path: Path) -> None:
    async with rig(path) as (board, slots, station):
        board.arm(BoardFault.LOST, Question.SWITCH, 1)
        board.arm(BoardFault.FROZEN, Question.SWITCH, 1)
        assert await is_silent(station, "01 05 0000 ff00")
        assert await said(station, "01 05 0001 ff00") == bytes.fromhex("01 05 0001 ff00")
        assert board.powered[:2] == (True, False)
        board.arm(BoardFault.FROZEN, Question.INPUTS, 1)
        slots.hubs.add(1)
        assert await said(station, "01 02 0000 0008") == bytes.fromhex("01 02 01 00")
        board.arm(BoardFault.SILENT, Question.INPUTS, 9)
        board.disarm()
        assert await said(station, "01 02 0000 0008")


async def test_a_board_counts_insertions_whether_or_not_it_is_asked(path: Path) -> None:
    async with rig(path) as (board, slots, _):
        for hubs in ({3}, set(), {3}):
            slots.hubs = set(hubs)
            board.scan()
        assert board.input_registers()[16:24] == [0, 0, 0, 0, 0, 2, 0, 0]


async def test_a_late_board_answers_properly_but_late(path: Path) -> None:
    async with rig(path) as (board, _, station):
        board.fault = BoardFault.LATE
        reply, took = await station.asks("01 02 0000 0008", patience=5.0)
        assert reply == bytes.fromhex("01 02 01 00")
        assert took >= LATE_SECONDS


async def test_unplugging_removes_the_port_and_plugging_brings_another(path: Path) -> None:
    async with rig(path) as (board, _, station):
        board.unplug()
        board.unplug()
        with pytest.raises(FileNotFoundError):
            Station(path)
        with pytest.raises(OSError, match="Input/output error"):
            station.sends(b"?")
        board.plug()
        again = Station(path)
        assert await said(again, "01 02 0000 0008") == bytes.fromhex("01 02 01 00")
        again.close()


async def test_a_board_has_eight_channels(path: Path) -> None:
    class Nine(Slots):
        count = 9

    with pytest.raises(ValueError, match="a board has 8 channels, 9 slots are asked for"):
        SimulatedJigBoard(path, Nine())
