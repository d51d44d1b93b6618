"""SMP's raw framing: packets on a line as they are, one after the other, with nothing around them.

A packet's own header says how long it is. Nothing marks its beginning and nothing checks it: whoever has lost their
place finds it again only after a silence, and what a packet says is as sure as the line. Sources: Zephyr's "Raw
UART/serial" transport (`doc/services/device_mgmt/smp_transport.rst`, since 4.4; CONFIG_UART_MCUMGR_RAW_PROTOCOL) and
MCUboot's serial recovery (CONFIG_BOOT_SERIAL_RAW_PROTOCOL).
"""

from __future__ import annotations

from typing import Final

from drivers.smp.messages import HEADER

LARGEST_PACKET: Final = HEADER.size + 0xFFFF
"""What the header's 16-bit length can say."""

_HEADER_SIZE: Final = HEADER.size
_FIRST_BYTE: Final = 0b1111_0101
_OF_AN_ANSWER: Final = 0b0000_0001
"""Of an answer's first byte: three reserved bits, a version of 0 or 1 (two bits), and an operation of 1 or 3 (three)."""


class RawEncoder:
    """Writes packets as they are."""

    is_checked = False
    buffer_overhead = 0
    bits_a_byte = 10

    def encode(self, head: bytes, data: bytes | memoryview = b"") -> bytes:
        """Return the packet `head + data`. Raises ValueError for one longer than `LARGEST_PACKET`."""
        packet = head + data
        if len(packet) > LARGEST_PACKET:
            raise ValueError(f"a packet of {len(packet)} bytes has no header, {LARGEST_PACKET} are the most")
        return packet


class RawDecoder:
    """Cuts what a line delivers into answers. Never raises: once it has lost its place, it drops all until `resync`."""

    def __init__(self, largest_packet: int) -> None:
        self._largest = largest_packet
        self._rest = b""
        self._dropped = 0
        self.damaged = 0
        """How often the place was lost, or a packet was not whole when a silence ended it."""
        self.foreign = 0
        """Nothing: whatever is no packet has lost the place."""

    @property
    def unfinished(self) -> int:
        """Bytes since the last whole packet. While it stays the same, the line is silent."""
        return len(self._rest) + self._dropped

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes and return the answers that they complete."""
        if self._dropped:
            self._dropped += len(data)
            return []
        rest = self._rest + data if self._rest else data
        packets: list[bytes] = []
        start, held = 0, len(rest)
        while held - start >= _HEADER_SIZE:
            first, flags, length, _, _, _ = HEADER.unpack_from(rest, start)
            size = _HEADER_SIZE + length
            if first & _FIRST_BYTE != _OF_AN_ANSWER or flags or size > self._largest:
                self.damaged += 1
                self._dropped = held - start
                self._rest = b""
                return packets
            if size > held - start:
                break
            packets.append(rest[start : start + size])
            start += size
        self._rest = rest[start:]
        return packets

    def resync(self) -> None:
        """The line was silent: what comes next begins a packet."""
        if self._rest:
            self.damaged += 1
            self._rest = b""
        self._dropped = 0
