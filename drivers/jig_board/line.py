"""The serial line to one board, and one Modbus RTU question at a time on it.

Messages and framing are pymodbus's; the line is ours. pymodbus's own serial client pairs a late answer with the
next question, since RTU has no transaction number, and took 2.9% of a core for three boards (docs/decisions).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import termios
from typing import Final

import serial
from pymodbus.exceptions import ModbusException
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU

from drivers.jig_board.errors import (
    BoardAnswerInvalid,
    BoardRefused,
    BoardSilent,
    BoardUnavailable,
)
from drivers.jig_board.settings import JigBoardSettings

_PARITY: Final = {"even": serial.PARITY_EVEN, "odd": serial.PARITY_ODD, "none": serial.PARITY_NONE}

_EXCEPTIONS: Final = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "server device failure",
    5: "acknowledge",
    6: "server device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target device failed to respond",
}
"""MODBUS Application Protocol Specification V1.1b3, 7."""

_READ_BITS: Final = (1, 2)
_READ_REGISTERS: Final = (3, 4)


def frame_gap(baud_rate: int) -> float:
    """Return the silence between two frames, in seconds: 3.5 characters, 1.75 ms above 19200 baud.

    Source: MODBUS over Serial Line Specification V1.02, 2.5.1.1.
    """
    return 0.00175 if baud_rate > 19200 else 3.5 * 11 / baud_rate


class ModbusLine:
    """Asks one board one question at a time. Callers may come from several tasks, and may be cancelled."""

    def __init__(self, port: serial.Serial, settings: JigBoardSettings, board: str) -> None:
        self._port = port
        self._board = board
        self._device_id = settings.device_id
        self._answer_seconds = settings.answer_seconds
        self._gap = frame_gap(settings.baud_rate)
        self._framer = FramerRTU(DecodePDU(is_server=False))
        self._turn = asyncio.Lock()
        self._received = b""
        self._answer: asyncio.Future[ModbusPDU] | None = None
        self._lost: BoardUnavailable | None = None
        self._answer_owed = False
        self._last_byte = 0.0
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(port.fileno(), self._readable)

    @classmethod
    async def open(cls, settings: JigBoardSettings, board: str) -> ModbusLine:
        """Take the port. Raises BoardUnavailable with what to do about it."""
        # An adapter that hangs can hold up its open for seconds, so the loop does not do it itself.
        opening = asyncio.get_running_loop().run_in_executor(None, _open_port, settings, board)
        try:
            port = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_unwanted)
            raise
        return cls(port, settings, board)

    async def ask(self, question: ModbusPDU) -> ModbusPDU:
        """Send one question and return the answer that fits it.

        Raises BoardSilent, BoardAnswerInvalid, BoardRefused, or BoardUnavailable once the port is gone. After
        a question without a proper answer the line rests until a late one can no longer come.
        """
        async with self._turn:
            if self._lost is not None:
                raise self._lost
            await self._rest()
            answer = await self._exchange(question)
            fits = _fits(question, answer)
            if not fits and not _refuses(question, answer):
                raise self._invalid("an answer to another question than was asked")
            self._answer_owed = False
        if fits:
            return answer
        code = answer.exception_code
        raise BoardRefused(
            self._board,
            f"refuses function {question.function_code} at address {question.address} with exception {code}"
            f" ({_EXCEPTIONS.get(code, 'unknown')}); compare the register map with the board's manual",
            code=code,
        )

    async def close(self) -> None:
        """Give the port back. May be called twice."""
        if not self._port.is_open:
            return
        self._give_up(BoardUnavailable(self._board, "the port was closed"))
        await asyncio.shield(self._loop.run_in_executor(None, _close_port, self._port))

    async def _rest(self) -> None:
        """Wait for the silence between frames or, where an answer may still be under way, for its passing."""
        rest = self._answer_seconds if self._answer_owed else self._gap
        patience = self._loop.time() + 10 * rest
        while (remaining := self._last_byte + rest - self._loop.time()) > 0:
            if self._loop.time() > patience:
                raise self._invalid("bytes without end that nobody asked for")
            await asyncio.sleep(remaining)

    async def _exchange(self, question: ModbusPDU) -> ModbusPDU:
        question.dev_id = self._device_id
        self._received = b""
        self._answer = self._loop.create_future()
        self._answer_owed = True
        try:
            self._send(self._framer.buildFrame(question))
            async with asyncio.timeout(self._answer_seconds):
                return await self._answer
        except TimeoutError as error:
            if self._received:
                raise self._invalid(f"{len(self._received)} bytes that are no whole answer") from error
            raise BoardSilent(
                self._board,
                f"no answer within {self._answer_seconds * 1000:.0f} ms;"
                " check its supply, its cable, baud_rate, parity and device_id",
            ) from error
        finally:
            self._answer = None

    def _send(self, frame: bytes) -> None:
        self._last_byte = self._loop.time()
        try:
            sent = os.write(self._port.fileno(), frame)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise self._give_up(self._vanished(error)) from error
        if sent < len(frame):
            raise BoardSilent(self._board, "takes no more bytes; check its supply and its cable")

    def _readable(self) -> None:
        try:
            chunk = os.read(self._port.fileno(), 512)
        except BlockingIOError:
            return
        except OSError as error:
            self._give_up(self._vanished(error))
            return
        if not chunk:
            self._give_up(self._vanished(None))
            return
        self._last_byte = self._loop.time()
        if self._answer is None or self._answer.done():
            return
        self._received += chunk
        try:
            _, answer = self._framer.handleFrame(self._received, self._device_id, 0)
        except ModbusException:
            self._answer.set_exception(self._invalid("an answer whose content contradicts its length"))
        else:
            if answer is not None:
                self._answer.set_result(answer)

    def _give_up(self, why: BoardUnavailable) -> BoardUnavailable:
        if self._lost is None:
            self._lost = why
            self._loop.remove_reader(self._port.fileno())
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(why)
        return why

    def _vanished(self, error: OSError | None) -> BoardUnavailable:
        detail = f" ({error.strerror})" if error is not None else ""
        return BoardUnavailable(self._board, f"the port vanished{detail}; check the USB cable and adapter")

    def _invalid(self, what: str) -> BoardAnswerInvalid:
        return BoardAnswerInvalid(self._board, f"sent {what}; check its cable, baud_rate and parity")


def _fits(question: ModbusPDU, answer: ModbusPDU) -> bool:
    if answer.function_code != question.function_code:
        return False
    if question.function_code in _READ_BITS:
        return len(answer.bits) == -(-question.count // 8) * 8
    if question.function_code in _READ_REGISTERS:
        return len(answer.registers) == question.count
    return answer.address == question.address and (
        list(answer.bits) == list(question.bits) and list(answer.registers) == list(question.registers)
    )


def _refuses(question: ModbusPDU, answer: ModbusPDU) -> bool:
    return isinstance(answer, ExceptionResponse) and answer.function_code == question.function_code | 0x80


def _open_port(settings: JigBoardSettings, board: str) -> serial.Serial:
    try:
        port = serial.Serial(
            settings.port,
            settings.baud_rate,
            parity=_PARITY[settings.parity],
            stopbits=serial.STOPBITS_TWO if settings.parity == "none" else serial.STOPBITS_ONE,
            timeout=0,
            write_timeout=0,
            exclusive=True,
        )
    except (OSError, ValueError) as error:
        raise BoardUnavailable(board, f"cannot open the port: {_advice(error)}") from error
    # With HUPCL the kernel drops DTR at close; a board that takes this for a reset would cut all slots' power.
    attributes = termios.tcgetattr(port.fileno())
    attributes[2] &= ~termios.HUPCL
    termios.tcsetattr(port.fileno(), termios.TCSANOW, attributes)
    return port


def _advice(error: Exception) -> str:
    match getattr(error, "errno", None):
        case errno.ENOENT | errno.ENODEV | errno.ENXIO:
            return "there is none; check the cable, then the name under /dev/serial/by-path"
        case errno.EACCES | errno.EPERM:
            return "permission denied; add the station's user to the port's group, usually dialout"
        case errno.EAGAIN | errno.EBUSY:
            return "another program holds it; find it with fuser"
        case _:
            return " ".join(str(error).split())


def _close_port(port: serial.Serial) -> None:
    # Bytes that a dead adapter never took would hold up the close for the kernel's closing wait, 30 s.
    with contextlib.suppress(OSError, termios.error):
        port.reset_output_buffer()
    port.close()


def _close_unwanted(opening: asyncio.Future[serial.Serial]) -> None:
    if opening.exception() is None:
        _close_port(opening.result())
