"""What a serial line allows: image bytes a second, from the bytes that a full chunk occupies on the wire.

Written from the formats and not from the driver, which is what it judges.
"""

from __future__ import annotations

from typing import Final

BITS_A_BYTE: Final = 10
"""Start bit, eight data bits, stop bit."""

_LENGTH_AND_CRC: Final = 4
"""Both stand in the frame with the packet, and share the hub's buffer with it."""
_SMP_HEADER: Final = 8
_MAP: Final = len(b"\xa2\x63off\x1a\x00\x00\x00\x00\x64data\x59\x00\x00")
"""CBOR of `{"off": offset, "data": bytes}` up to the bytes, the offset in its 32-bit form."""
_CODED_A_LINE: Final = 124
_MARK_AND_NEWLINE: Final = 3
"""Zephyr's SMP over console: lines of up to 127 bytes, of which two begin it and one ends it."""


def payload_of_buffer(buf_size: int) -> int:
    """Return the image bytes of a chunk that fills a hub's buffer of this size."""
    return buf_size - _LENGTH_AND_CRC - _SMP_HEADER - _MAP


def frame_bytes(buf_size: int) -> int:
    """Return the bytes on the wire of a packet that fills a hub's buffer of this size."""
    coded = -(-buf_size // 3) * 4
    lines = -(-coded // _CODED_A_LINE)
    return coded + lines * _MARK_AND_NEWLINE


def ceiling(baud: int, buf_size: int) -> float:
    """Return the image bytes a second that a line carries when it is never idle."""
    return baud / BITS_A_BYTE * payload_of_buffer(buf_size) / frame_bytes(buf_size)
