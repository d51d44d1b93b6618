from __future__ import annotations

import asyncio
import os
import pty
import termios
import tty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymodbus.pdu import ExceptionResponse
from pymodbus.pdu.bit_message import ReadCoilsRequest, ReadDiscreteInputsRequest, WriteSingleCoilRequest
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadInputRegistersRequest,
    WriteSingleRegisterRequest,
)

from drivers.jig_board.errors import BoardAnswerInvalid, BoardRefused, BoardSilent, BoardUnavailable
from drivers.jig_board.framing import Question, find_answer, frame_gap, frame_of
from drivers.jig_board.line import ModbusLine
from drivers.jig_board.settings import JigBoardSettings

ANSWER_SECONDS = 0.15
"""How long the line waits: far above what a busy machine takes to carry a frame across a pty."""

LOOK = bytes.fromhex("01 02 0000 000b 39cd")
PROBE = bytes.fromhex("01 04 0009 0001 e1c8")
"""What is asked before anything else where an answer may still be under way."""
LOOK_ANSWER = bytes.fromhex("01 02 02 5501 4728")
OTHER_LOOK_ANSWER = bytes.fromhex("01 02 02 ff03 b849")


def look() -> ReadDiscreteInputsRequest:
    return ReadDiscreteInputsRequest(address=0, count=11)


class Device:
    """The far end of a pty, played by hand."""

    def __init__(self) -> None:
        self.near, far = pty.openpty()
        self.path = os.ttyname(far)
        tty.setraw(far)
        self.far = far
        os.set_blocking(self.near, False)

    async def hears(self, length: int = 8) -> bytes:
        """Wait for this many bytes and return them. A probe is answered at once, and not told."""
        while (heard := await self.hears_all(length)) == PROBE:
            self.says(with_check(bytes.fromhex("01 04 02 0007")))
        return heard

    async def hears_all(self, length: int = 8) -> bytes:
        """Wait for this many bytes and return them, whatever they are."""
        loop = asyncio.get_running_loop()
        heard = b""
        while len(heard) < length:
            readable = asyncio.Event()
            loop.add_reader(self.near, readable.set)
            try:
                await readable.wait()
            finally:
                loop.remove_reader(self.near)
            heard += os.read(self.near, 512)
        return heard

    def heard(self) -> bytes:
        """Return what has come so far."""
        try:
            return os.read(self.near, 512)
        except BlockingIOError:
            return b""

    def says(self, data: bytes) -> None:
        os.write(self.near, data)

    def vanishes(self) -> None:
        os.close(self.near)
        os.close(self.far)
        self.near = self.far = -1


async def stuff(path: str) -> None:
    """Fill a port until it takes nothing more; the kernel moves bytes on behind one's back for a while."""
    port = os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    refusals = 0
    while refusals < 5:
        try:
            os.write(port, bytes(4096))
            refusals = 0
        except BlockingIOError:
            refusals += 1
            await asyncio.sleep(0.01)
    os.close(port)


@asynccontextmanager
async def line_to_device(
    *, echo: bool = False, answer_seconds: float = ANSWER_SECONDS
) -> AsyncIterator[tuple[ModbusLine, Device]]:
    device = Device()
    settings = JigBoardSettings(port=device.path, answer_seconds=answer_seconds, line={"echo": echo})
    line = await ModbusLine.open(settings, "jig1 board")
    try:
        yield line, device
    finally:
        await line.close()
        if device.near >= 0:
            device.vanishes()


@pytest.mark.parametrize(
    ("question", "frame"),
    [
        (look(), "01 02 0000 000b 39cd"),
        (ReadCoilsRequest(address=0, count=10), "01 01 0000 000a bc0d"),
        (ReadHoldingRegistersRequest(address=0, count=8), "01 03 0000 0008 440c"),
        (ReadInputRegistersRequest(address=0, count=10), "01 04 0000 000a 700d"),
        (WriteSingleCoilRequest(address=3, bits=[True]), "01 05 0003 ff00 7c3a"),
        (WriteSingleCoilRequest(address=3, bits=[False]), "01 05 0003 0000 3dca"),
        (WriteSingleRegisterRequest(address=8, registers=[1]), "01 06 0008 0001 c9c8"),
    ],
)
def test_questions_on_the_wire(question: Question, frame: str) -> None:
    assert frame_of(question, 1) == bytes.fromhex(frame)


