r"""SMP's console framing: packets as lines of base64 text, safe beside log output on the same line.

A packet, preceded by its length and followed by its CRC, is written as base64 and cut into lines. The first
line starts with the bytes 06 09, each further one with 04 14, each ends in a line feed. The length counts the
packet and the CRC, both are 16 bits, most significant byte first; the CRC is CRC-16/XMODEM of the packet.
Source: Zephyr's "SMP over console" specification; MCUboot's serial recovery speaks the same.
"""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64, crc_hqx
from typing import Final, Protocol

FIRST: Final = b"\x06\t"
FURTHER: Final = b"\x04\x14"
LARGEST_PACKET: Final = 0xFFFF - 2
"""What the 16-bit length can say, the CRC being counted in it."""

_BREAK: Final = b"\n" + FURTHER
_LONGEST_LINE: Final = 4096
"""Far above any line in use (127); bounds what hostile bytes can occupy."""


class Encoder(Protocol):
    """How packets are written on a line, and what that costs."""

    is_checked: bool
    """Whether what was damaged on the line is noticed at the other end."""
    buffer_overhead: int
    """Bytes of the device's packet buffer that are not for the packet."""
    bits_a_byte: int
    """Bits on the line for each byte of a packet, start and stop bits included."""

    def encode(self, head: bytes, data: bytes | memoryview = b"") -> bytes:
        """Return the packet `head + data` as it goes on the line. Raises ValueError for one that is too long."""
        ...


class Decoder(Protocol):
    """Finds packets in whatever a line delivers. Never raises: what is damaged is counted and dropped."""

    damaged: int
    foreign: int

    @property
    def unfinished(self) -> int:
        """Bytes that have to be dropped after a silence, before anything else is understood."""
        ...

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes and return the packets that they complete."""
        ...

    def resync(self) -> None:
        """The line was silent: what comes next begins a packet."""
        ...


class FrameEncoder:
    """Writes packets as lines of at most `line_length` bytes, the line feed included."""

    is_checked = True
    buffer_overhead = 4  # the length and the CRC
    bits_a_byte = 14  # base64 and the lines' marks

    def __init__(self, line_length: int) -> None:
        self._text_length = (line_length - 3) // 4 * 4

    def encode(self, head: bytes, data: bytes | memoryview = b"") -> bytes:
        """Return the lines of the packet `head + data`, which is taken in two parts to spare a copy.

        Raises ValueError for a packet longer than `LARGEST_PACKET`.
        """
        length = len(head) + len(data)
        if length > LARGEST_PACKET:
            raise ValueError(f"a packet of {length} bytes does not fit a frame, {LARGEST_PACKET} do")
        crc = crc_hqx(data, crc_hqx(head, 0))
        whole = b"".join(((length + 2).to_bytes(2, "big"), head, data, crc.to_bytes(2, "big")))
        text = b2a_base64(whole, newline=False)
        step = self._text_length
        lines = [text[start : start + step] for start in range(0, len(text), step)]
        return b"%b%b\n" % (FIRST, _BREAK.join(lines))


class FrameDecoder:
    """Finds packets in whatever a line delivers. Never raises: what is damaged is counted and dropped."""

    def __init__(self, largest_packet: int) -> None:
        self._largest = largest_packet + 2
        self._rest = b""
        self._packet = b""
        self._length = 0
        self.damaged = 0
        """Packets and lines dropped because they were cut, too long, or failed base64, length or CRC."""
        self.foreign = 0
        """Lines that were no part of a packet, or had one only behind other text: somebody else's."""

    @property
    def unfinished(self) -> int:
        """Nothing: a marker begins each packet, whatever came before it."""
        return 0

    def resync(self) -> None:
        """Nothing to do."""

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes and return the packets that they complete."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > _LONGEST_LINE:
            self.damaged += 1
            self._rest = b""
        packets = []
        for line in lines:
            packet = self._take(line)
            if packet is not None:
                packets.append(packet)
        return packets

    def _take(self, line: bytes) -> bytes | None:
        # Base64 has neither marker's bytes, so the last one in a line is where the text begins; what stands
        # before it is someone's log output.
        start = line.rfind(FIRST)
        if start > 0 or (start < 0 and FURTHER not in line and line.strip()):
            self.foreign += 1
        if start >= 0:
            if self._length:
                self.damaged += 1
            self._length = 0
            text = self._text(line[start + 2 :])
            if text is None or len(text) < 2:
                self._drop()
                return None
            self._length = text[0] << 8 | text[1]
            if not 2 < self._length <= self._largest:
                self._drop()
                return None
            self._packet = text[2:]
        elif self._length:
            start = line.rfind(FURTHER)
            if start < 0:
                return None
            text = self._text(line[start + 2 :])
            if text is None:
                self._drop()
                return None
            self._packet += text
        else:
            return None
        if len(self._packet) < self._length:
            return None
        # The CRC of a sound packet and its CRC is 0.
        if len(self._packet) > self._length or crc_hqx(self._packet, 0):
            self._drop()
            return None
        self._length = 0
        return self._packet[:-2]

    def _text(self, encoded: bytes) -> bytes | None:
        try:
            return a2b_base64(encoded.rstrip(b"\r"), strict_mode=True)
        except Base64Error:
            return None

    def _drop(self) -> None:
        self.damaged += 1
        self._length = 0
