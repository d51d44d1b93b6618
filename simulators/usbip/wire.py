"""USB/IP on the wire, version 1.1.1, as a server reads and writes it.

Source: the Linux kernel's `Documentation/usb/usbip_protocol.rst`. Integers are most significant byte first; the
setup packet and the data are USB's own.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

VERSION: Final = 0x0111
_OLDEST_VERSION: Final = 0x0100

OPERATION_HEADER: Final = struct.Struct(">HHI")
"""Version, code, status."""
BUS_ID_SIZE: Final = 32
URB_HEADER_SIZE: Final = 48

_DEVICE: Final = struct.Struct(">256s32sIIIHHHBBBBBB")
_INTERFACE: Final = struct.Struct(">BBBx")
_BASIC: Final = struct.Struct(">IIIII")
_SUBMIT: Final = struct.Struct(">IiiiI8s")
_REPLY: Final = struct.Struct(">iIiii8x")
_UNLINK: Final = struct.Struct(">I24x")
_UNLINK_REPLY: Final = struct.Struct(">i24x")


class Operation(IntEnum):
    """What a connection begins with."""

    REQUEST_DEVICE_LIST = 0x8005
    REPLY_DEVICE_LIST = 0x0005
    REQUEST_IMPORT = 0x8003
    REPLY_IMPORT = 0x0003


class Refusal(IntEnum):
    """Why an operation failed: the numbers of the kernel's `tools/usb/usbip/src/usbip_network.h`."""

    NOT_AVAILABLE = 1
    BUSY = 2
    NO_DEVICE = 4


class Command(IntEnum):
    """What travels once a device is imported."""

    SUBMIT = 1
    UNLINK = 2
    REPLY_SUBMIT = 3
    REPLY_UNLINK = 4


class Status(IntEnum):
    """How a transfer ended: 0, or one of Linux's error numbers, negated."""

    OK = 0
    STALL = -32
    UNLINKED = -104


class NotUsbIp(Exception):
    """The peer speaks something else. The message says what came."""


class Submit(NamedTuple):
    """One transfer that the host wants done."""

    sequence: int
    is_in: bool
    endpoint: int
    length: int
    setup: bytes

    @property
    def data_size(self) -> int:
        """How many bytes of data follow the header."""
        return 0 if self.is_in else self.length


class Unlink(NamedTuple):
    """The host gives a transfer up."""

    sequence: int
    victim: int


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """What a device list says of a device."""

    bus_id: str
    bus: int
    address: int
    speed: int
    """Linux's `enum usb_device_speed`: 2 is full speed, 3 high speed."""
    device_descriptor: bytes
    configuration_value: int
    interfaces: tuple[tuple[int, int, int], ...]
    """Class, subclass and protocol of each interface's first setting."""

    def pack(self) -> bytes:
        """Return it as an import is answered, without the interfaces."""
        descriptor = self.device_descriptor
        path = f"/sys/devices/simulated/usb{self.bus}/{self.bus_id}"
        return _DEVICE.pack(
            path.encode(),
            self.bus_id.encode(),
            self.bus,
            self.address,
            self.speed,
            int.from_bytes(descriptor[8:10], "little"),
            int.from_bytes(descriptor[10:12], "little"),
            int.from_bytes(descriptor[12:14], "little"),
            *descriptor[4:7],
            self.configuration_value,
            descriptor[17],
            len(self.interfaces),
        )

    def pack_listed(self) -> bytes:
        """Return it as it stands in a device list."""
        return self.pack() + b"".join(_INTERFACE.pack(*interface) for interface in self.interfaces)


def read_operation(header: bytes) -> Operation:
    """Read the 8 bytes that a connection begins with. Raises NotUsbIp."""
    version, code, _ = OPERATION_HEADER.unpack(header)
    if not _OLDEST_VERSION <= version <= 0x01FF:
        raise NotUsbIp(f"version {version:#06x}")
    if code not in {Operation.REQUEST_DEVICE_LIST, Operation.REQUEST_IMPORT}:
        raise NotUsbIp(f"operation {code:#06x}")
    return Operation(code)


def pack_device_list(records: list[DeviceRecord]) -> bytes:
    """Return the answer to a request for the list."""
    head = OPERATION_HEADER.pack(VERSION, Operation.REPLY_DEVICE_LIST, 0)
    return head + len(records).to_bytes(4, "big") + b"".join(record.pack_listed() for record in records)


def pack_import(record: DeviceRecord | Refusal) -> bytes:
    """Return the answer to a request for a device."""
    if isinstance(record, Refusal):
        return OPERATION_HEADER.pack(VERSION, Operation.REPLY_IMPORT, record)
    return OPERATION_HEADER.pack(VERSION, Operation.REPLY_IMPORT, 0) + record.pack()


def read_command(header: bytes | bytearray) -> Submit | Unlink:
    """Read the first 48 bytes, which are a command. Raises NotUsbIp."""
    command, sequence, _, direction, endpoint = _BASIC.unpack_from(header)
    if command == Command.UNLINK:
        (victim,) = _UNLINK.unpack_from(header, _BASIC.size)
        return Unlink(sequence, victim)
    if command != Command.SUBMIT:
        raise NotUsbIp(f"command {command:#x}")
    _, length, _, _, _, setup = _SUBMIT.unpack_from(header, _BASIC.size)
    if length < 0:
        raise NotUsbIp(f"a transfer of {length} bytes")
    return Submit(sequence, direction != 0, endpoint, length, setup)


def pack_reply(sequence: int, status: int, actual_length: int, data: bytes = b"") -> bytes:
    """Return the end of a transfer; `data` is what the host reads."""
    head = _BASIC.pack(Command.REPLY_SUBMIT, sequence, 0, 0, 0)
    return head + _REPLY.pack(status, actual_length, 0, 0, 0) + data


def pack_unlink_reply(sequence: int, status: int) -> bytes:
    """Return the end of an unlinking."""
    return _BASIC.pack(Command.REPLY_UNLINK, sequence, 0, 0, 0) + _UNLINK_REPLY.pack(status)