@pytest.mark.parametrize(
    ("baud", "milliseconds"), [(9600, 4.01), (19200, 2.005), (38400, 1.75), (115200, 1.75)]
)
def test_frames_are_parted_by_the_specified_silence(baud: int, milliseconds: float) -> None:
    assert frame_gap(baud) * 1000 == pytest.approx(milliseconds, abs=0.01)


def test_answers_are_found_whatever_noise_stands_before_them() -> None:
    answer = find_answer(b"\x00\xff\x01\x02" + LOOK_ANSWER, look(), 1)
    assert answer is not None
    assert answer.bits[:11] == [True, False] * 4 + [True, False, False]
    registers = find_answer(
        bytes.fromhex("01 04 06 0000 03e9 0104 b170"), ReadInputRegistersRequest(address=10, count=3), 1
    )
    assert registers is not None
    assert registers.registers == [0, 1001, 260]


def test_a_refusal_is_an_answer() -> None:
    answer = find_answer(bytes.fromhex("01 82 02 c161"), look(), 1)
    assert isinstance(answer, ExceptionResponse)
    assert answer.exception_code == 2


@pytest.mark.parametrize(
    "received",
    [
        LOOK_ANSWER[:-1],
        LOOK_ANSWER[:-1] + b"\x29",
        bytes.fromhex("11 02 02 00ab 3838"),  # another device
        bytes.fromhex("01 01 02 ff03 b80d"),  # another function
        bytes.fromhex("01 86 04 43a3"),  # refuses another function
        bytes.fromhex("01 02 01 55 61b7"),  # fewer inputs than asked for
        LOOK,  # an echo of the question
    ],
)
def test_nothing_else_is_an_answer(received: bytes) -> None:
    assert find_answer(received, look(), 1) is None


@given(st.binary(max_size=300), st.sampled_from([look(), WriteSingleCoilRequest(address=3, bits=[True])]))
def test_noise_is_never_taken_for_an_answer_and_never_raises(noise: bytes, question: Question) -> None:
    # A check of 16 bits lets one noise in 65,536 through; noise with a proper beginning is rarer still.
    assert find_answer(noise, question, 1) is None


@given(st.binary(max_size=20), st.lists(st.integers(0, 0xFFFF), min_size=10, max_size=10))
def test_any_registers_come_through_noise(noise: bytes, words: list[int]) -> None:
    question = ReadInputRegistersRequest(address=0, count=10)
    content = bytes([1, 4, 20]) + b"".join(word.to_bytes(2, "big") for word in words)
    answer = find_answer(noise + with_check(content) + noise, question, 1)
    assert answer is not None
    assert answer.registers == words


def with_check(content: bytes) -> bytes:
    crc = 0xFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return content + crc.to_bytes(2, "little")


async def test_a_question_and_its_answer_in_pieces() -> None:
    async with line_to_device() as (line, device):
        asked = asyncio.create_task(line.ask(look()))
        assert await device.hears() == LOOK
        for byte in LOOK_ANSWER:
            device.says(bytes([byte]))
            await asyncio.sleep(0)
        assert (await asked).bits[0] is True


async def test_silence_is_told_in_time_with_what_to_check() -> None:
    async with line_to_device() as (line, device):
        with pytest.raises(BoardSilent, match="jig1 board: no answer within 150 ms; check its supply"):
            await line.ask(look())
        assert device.heard() == PROBE


@pytest.mark.parametrize("answer", [LOOK_ANSWER[:4], LOOK_ANSWER[:-1] + b"\x00", b"\x00" * 700])
async def test_short_damaged_and_endless_answers_are_invalid(answer: bytes) -> None:
    async with line_to_device() as (line, device):
        asked = asyncio.create_task(line.ask(look()))
        await device.hears()
        device.says(answer)
        with pytest.raises(BoardAnswerInvalid, match="bytes that are no answer to function 2"):
            await asked


async def test_a_refusal_says_which_and_what_to_compare() -> None:
    async with line_to_device() as (line, device):
        asked = asyncio.create_task(line.ask(look()))
        await device.hears()
        device.says(bytes.fromhex("01 82 02 c161"))
        with pytest.raises(BoardRefused) as caught:
            await asked
        assert caught.value.code == 2
        assert str(caught.value) == (
            "jig1 board: refuses function 2 at address 0 with exception 2 (illegal data address);"
            " compare the register map with the board's manual"
        )


