"""SMP messages: the header, the requests of the hub's own commands, and answers that only SMP has.

Requests of the standard groups are the `smp` package's. Answers have models of our own, see `drivers.hub_answers`.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from pydantic import Field
from smp import message

from drivers.hub_answers import HUB_GROUP, HubAnswer

HEADER: Final = Struct(">BBHHBB")
"""Operation and version, flags, payload length, group, sequence number, command."""

VERSION_SHIFT: Final = 3

SMALLEST_BUFFER: Final = 72
"""Below this an upload's first packet has no room for the image header, which the device wants to see whole."""


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
