"""Modbus RTU frames of the master's side: a question's bytes, and its answer found among received bytes.

Messages are coded by pymodbus. A master knows what its answer looks like, so frames are found by content and
check, and noise before them does no harm. Source: MODBUS over Serial Line Specification V1.02, 2.5.1.
"""

from __future__ import annotations

from typing import Final

from pymodbus.framer import FramerRTU
from pymodbus.pdu import ExceptionResponse, ModbusPDU
from pymodbus.pdu.bit_message import (
    ReadCoilsRequest,
    ReadCoilsResponse,
    ReadDiscreteInputsRequest,
    ReadDiscreteInputsResponse,
    WriteSingleCoilRequest,
    WriteSingleCoilResponse,
)
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadHoldingRegistersResponse,
    ReadInputRegistersRequest,
    ReadInputRegistersResponse,
    WriteSingleRegisterRequest,
    WriteSingleRegisterResponse,
)

Question = (
    ReadCoilsRequest
    | ReadDiscreteInputsRequest
    | ReadHoldingRegistersRequest
    | ReadInputRegistersRequest
    | WriteSingleCoilRequest
    | WriteSingleRegisterRequest
)
"""What a station asks a board."""

_ANSWERS: Final[dict[int, type[ModbusPDU]]] = {
    1: ReadCoilsResponse,
    2: ReadDiscreteInputsResponse,
    3: ReadHoldingRegistersResponse,
    4: ReadInputRegistersResponse,
    5: WriteSingleCoilResponse,
    6: WriteSingleRegisterResponse,
}
_CHECK_LENGTH: Final = 2
_REFUSAL_LENGTH: Final = 5


def frame_gap(baud_rate: int) -> float:
    """Return the silence between two frames, in seconds: 3.5 characters, 1.75 ms above 19200 baud.

    Source: MODBUS over Serial Line Specification V1.02, 2.5.1.1.
    """
    return 0.00175 if baud_rate > 19200 else 3.5 * 11 / baud_rate


def frame_of(question: Question, device_id: int) -> bytes:
    """Return the frame that asks a question."""
    content = bytes([device_id, question.function_code]) + question.encode()
    return content + _check(content)


def find_answer(received: bytes, question: Question, device_id: int) -> ModbusPDU | None:
    """Return the answer to the question, an `ExceptionResponse` among them, or None while there is none."""
    beginning, length = _shape(question, device_id)
    refusal = bytes([device_id, question.function_code | 0x80])
    for start in range(len(received)):
        if frame := _frame(received, start, beginning, length):
            answer = _ANSWERS[question.function_code]()
            answer.decode(frame[2:-_CHECK_LENGTH])
            return answer
        if frame := _frame(received, start, refusal, _REFUSAL_LENGTH):
            return ExceptionResponse(question.function_code, frame[2])
    return None


def _shape(question: Question, device_id: int) -> tuple[bytes, int]:
    """Return how the answer begins, and its length."""
    match question.function_code:
        case 1 | 2:
            size = -(-question.count // 8)
        case 3 | 4:
            size = 2 * question.count
        case _:
            echo = frame_of(question, device_id)
            return echo, len(echo)
    return bytes([device_id, question.function_code, size]), 3 + size + _CHECK_LENGTH


def _frame(received: bytes, start: int, beginning: bytes, length: int) -> bytes | None:
    if not received.startswith(beginning, start) or len(received) < start + length:
        return None
    frame = received[start : start + length]
    return frame if _check(frame[:-_CHECK_LENGTH]) == frame[-_CHECK_LENGTH:] else None


def _check(content: bytes) -> bytes:
    return FramerRTU.compute_CRC(content).to_bytes(_CHECK_LENGTH, "big")
