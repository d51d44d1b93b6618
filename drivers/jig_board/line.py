"""The serial line to one board, and one question at a time on it.

The line is not pymodbus's own client, which takes a late answer for that of the next question, since RTU
numbers nothing (docs/jig-board.md).
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from pymodbus.pdu import ExceptionResponse, ModbusPDU
from pymodbus.pdu.register_message import ReadInputRegistersRequest

from drivers.errors import PlaceUnavailable
from drivers.jig_board.errors import (
    BoardAnswerInvalid,
    BoardLate,
    BoardRefused,
    BoardSilent,
    BoardUnavailable,
)
from drivers.jig_board.framing import Question, find_answer, frame_gap, frame_of
from drivers.jig_board.settings import LONGEST_ANSWER_SECONDS, JigBoardSettings
from drivers.serial_link import SerialLink, open_serial_link

ILLEGAL_FUNCTION: Final = 1
ILLEGAL_ADDRESS: Final = 2
_EXCEPTIONS: Final = {
    ILLEGAL_FUNCTION: "illegal function",
    ILLEGAL_ADDRESS: "illegal data address",
    3: "illegal data value",
    4: "server device failure",
    5: "acknowledge",
    6: "server device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target device failed to respond",
}
"""MODBUS Application Protocol Specification V1.1b3, 7."""

_READING: Final = frozenset({1, 2, 3, 4})
"""Functions whose answer differs from the question: what else comes back is an echo."""

_LONGEST_FRAME: Final = 256
_SCAN_COUNTER_ALONE: Final = 1
"""Registers that only the probe asks for alone: no other answer has its length."""
_NOISE_LIMIT: Final = 10
"""So many rests in a row may be disturbed before the line counts as useless."""


class ModbusLine:
    """Asks one board one question at a time. Callers may come from several tasks, and may be cancelled."""

    def __init__(self, link: SerialLink, settings: JigBoardSettings, board: str) -> None:
        self._link = link
        self._board = board
        self._device_id = settings.device_id
        self._answer_seconds = settings.answer_seconds
        self._gap = frame_gap(settings.line.baud)
        self._echo = settings.line.echo
        self._probe = ReadInputRegistersRequest(
            address=settings.registers.scan_counter, count=_SCAN_COUNTER_ALONE
        )
        """Its answer is like no other's: what was owed before it has come by then, or never will."""
        self._turn = asyncio.Lock()
        self._question: Question | None = None
        self._answer: asyncio.Future[ModbusPDU] | None = None
        self._frame = b""
        """What was sent last."""
        self._received = b""
        self._loop = asyncio.get_running_loop()
        # Whoever had the port before may have gone without waiting for an answer.
        self._answer_owed = True
        self._unanswered: tuple[Question, float] | None = None
        """The last question that was given up, and when it was asked."""
        self._since_unanswered = b""
        self._late_seconds: float | None = None
        """How long the board took for an answer that came too late."""
        self._late = asyncio.Event()
        self._busy_at = self._loop.time()
        link.start(self)

    @classmethod
    async def open(cls, settings: JigBoardSettings, board: str) -> ModbusLine:
        """Take the port. Raises BoardUnavailable with what to do about it."""
        try:
            link = await open_serial_link(settings.port, settings.line)
        except PlaceUnavailable as error:
            raise BoardUnavailable(board, error.what) from error
        return cls(link, settings, board)

    async def ask(self, question: Question) -> ModbusPDU:
        """Send one question and return its answer.

        Raises BoardSilent, BoardAnswerInvalid, BoardRefused, or BoardUnavailable once the port is gone. After a
        question without an answer the line rests, and then asks what is never asked otherwise: a board answers in
        order, so a late answer, however late, is never taken for the next question's.
        """
        async with self._turn:
            if self._answer_owed:
                await self._rest(self._answer_seconds)
                await self._exchange(self._probe)
            await self._rest(self._gap)
            answer = await self._exchange(question)
        if isinstance(answer, ExceptionResponse):
            code = answer.exception_code
            raise BoardRefused(
                self._board,
                f"refuses function {question.function_code} at address {question.address} with exception {code}"
                f" ({_EXCEPTIONS.get(code, 'unknown')}); compare the register map with the board's manual",
                code=code,
            )
        return answer

    async def explain(self, silence: BoardSilent) -> BoardSilent:
        """Listen on for as long as a board may take at most: say that it is late where it is, and not away."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_ANSWER_SECONDS):
                await self._late.wait()
        return silence if self._late_seconds is None else self._lateness(self._late_seconds)

    async def close(self) -> None:
        """Give the port back. May be called twice."""
        await self._link.close()

    def received(self, data: bytes) -> None:
        """Take bytes from the port: a part of the answer, a late one, or noise."""
        self._busy_at = self._loop.time()
        if self._unanswered is not None:
            self._look_for_the_late_answer(*self._unanswered, data)
        if self._question is None or self._answer is None or self._answer.done():
            return
        self._received = (self._received + data)[-_LONGEST_FRAME:]
        _, echo, after = self._received.partition(self._frame)
        if self._echo and not echo:
            return
        if echo and not self._echo and self._question.function_code in _READING:
            self._answer.set_exception(
                BoardAnswerInvalid(
                    self._board,
                    "its adapter hears what it sends itself; set echo = true under [jigs.board.line]",
                )
            )
            return
        answer = find_answer(after if self._echo else self._received, self._question, self._device_id)
        if answer is not None:
            self._answer.set_result(answer)

    def _look_for_the_late_answer(self, question: Question, asked_at: float, data: bytes) -> None:
        self._since_unanswered = (self._since_unanswered + data)[-_LONGEST_FRAME:]
        if find_answer(self._since_unanswered, question, self._device_id) is not None:
            self._late_seconds = self._loop.time() - asked_at
            self._unanswered = None
            self._late.set()

    def link_stalled(self, why: str) -> None:
        """Learn that a question was thrown away; it has long counted as unanswered."""

    def link_lost(self, why: str) -> None:
        """Learn that the port is gone."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(self._gone(why))

    async def _rest(self, rest: float) -> None:
        """Wait until the line has been silent for so long."""
        for _ in range(_NOISE_LIMIT):
            remaining = self._busy_at + rest - self._loop.time()
            if remaining <= 0:
                return
            await asyncio.sleep(remaining)
        raise BoardAnswerInvalid(self._board, "sends without being asked; check its cable, baud and parity")

    async def _exchange(self, question: Question) -> ModbusPDU:
        if self._link.loss is not None:
            raise self._gone(self._link.loss)
        if self._link.unsent_seconds:
            raise BoardSilent(self._board, "takes no more bytes; check its supply and its cable")
        self._received = b""
        self._question = question
        self._answer = self._loop.create_future()
        self._answer_owed = True
        asked_at = self._loop.time()
        self._frame = frame_of(question, self._device_id)
        self._link.write(self._frame)
        # A timer and not a timeout: on a loop that was held up, an answer that is there counts as in time.
        timer = self._loop.call_later(self._answer_seconds, self._too_late, question)
        try:
            answer = await self._answer
        except BaseException:
            if question is not self._probe or self._unanswered is None:
                self._unanswered, self._since_unanswered = (question, asked_at), b""
            raise
        finally:
            timer.cancel()
            self._question = self._answer = None
            self._busy_at = self._loop.time()
        self._answer_owed = False
        self._unanswered = None
        if question is not self._probe:
            self._late_seconds = None
        return answer

    def _too_late(self, question: Question) -> None:
        if self._answer is None or self._answer.done():
            return
        if self._late_seconds is not None:
            self._answer.set_exception(self._lateness(self._late_seconds))
        elif self._received and self._echo and self._frame not in self._received:
            what = "its adapter does not hear what it sends; set echo = false under [jigs.board.line]"
            self._answer.set_exception(BoardAnswerInvalid(self._board, what))
        elif self._received and not (self._echo and self._received == self._frame):
            what = (
                f"answered {len(self._received)} bytes that are no answer to function {question.function_code};"
                " check its cable, baud and parity"
            )
            self._answer.set_exception(BoardAnswerInvalid(self._board, what))
        else:
            what = (
                f"no answer within {self._answer_seconds * 1000:.0f} ms;"
                " check its supply, its cable, baud, parity and device_id"
            )
            self._answer.set_exception(BoardSilent(self._board, what))

    def _lateness(self, seconds: float) -> BoardLate:
        return BoardLate(
            self._board,
            f"answers only after {seconds * 1000:.0f} ms;"
            " set answer_seconds under [jigs.board] well above that",
        )

    def _gone(self, why: str) -> BoardUnavailable:
        return BoardUnavailable(self._board, f"the port is gone ({why}); check the USB cable and the adapter")
