"""SMP over a raw line, the hub's end: packets as they are, out of the same small pool of buffers.

As Zephyr does it (`smp_raw_uart.c`, `serial_util.c`): bytes fill a buffer until the packet is whole that its header
announces. A header that cannot be one is dropped with its 8 bytes, and what follows counts as the next. The
time for a packet begins with its first byte; once it is over, the next byte that comes begins a new one. There is no CRC.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from simulators.smp_line import BufferProfile, PacketPool
from simulators.smp_message import HEADER_SIZE

_OPERATIONS: Final = 4
"""Read and write, and their answers; a header has room for eight."""
_UART_BYTES: Final = 16
"""What the UART itself keeps while the hub cannot take bytes off it."""


class RawReceiver:
    """Puts packets together from bytes. What finds no room, or is broken, is lost and counted in bytes.

    `deliver` is called with each whole packet, and has its buffer to give back.
    """

    def __init__(
        self,
        profile: BufferProfile,
        pool: PacketPool,
        is_stalled: Callable[[], bool],
        deliver: Callable[[bytes], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lost = 0
        """Bytes that did not become part of a packet."""
        self.kept = 0
        """Bytes that did."""
        self._profile = profile
        self._pool = pool
        self._is_stalled = is_stalled
        self._deliver = deliver
        self._clock = clock
        self._waiting = b""
        self._packet: bytearray | None = None
        self._begun = 0.0

    @property
    def is_ready(self) -> bool:
        """Whether more bytes would find room."""
        return not self._is_stalled() and (self._packet is not None or self._pool.free > 0)

    @property
    def pending(self) -> int:
        """Bytes held of packets that are not whole yet."""
        return len(self._waiting) + len(self._packet or b"")

    def feed(self, block: bytes) -> None:
        """Take bytes off the line."""
        if not self._is_stalled():
            self._take(block)
            return
        room = _UART_BYTES - len(self._waiting)
        self._waiting += block[:room]
        self.lost += len(block[room:])

    def catch_up(self) -> None:
        """Work on the bytes that waited while the hub could not."""
        waiting, self._waiting = self._waiting, b""
        self._take(waiting)

    def _take(self, block: bytes) -> None:
        if block and self._packet is not None and self._clock() - self._begun >= self._profile.input_timeout:
            self._abandon()
        start = 0
        while start < len(block):
            if self._packet is None:
                if not self._pool.take():
                    self.lost += len(block) - start
                    return
                self._packet = bytearray()
                self._begun = self._clock()
            packet = self._packet
            more = block[start : start + self._lacking(packet)]
            packet += more
            start += len(more)
            if len(packet) == HEADER_SIZE and not self._is_plausible(packet):
                self._abandon()
            elif self._lacking(packet) == 0:
                self._complete(bytes(packet))

    def _lacking(self, packet: bytearray) -> int:
        """Return how many bytes of it are to come, those of its header first."""
        if len(packet) < HEADER_SIZE:
            return HEADER_SIZE - len(packet)
        return _size(packet) - len(packet)

    def _is_plausible(self, header: bytearray) -> bool:
        return header[0] & 7 < _OPERATIONS and _size(header) <= self._profile.buf_size

    def _complete(self, packet: bytes) -> None:
        self.kept += len(packet)
        self._packet = None
        self._deliver(packet)

    def _abandon(self) -> None:
        """Give up the packet under way."""
        if self._packet is not None:
            self.lost += len(self._packet)
            self._packet = None
            self._pool.give()


def _size(header: bytearray) -> int:
    """Return how long the packet is by its header."""
    return HEADER_SIZE + int.from_bytes(header[2:4], "big")


class RawCutter:
    """Finds where packets end in what the host sends, so that each arrives at its own moment and not with the last one."""

    def __init__(self) -> None:
        self._header = b""
        self._left = 0

    def restart(self) -> None:
        """What comes next begins a packet, as far as anybody can tell."""
        self._header, self._left = b"", 0

    def cut(self, block: bytes) -> list[bytes]:
        """Split the block behind each packet that ends in it."""
        pieces: list[bytes] = []
        begun = at = 0
        while at < len(block):
            if len(self._header) < HEADER_SIZE:
                taken = block[at : at + HEADER_SIZE - len(self._header)]
                self._header += taken
                self._left = int.from_bytes(self._header[2:4], "big")
            else:
                taken = block[at : at + self._left]
                self._left -= len(taken)
            at += len(taken)
            if len(self._header) == HEADER_SIZE and not self._left:
                pieces.append(block[begun:at])
                begun, self._header = at, b""
        if begun < at:
            pieces.append(block[begun:])
        return pieces
