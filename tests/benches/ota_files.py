"""ZigBee OTA distribution files around any image."""

from __future__ import annotations

import struct


def ota(image: bytes, *, file_version: int = 0x0002012F, control: int = 0, extra: bytes = b"") -> bytes:
    header = struct.pack(
        "<IHHHHHIH32sI",
        0x0BEEF11E,
        0x0100,
        56 + len(extra),
        control,
        0x10A3,
        1,
        file_version,
        2,
        b"text",
        0,
    )
    return header + extra + image + bytes.fromhex("0040") + bytes(64)
