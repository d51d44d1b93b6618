"""SMP packets: header, CBOR map, and errors in both of their forms.

Zephyr's `doc/services/device_mgmt/smp_protocol.rst`. Version 1 knows one list of errors, `{"rc": n}`; version 2
adds errors of a group, `{"err": {"group": g, "rc": n}}`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, Final

import cbor2

_HEADER: Final = struct.Struct(">BBHHBB")
"""Version and operation, flags, length, group, sequence, command."""

HEADER_SIZE: Final = _HEADER.size

OS_GROUP: Final = 0
IMAGE_GROUP: Final = 1
HUB_GROUP: Final = 64
"""The first group left to applications: identity, challenge, unlock."""


class ManagementError(IntEnum):
    """`mcumgr_err_t`, as far as it is used here."""

    UNKNOWN = 1
    NO_MEMORY = 2
    INVALID = 3
    NO_ENTRY = 5
    BAD_STATE = 6
    MESSAGE_SIZE = 7
    NOT_SUPPORTED = 8
    BUSY = 10
    ACCESS_DENIED = 11


class Refused(Exception):
    """The command is answered with an error, which both versions write alike."""

    def __init__(self, code: ManagementError) -> None:
        super().__init__(code.name)
        self.code = code


class GroupRefused(Exception):
    """The command is answered with an error of its group; `legacy` is what version 1 calls it."""

    def __init__(self, group: int, code: int, legacy: ManagementError, reason: str | None = None) -> None:
        super().__init__(f"group {group} error {code}")
        self.reason = reason
        self.group = group
        self.code = code
        self.legacy = legacy


class NotAPacket(Exception):
    """The bytes are no request."""


class Undecodable(NotAPacket):
    """The header is a request's, what follows cannot be read. It can be answered: `request` has the header's part."""

    def __init__(self, why: str, request: Request) -> None:
        super().__init__(why)
        self.request = request


@dataclass(frozen=True, slots=True)
class Request:
    """One request."""

    version: int
    """0 for SMP version 1, 1 for version 2, as in the header."""
    write: bool
    group: int
    sequence: int
    command: int
    body: dict[str, Any]

    @property
    def key(self) -> tuple[int, int, bool]:
        """Group, command and whether it writes."""
        return self.group, self.command, self.write

    def answer(self, body: dict[str, Any], sequence: int | None = None) -> bytes:
        """Return the packet of an answer to this request, in the request's version."""
        payload = cbor2.dumps(body)
        operation = 3 if self.write else 1
        return (
            _HEADER.pack(
                self.version << 3 | operation,
                0,
                len(payload),
                self.group,
                self.sequence if sequence is None else sequence,
                self.command,
            )
            + payload
        )

    def answer_error(self, error: Refused | GroupRefused) -> bytes:
        """Return the packet of an error, in the form of the request's version."""
        if isinstance(error, Refused):
            return self.answer({"rc": int(error.code)})
        told = {} if error.reason is None else {"rsn": error.reason}
        if self.version == 0:
            return self.answer({"rc": int(error.legacy), **told})
        return self.answer({"err": {"group": error.group, "rc": int(error.code)}, **told})


def parse_request(packet: bytes) -> Request:
    """Read a request. Raises NotAPacket for what no answer could be addressed to, and Undecodable for what can be refused."""
    if len(packet) < HEADER_SIZE:
        raise NotAPacket("shorter than a header")
    first, _, length, group, sequence, command = _HEADER.unpack_from(packet)
    version, operation = first >> 3 & 3, first & 7
    if version > 1 or operation not in {0, 2} or length != len(packet) - HEADER_SIZE:
        raise NotAPacket("no request of a known version, or of another length")
    without_body = Request(version, operation == 2, group, sequence, command, {})
    try:
        body = cbor2.loads(packet[HEADER_SIZE:]) if length else {}
    except (cbor2.CBORDecodeError, ValueError) as error:
        raise Undecodable("no CBOR", without_body) from error
    if not isinstance(body, dict):
        raise Undecodable("no CBOR map", without_body)
    return replace(without_body, body=body)
