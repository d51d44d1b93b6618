"""What can be wrong with a jig's I/O board: with all it does, or with its next answers to one kind of question."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from simulators import modbus_rtu


class BoardFault(StrEnum):
    """What is wrong with the board."""

    NONE = "none"
    SILENT = "silent"
    """It hears nothing and says nothing."""
    LOST = "lost"
    """It does what it is asked, and its answer is lost."""
    FROZEN = "frozen"
    """It answers what it knew when it froze, and acknowledges what is written without doing it."""
    SHORT = "short"
    """Its answers break off."""
    DAMAGED = "damaged"
    """Its answers have a wrong check."""
    WRONG = "wrong"
    """Its answers are sound, and those to another question."""
    EXCEPTIONS = "exceptions"
    """It answers everything with exception 4, server device failure."""
    LATE = "late"
    """It answers properly, but 400 ms late."""


class Question(StrEnum):
    """What a board is asked, by what the answer is good for."""

    INPUTS = "inputs"
    COILS = "coils"
    SWITCH = "switch"
    """Writing a coil."""
    LAMP = "lamp"
    """Writing a lamp."""
    HEARTBEAT = "heartbeat"
    """Writing the heartbeat."""
    LAST_HEARTBEAT = "last_heartbeat"
    """Reading it back."""
    MEASUREMENTS = "measurements"
    IDENTITY = "identity"
    INSERTIONS = "insertions"


_HEARTBEAT: Final = 8
_IDENTITY: Final = 10
_INSERTIONS: Final = 16


def question_of(frame: bytes) -> Question | None:
    """Say what a request frame asks of a board; None where it is nothing that a station asks."""
    if len(frame) < 4:
        return None
    address = int.from_bytes(frame[2:4], "big")
    match frame[1]:
        case 1:
            return Question.COILS
        case 2:
            return Question.INPUTS
        case 3:
            return Question.LAST_HEARTBEAT
        case 4 if address >= _INSERTIONS:
            return Question.INSERTIONS
        case 4:
            return Question.IDENTITY if address >= _IDENTITY else Question.MEASUREMENTS
        case 5:
            return Question.SWITCH
        case 6:
            return Question.HEARTBEAT if address >= _HEARTBEAT else Question.LAMP
        case _:
            return None


class FrozenTables:
    """A board's tables as they are now, for good: nothing that is written changes them."""

    def __init__(self, tables: modbus_rtu.Tables) -> None:
        self._discrete_inputs = tuple(tables.discrete_inputs())
        self._coils = tuple(tables.coils())
        self._input_registers = tuple(tables.input_registers())
        self._holding_registers = tuple(tables.holding_registers())

    def discrete_inputs(self) -> tuple[bool, ...]:
        """Return the inputs as they were."""
        return self._discrete_inputs

    def coils(self) -> tuple[bool, ...]:
        """Return the coils as they were."""
        return self._coils

    def input_registers(self) -> tuple[int, ...]:
        """Return the input registers as they were."""
        return self._input_registers

    def holding_registers(self) -> tuple[int, ...]:
        """Return the holding registers as they were."""
        return self._holding_registers

    def write_coil(self, address: int, on: bool) -> None:
        """Do nothing."""

    def write_holding_register(self, address: int, value: int) -> None:
        """Do nothing."""


@dataclass(slots=True)
class ArmedFault:
    """A fault that waits for questions of one kind."""

    fault: BoardFault
    on: Question
    left: int
    """How many more answers it spoils."""
    tables: FrozenTables
    """What a frozen answer is taken from: the board as it was when the fault was armed."""


def spoil(fault: BoardFault, frame: bytes, answer: bytes) -> bytes | None:
    """Return what the line carries instead of a board's answer to the request `frame`."""
    match fault:
        case BoardFault.LOST:
            return None
        case BoardFault.SHORT:
            return answer[: len(answer) // 2]
        case BoardFault.DAMAGED:
            return answer[:-1] + bytes([answer[-1] ^ 0xFF])
        case BoardFault.WRONG:
            return _answer_to_another(answer)
        case BoardFault.EXCEPTIONS:
            return modbus_rtu.exception(frame, modbus_rtu.DEVICE_FAILURE)
        case _:
            return answer


def _answer_to_another(answer: bytes) -> bytes:
    """Return a sound frame like this one, of the next coil or lamp if it is one, else of the sister function."""
    device_id, function, content = answer[0], answer[1], answer[2:-2]
    if function in {5, 6}:
        address = int.from_bytes(content[:2], "big") + 1
        return modbus_rtu.framed(device_id, bytes([function]) + address.to_bytes(2, "big") + content[2:])
    sister = {1: 2, 2: 1, 3: 4, 4: 3}.get(function, function)
    return modbus_rtu.framed(device_id, bytes([sister]) + content)
