"""What a simulated USB device is to its port: descriptors, and a function behind endpoint 0."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

_SETUP: Final = struct.Struct("<BBHHH")

FULL_SPEED: Final = 2
_FULL_SPEED_BITS_A_SECOND: Final = 12_000_000
_PACKET: Final = 64
"""Bytes of data a packet on a full-speed endpoint 0 of the largest size."""
_SETUP_AND_STATUS_BYTES: Final = 32
"""What a control transfer without data takes of the bus: the 45 bytes of USB 2.0, table 5-2, without a data
stage's 13."""
_DATA_PACKET_BYTES: Final = 13
"""What each packet of data takes beside its data: USB 2.0, table 5-9."""


@dataclass(frozen=True, slots=True)
class Setup:
    """The 8 bytes that begin a control transfer (USB 2.0, 9.3)."""

    request_type: int
    request: int
    value: int
    index: int
    length: int

    @classmethod
    def parse(cls, raw: bytes) -> Setup:
        """Read the 8 bytes."""
        return cls(*_SETUP.unpack(raw))

    @property
    def is_in(self) -> bool:
        """Whether data flows to the host."""
        return bool(self.request_type & 0x80)


def bus_seconds(length: int) -> float:
    """How long a control transfer with `length` bytes of data takes on a full-speed bus that carries nothing else.

    Protocol overhead, bit stuffing aside, from USB 2.0, 5.5.4 and 5.8.4: a transfer of 64 bytes takes 109 bytes'
    time, so that 13 fit into a frame, as table 5-2 says.
    """
    packets = -(-length // _PACKET)
    bytes_on_the_bus = _SETUP_AND_STATUS_BYTES + packets * _DATA_PACKET_BYTES + length
    return bytes_on_the_bus * 8 / _FULL_SPEED_BITS_A_SECOND


class Transfer:
    """One control transfer, to be ended by the device, now or later. Never ended, the device is said to NAK."""

    __slots__ = ("_end", "at", "data", "is_over", "sequence", "setup", "since")

    def __init__(
        self,
        sequence: int,
        setup: Setup,
        data: bytes,
        since: float,
        end: Callable[[Transfer, bytes | None], None],
    ) -> None:
        self.sequence = sequence
        """The host's number for it."""
        self.setup = setup
        self.data = data
        """What the host sent along."""
        self.since = since
        """When the host sent it, on the event loop's clock."""
        self.at = since
        """When the device has it, by the bus's own schedule (see `endpoint0`)."""
        self.is_over = False
        """Ended by the device, or given up by the host."""
        self._end = end

    def ended_by(self, end: Callable[[Transfer, bytes | None], None]) -> Transfer:
        """Return the same transfer, to be ended in another way."""
        other = Transfer(self.sequence, self.setup, self.data, self.since, end)
        other.at = self.at
        return other

    def complete(self, data: bytes = b"") -> None:
        """End well; `data` is what the host reads, cut to what it asked for."""
        if not self.is_over:
            self._end(self, data[: self.setup.length])

    def stall(self) -> None:
        """Refuse."""
        if not self.is_over:
            self._end(self, None)


class Function(Protocol):
    """What a device does beside answering the standard requests."""

    def control(self, transfer: Transfer) -> None:
        """Take a class or vendor request."""
        ...

    def bus_reset(self) -> None:
        """Learn that the host reset the port, which over USB/IP is that it let the device go."""
        ...


@dataclass(frozen=True, slots=True)
class Descriptors:
    """What a device says of itself."""

    device: bytes
    configuration: bytes
    """With all that it holds: interfaces, and what belongs to them."""
    strings: Sequence[str] = ()
    """String 1 and following, in US English."""
    of_interfaces: Mapping[int, bytes] = field(default_factory=dict)
    """By kind: what an interface gives that is asked for a descriptor of its class."""

    @property
    def interfaces(self) -> tuple[tuple[int, int, int], ...]:
        """Class, subclass and protocol of each interface's first setting."""
        found: dict[int, tuple[int, int, int]] = {}
        position = 0
        while position < len(self.configuration):
            size, kind = self.configuration[position : position + 2]
            if kind == 4:
                number, triple = (
                    self.configuration[position + 2],
                    self.configuration[position + 5 : position + 8],
                )
                found.setdefault(number, (triple[0], triple[1], triple[2]))
            position += max(size, 1)
        return tuple(found.values())


def make_device_descriptor(
    *, vendor: int, product: int, release: int, strings: tuple[int, int, int], usb: int = 0x0200
) -> bytes:
    """Return a device descriptor (USB 2.0, 9.6.1). `strings`: indices of manufacturer, product, serial number."""
    return struct.pack("<BBHBBBBHHHBBBB", 18, 1, usb, 0, 0, 0, _PACKET, vendor, product, release, *strings, 1)


def make_configuration(interfaces: bytes, count: int, *, milliamperes: int = 100) -> bytes:
    """Return a configuration with these interface descriptors (USB 2.0, 9.6.3), powered by the bus."""
    total = 9 + len(interfaces)
    return struct.pack("<BBHBBBBB", 9, 2, total, count, 1, 0, 0x80, milliamperes // 2) + interfaces


def make_interface(number: int, alternate: int, triple: tuple[int, int, int], name: int = 0) -> bytes:
    """Return an interface descriptor without endpoints (USB 2.0, 9.6.5)."""
    return bytes((9, 4, number, alternate, 0, *triple, name))


def make_string(text: str) -> bytes:
    """Return a string descriptor (USB 2.0, 9.6.7)."""
    coded = text.encode("utf-16-le")[:252]
    return bytes((2 + len(coded), 3)) + coded
