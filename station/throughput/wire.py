"""What a serial line allows: image bytes a second, from the bytes that a full chunk occupies on the wire.

Written from the formats and not from the driver, which is what it judges.
"""

from __future__ import annotations

from typing import Final, Literal

Framing = Literal["console", "raw"]
"""How packets stand on the line: as lines of base64 with length and CRC, or as they are."""

BITS_A_BYTE: Final = 10
"""Start bit, eight data bits, stop bit."""

_LENGTH_AND_CRC: Final = 4
"""Both stand in a console's frame with the packet, and share the hub's buffer with it."""
_SMP_HEADER: Final = 8
_MAP: Final = len(b"\xa2\x63off\x1a\x00\x00\x00\x00\x64data\x59\x00\x00")
"""CBOR of `{"off": offset, "data": bytes}` up to the bytes, the offset in its 32-bit form."""
_CODED_A_LINE: Final = 124
_MARK_AND_NEWLINE: Final = 3
"""Zephyr's SMP over console: lines of up to 127 bytes, of which two begin it and one ends it."""


def payload_of_buffer(buf_size: int, framing: Framing = "console") -> int:
    """Return the image bytes of a chunk that fills a hub's buffer of this size."""
    packet = buf_size if framing == "raw" else buf_size - _LENGTH_AND_CRC
    return packet - _SMP_HEADER - _MAP


def frame_bytes(buf_size: int, framing: Framing = "console") -> int:
    """Return the bytes on the wire of a packet that fills a hub's buffer of this size."""
    if framing == "raw":
        return buf_size
    coded = -(-buf_size // 3) * 4
    lines = -(-coded // _CODED_A_LINE)
    return coded + lines * _MARK_AND_NEWLINE


def line(baud: int) -> float:
    """Return the bytes a second that a line carries, whatever they are."""
    return baud / BITS_A_BYTE


def ceiling(baud: int, buf_size: int, framing: Framing = "console") -> float:
    """Return the image bytes a second that a line carries when it is never idle."""
    return line(baud) * payload_of_buffer(buf_size, framing) / frame_bytes(buf_size, framing)
