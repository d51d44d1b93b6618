"""A board's registers by name, typed: one method a Modbus request."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum

from pymodbus.pdu import ModbusPDU
from pymodbus.pdu.bit_message import (
    ReadCoilsRequest,
    ReadDiscreteInputsRequest,
    WriteSingleCoilRequest,
)
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadInputRegistersRequest,
    WriteSingleRegisterRequest,
)

from drivers.jig_board.errors import BoardAnswerInvalid, BoardRefused, BoardSilent
from drivers.jig_board.events import BoardIdentity
from drivers.jig_board.framing import Question
from drivers.jig_board.inputs import Inputs, Measurements
from drivers.jig_board.line import ILLEGAL_ADDRESS, ModbusLine
from drivers.jig_board.settings import Block, InputName, JigBoardSettings


class Lamp(IntEnum):
    """What a slot's lamp shows. What a colour means is the station's business."""

    DARK = 0
    BLUE = 1
    GREEN = 2
    RED = 3
    AMBER = 4


@dataclass(frozen=True, slots=True)
class Held:
    """What a board holds of what was written."""

    heartbeat: int
    lamps: tuple[int, ...] | None
    """Slot 1 first; None where the map does not let them be read beside the heartbeat."""


class BoardRegisters:
    """Reads and writes one board. Every method raises what `ModbusLine.ask` raises.

    Slots are numbered from 1; another number is a ValueError. A question whose answer is lost or damaged is asked
    up to `tries` times: none does more when it is asked twice.
    """

    def __init__(self, line: ModbusLine, settings: JigBoardSettings, tries: int) -> None:
        self._line = line
        self._tries = tries
        self._slots = settings.slots
        self._at = settings.registers
        self._inputs = settings.inputs_block
        self._measurements = settings.measurements_block
        self._identity = settings.identity_block
        self._heartbeat = settings.heartbeat_block

    async def identity(self) -> BoardIdentity:
        """Ask which board this is."""
        block = self._identity
        answer = await self._ask(ReadInputRegistersRequest(address=block.first, count=block.count))
        serial = self._at.serial_number - block.first
        version = answer.registers[self._at.firmware_version - block.first]
        return BoardIdentity(
            serial_number=answer.registers[serial] << 16 | answer.registers[serial + 1],
            firmware_version=f"{version >> 8}.{version & 0xFF}",
        )

    async def inputs(self) -> Inputs:
        """Look at all discrete inputs, in one request."""
        block = self._inputs
        answer = await self._ask(ReadDiscreteInputsRequest(address=block.first, count=block.count))

        def bit(name: InputName, address: int) -> bool:
            return bool(answer.bits[address - block.first]) is not (name in self._at.inverted)

        return Inputs(
            seated=tuple(bit("presence", self._at.presence + index) for index in range(self._slots)),
            lid_closed=None if self._at.lid_closed is None else bit("lid_closed", self._at.lid_closed),
            start_pressed=None
            if self._at.start_button is None
            else bit("start_button", self._at.start_button),
            emergency_stop=bit("emergency_stop", self._at.emergency_stop),
        )

    async def measurements(self) -> Measurements:
        """Read currents, supply and scan counter, in one request."""
        block = self._measurements
        answer = await self._ask(ReadInputRegistersRequest(address=block.first, count=block.count))
        current = self._at.slot_current - block.first
        return Measurements(
            slot_milliamperes=tuple(answer.registers[current : current + self._slots]),
            supply_millivolts=answer.registers[self._at.supply_voltage - block.first],
            scan_counter=answer.registers[self._at.scan_counter - block.first],
        )

    async def insertions(self) -> tuple[int, ...] | None:
        """Read how often a hub was seated in each slot, slot 1 first; None where the map says that nothing counts."""
        if self._at.insertions is None:
            return None
        answer = await self._ask(
            ReadInputRegistersRequest(address=self._at.insertions, count=2 * self._slots)
        )
        words = answer.registers
        return tuple(words[at] << 16 | words[at + 1] for at in range(0, 2 * self._slots, 2))

    async def power(self) -> tuple[bool, ...]:
        """Read which slots the board powers, slot 1 first."""
        answer = await self._ask(ReadCoilsRequest(address=self._at.power, count=self._slots))
        return tuple(map(bool, answer.bits[: self._slots]))

    async def set_power(self, slot: int, on: bool) -> None:
        """Switch one slot's power."""
        address = self._at.power + self._index(slot)
        await self._ask(WriteSingleCoilRequest(address=address, bits=[on]))

    async def set_lamp(self, slot: int, lamp: Lamp) -> None:
        """Set one slot's lamp."""
        address = self._at.lamps + self._index(slot)
        await self._ask(WriteSingleRegisterRequest(address=address, registers=[int(lamp)]))

    async def beat(self, number: int) -> None:
        """Write a heartbeat, 1 to 65535: a board that was just switched on holds 0."""
        await self._ask(WriteSingleRegisterRequest(address=self._at.heartbeat, registers=[number]))

    async def held(self) -> Held:
        """Read the heartbeat that the board holds, and what its lamps show."""
        block = self._heartbeat
        try:
            answer = await self._ask(ReadHoldingRegistersRequest(address=block.first, count=block.count))
        except BoardRefused as refused:
            if refused.code != ILLEGAL_ADDRESS or block.count == 1:
                raise
            self._heartbeat = Block(self._at.heartbeat, 1)  # its lamps can only be written
            return await self.held()
        lamps = self._at.lamps - block.first
        return Held(
            heartbeat=answer.registers[self._at.heartbeat - block.first],
            lamps=tuple(answer.registers[lamps : lamps + self._slots]) if block.count > 1 else None,
        )

    async def _ask(self, question: Question) -> ModbusPDU:
        for _ in range(self._tries - 1):
            with suppress(BoardSilent, BoardAnswerInvalid):
                return await self._line.ask(question)
        return await self._line.ask(question)

    def _index(self, slot: int) -> int:
        if not 1 <= slot <= self._slots:
            raise ValueError(f"slot {slot} is none of this board's 1 to {self._slots}")
        return slot - 1
