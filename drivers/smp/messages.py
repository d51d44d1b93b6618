"""SMP messages: the header, the requests of the hub's own commands, and answers that only SMP has.

Requests of the standard groups are the `smp` package's. Answers have models of our own, see `drivers.hub_answers`.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from pydantic import Field
from smp import message
from smp.header import OP, CommandId, GroupId

from drivers.hub_answers import HUB_GROUP, HubAnswer

HEADER: Final = Struct(">BBHHBB")
"""Operation and version, flags, payload length, group, sequence number, command."""

VERSION_SHIFT: Final = 3

SMALLEST_BUFFER: Final = 72
"""Below this an upload's first packet has no room for the image header, which the device wants to see whole."""


UPLOAD: Final = (int(OP.WRITE), int(GroupId.IMAGE_MANAGEMENT), int(CommandId.ImageManagement.UPLOAD))
"""Operation, group and command of a request that carries a part of an image."""

_OFFSET: Final = b"\xa2\x63off"
_DATA: Final = b"\x64data"
_HEAD_OF_2: Final = Struct(">BH")
_HEAD_OF_4: Final = Struct(">BI")
_FAR_CHUNK: Final = Struct(f"{HEADER.format}{len(_OFFSET)}sBI{len(_DATA)}sBH")
"""Header and fields of most chunks, in one piece."""


class IdentityRead(message.ReadRequest):
    """Ask who the hub is."""

    _GROUP_ID = HUB_GROUP
    _COMMAND_ID = 0


class ChallengeRead(message.ReadRequest):
    """Ask for a fresh challenge."""

    _GROUP_ID = HUB_GROUP
    _COMMAND_ID = 1


class UnlockWrite(message.WriteRequest):
    """Answer the last challenge with a raw ECDSA P-256 signature, 64 bytes."""

    _GROUP_ID = HUB_GROUP
    _COMMAND_ID = 1

    sig: bytes


class ParametersAnswer(HubAnswer):
    """The hub's packet pool: requests and replies share `buf_count` buffers of `buf_size` bytes."""

    buf_size: int = Field(ge=SMALLEST_BUFFER, le=0xFFFF)
    buf_count: int = Field(ge=1, le=0xFFFF)


class BootloaderAnswer(HubAnswer):
    """The boot loader's name, which only an application tells."""

    bootloader: str


def chunk_head(version: int, sequence: int, offset: int, length: int) -> bytes:
    """Return a chunk's packet up to its image bytes, of which `length` follow."""
    operation, group, command = UPLOAD
    first = operation | version << VERSION_SHIFT
    if offset >= 0x1_0000 and length >= 0x100:
        size = _FAR_CHUNK.size - HEADER.size + length
        return _FAR_CHUNK.pack(
            first, 0, size, group, sequence, command, _OFFSET, 0x1A, offset, _DATA, 0x59, length
        )
    fields = _OFFSET + _cbor_head(0, offset) + _DATA + _cbor_head(0x40, length)
    return HEADER.pack(first, 0, len(fields) + length, group, sequence, command) + fields


def _cbor_head(major: int, value: int) -> bytes:
    """Return the shortest CBOR head (RFC 8949, 3): the major type in the top three bits, then the value."""
    if value < 24:
        return bytes((major | value,))
    if value < 0x100:
        return bytes((major | 24, value))
    if value < 0x1_0000:
        return _HEAD_OF_2.pack(major | 25, value)
    return _HEAD_OF_4.pack(major | 26, value)