async def test_a_late_answer_is_never_the_next_questions() -> None:
    async with line_to_device() as (line, device):
        first = asyncio.create_task(line.ask(look()))
        assert await device.hears() == LOOK
        with pytest.raises(BoardSilent):
            await first
        time = asyncio.get_running_loop().time
        resting_until = time() + ANSWER_SECONDS
        again = asyncio.create_task(line.ask(look()))
        await asyncio.sleep(ANSWER_SECONDS / 2)
        if device.heard():
            assert time() > resting_until, "the line rests while the late answer may come"
            return  # this machine was held up for so long
        device.says(OTHER_LOOK_ANSWER)
        assert await device.hears() == LOOK
        device.says(LOOK_ANSWER)
        assert (await again).bits[1] is False, "the second answer, not the late first one"


class SlowBoard:
    """Answers everything in order, `seconds` late: looks with what it saw at their time, in its count."""

    def __init__(self, device: Device, seconds: float) -> None:
        self._device = device
        self.seconds = seconds
        self.looks = 0
        self._free_at = 0.0

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        heard = b""
        while True:
            heard += await self._device.hears_all()
            while len(heard) >= len(PROBE):
                frame, heard = heard[: len(PROBE)], heard[len(PROBE) :]
                if frame == PROBE:
                    content = bytes.fromhex("01 04 02 0007")
                else:
                    self.looks += 1
                    content = bytes([1, 2, 2, self.looks & 0xFF, 0])
                self._free_at = max(self._free_at + 0.001, loop.time() + self.seconds)
                loop.call_at(self._free_at, self._device.says, with_check(content))


async def test_an_answer_however_late_is_never_the_next_questions() -> None:
    """A board that answers in order, but later than it may, and then in time again."""
    async with line_to_device() as (line, device):
        board = SlowBoard(device, 0.0)
        answering = asyncio.create_task(board.run())
        await line.ask(look())
        board.seconds = 2.5 * ANSWER_SECONDS
        with suppress(BoardSilent):
            await line.ask(look())
        board.seconds = 0.0
        for _ in range(20):
            try:
                answer = await line.ask(look())
            except (BoardSilent, BoardAnswerInvalid):
                continue
            seen = sum(1 << index for index, bit in enumerate(answer.bits[:8]) if bit)
            assert seen == board.looks, "the answer to this question, not to one before"
        answering.cancel()


async def test_a_board_that_is_too_slow_is_told_which_setting_to_change() -> None:
    async with line_to_device() as (line, device):
        answering = asyncio.create_task(SlowBoard(device, 2.5 * ANSWER_SECONDS).run())
        reason = ""
        while "set answer_seconds under [jigs.board] well above that" not in reason:
            try:
                await line.ask(look())
            except (BoardSilent, BoardAnswerInvalid) as error:
                reason = str(error)
        answering.cancel()


async def test_an_adapter_that_hears_itself_is_named_and_with_its_setting_served() -> None:
    write = WriteSingleRegisterRequest(address=8, registers=[1])

    async with line_to_device() as (line, device):
        asked = asyncio.create_task(line.ask(look()))
        device.says(await device.hears_all())
        with pytest.raises(BoardAnswerInvalid, match="hears what it sends itself; set echo = true"):
            await asked
    async with line_to_device(echo=True, answer_seconds=1.0) as (line, device):
        for question in (look(), write):
            asked = asyncio.create_task(line.ask(question))
            heard = await device.hears_all()
            if heard == PROBE:
                device.says(PROBE + with_check(bytes.fromhex("01 04 02 0007")))
                heard = await device.hears_all()
            device.says(heard)
            await asyncio.sleep(ANSWER_SECONDS / 5)
            assert not asked.done(), "what comes back is no answer yet, not even to a write"
            device.says(LOOK_ANSWER if heard == LOOK else heard)
            await asked
    async with line_to_device(echo=True, answer_seconds=0.5) as (line, device):
        asked = asyncio.create_task(line.ask(look()))
        await device.hears_all()
        device.says(with_check(bytes.fromhex("01 04 02 0007")))
        with pytest.raises(BoardAnswerInvalid, match="does not hear what it sends; set echo = false"):
            await asked


