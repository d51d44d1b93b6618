"""The server side of Modbus RTU, written from the specification: frames in, frames out, no I/O.

Source: MODBUS Application Protocol Specification V1.1b3, and MODBUS over Serial Line V1.02 for frame and CRC.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, Protocol, TypeVar

_Item = TypeVar("_Item")

ILLEGAL_FUNCTION: Final = 1
ILLEGAL_ADDRESS: Final = 2
ILLEGAL_VALUE: Final = 3
DEVICE_FAILURE: Final = 4

BITS_A_CHARACTER: Final = 11
"""On an RTU line: start bit, 8 data bits, parity or a second stop bit, stop bit."""


class Tables(Protocol):
    """A device's four tables. An address is an index; beyond the end there is nothing."""

    def discrete_inputs(self) -> Sequence[bool]:
        """Return the inputs as they are now."""
        ...

    def coils(self) -> Sequence[bool]:
        """Return the coils as they are now."""
        ...

    def input_registers(self) -> Sequence[int]:
        """Return the input registers as they are now, 16 bits each."""
        ...

    def holding_registers(self) -> Sequence[int]:
        """Return the holding registers as they are now, 16 bits each."""
        ...

    def write_coil(self, address: int, on: bool) -> None:
        """Set one coil; the address exists."""
        ...

    def write_holding_register(self, address: int, value: int) -> None:
        """Set one register; the address exists."""
        ...


class _Refused(Exception):
    """The request is answered with this exception code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def crc16(data: bytes) -> bytes:
    """Return the frame check of `data`, low byte first, as it goes on the line."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return struct.pack("<H", crc)


def silence(baud_rate: int) -> float:
    """Return the seconds of silence that part two frames: 3.5 characters, or 1.75 ms above 19200 baud."""
    return 0.00175 if baud_rate > 19200 else 3.5 * BITS_A_CHARACTER / baud_rate


def answer(frame: bytes, device_id: int, tables: Tables) -> bytes | None:
    """Carry out a request frame and return the answer frame.

    None where a device keeps silent: the frame is damaged or for another device, or a broadcast (0).
    """
    if len(frame) < 4 or crc16(frame[:-2]) != frame[-2:] or frame[0] not in {0, device_id}:
        return None
    function, body = frame[1], frame[2:-2]
    try:
        content = bytes([function]) + _carry_out(function, body, tables)
    except _Refused as refused:
        content = bytes([function | 0x80, refused.code])
    return None if frame[0] == 0 else framed(device_id, content)


def exception(frame: bytes, code: int) -> bytes:
    """Return the frame that refuses the request `frame` with an exception code."""
    return framed(frame[0], bytes([frame[1] | 0x80, code]))


def framed(device_id: int, content: bytes) -> bytes:
    """Put the device's address before and the check after a content."""
    frame = bytes([device_id]) + content
    return frame + crc16(frame)


def _carry_out(function: int, body: bytes, tables: Tables) -> bytes:
    match function:
        case 1 | 2:
            address, count = _two_words(body)
            bits = tables.coils() if function == 1 else tables.discrete_inputs()
            packed = _packed(_part(bits, address, count, limit=2000))
            return bytes([len(packed)]) + packed
        case 3 | 4:
            address, count = _two_words(body)
            table = tables.holding_registers() if function == 3 else tables.input_registers()
            words = _part(table, address, count, limit=125)
            return bytes([2 * count]) + struct.pack(f">{count}H", *words)
        case 5:
            address, value = _two_words(body)
            if value not in {0x0000, 0xFF00}:
                raise _Refused(ILLEGAL_VALUE)
            _part(tables.coils(), address, 1, limit=1)
            tables.write_coil(address, value == 0xFF00)
            return body
        case 6:
            address, value = _two_words(body)
            _part(tables.holding_registers(), address, 1, limit=1)
            tables.write_holding_register(address, value)
            return body
        case _:
            raise _Refused(ILLEGAL_FUNCTION)


def _two_words(body: bytes) -> tuple[int, int]:
    if len(body) != 4:
        raise _Refused(ILLEGAL_VALUE)
    first, second = struct.unpack(">HH", body)
    return first, second


def _part(table: Sequence[_Item], address: int, count: int, *, limit: int) -> Sequence[_Item]:
    if not 1 <= count <= limit:
        raise _Refused(ILLEGAL_VALUE)
    if address + count > len(table):
        raise _Refused(ILLEGAL_ADDRESS)
    return table[address : address + count]


def _packed(bits: Sequence[bool]) -> bytes:
    number = sum(1 << index for index, bit in enumerate(bits) if bit)
    return number.to_bytes(-(-len(bits) // 8), "little")