async def test_a_cancelled_question_leaves_nothing_behind() -> None:
    async with line_to_device() as (line, device):
        asked = asyncio.create_task(line.ask(look()))
        await device.hears()
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        device.says(OTHER_LOOK_ANSWER)
        again = asyncio.create_task(line.ask(look()))
        await device.hears()
        device.says(LOOK_ANSWER)
        assert (await again).bits[1] is False


async def test_questions_of_several_tasks_take_turns() -> None:
    async with line_to_device() as (line, device):
        write = WriteSingleRegisterRequest(address=8, registers=[1])
        asked = [asyncio.create_task(line.ask(look())), asyncio.create_task(line.ask(write))]
        assert await device.hears() == LOOK
        assert device.heard() == b""
        device.says(LOOK_ANSWER)
        frame = await device.hears()
        assert frame == bytes.fromhex("01 06 0008 0001 c9c8")
        device.says(frame)
        await asyncio.gather(*asked)


async def test_a_device_that_never_stops_talking_is_invalid() -> None:
    async with line_to_device() as (line, device):

        async def babble() -> None:
            while True:
                device.says(b"\x55" * 8)
                await asyncio.sleep(ANSWER_SECONDS / 20)

        babbling = asyncio.create_task(babble())
        try:
            said = ""
            while "sends without being asked" not in said:  # a busy machine lets it pause, and be asked
                with pytest.raises((BoardAnswerInvalid, BoardSilent)) as caught:
                    await line.ask(look())
                said = str(caught.value)
        finally:
            babbling.cancel()
        await asyncio.sleep(ANSWER_SECONDS)
        device.heard()  # what it was asked while it paused
        asked = asyncio.create_task(line.ask(look()))
        await device.hears()
        device.says(LOOK_ANSWER)
        assert await asked


async def test_a_port_that_vanishes_ends_the_question_at_once_and_for_good() -> None:
    async with line_to_device() as (line, device):
        asked = asyncio.create_task(line.ask(look()))
        await device.hears()
        device.vanishes()
        with pytest.raises(BoardUnavailable, match="the port is gone"):
            await asked
        with pytest.raises(BoardUnavailable, match="the port is gone"):
            await line.ask(look())


async def test_a_device_that_stops_reading_is_told_and_never_holds_up_the_loop() -> None:
    async with line_to_device() as (line, device):
        await stuff(device.path)
        turns = 0

        async def feel_the_loop() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0.001)
                turns += 1

        feeling = asyncio.create_task(feel_the_loop())
        with pytest.raises(BoardSilent, match="no answer within 150 ms"):
            await line.ask(look())
        with pytest.raises(BoardSilent, match="takes no more bytes"):
            await line.ask(look())
        feeling.cancel()
        assert turns > 8, "the loop turned all the while"


async def test_a_port_that_cannot_be_had_says_why(tmp_path: Path) -> None:
    with pytest.raises(BoardUnavailable, match=r"jig1 board: .*nowhere is not there"):
        await ModbusLine.open(JigBoardSettings(port=str(tmp_path / "nowhere")), "jig1 board")
    async with line_to_device() as (_, device):
        with pytest.raises(BoardUnavailable, match="held by another program"):
            await ModbusLine.open(JigBoardSettings(port=device.path), "jig2 board")


async def test_closing_the_port_does_not_reset_the_board() -> None:
    async with line_to_device() as (line, device):
        assert not termios.tcgetattr(device.far)[2] & termios.HUPCL
        await line.close()
        await line.close()


@settings(max_examples=5)
@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=3))
def test_no_answer_at_all_can_break_the_line(answers: list[bytes]) -> None:
    async def scenario() -> None:
        async with line_to_device() as (line, device):
            for answer in answers:
                asked = asyncio.create_task(line.ask(look()))
                await device.hears()
                device.says(answer)
                with pytest.raises((BoardAnswerInvalid, BoardSilent)):  # silent, where it came too late
                    await asked
            answered = None
            while answered is None:
                asked = asyncio.create_task(line.ask(look()))
                await device.hears()
                device.says(LOOK_ANSWER)
                with suppress(BoardAnswerInvalid, BoardSilent):  # as above
                    answered = await asked
            assert answered.bits[0] is True

    asyncio.run(scenario())
