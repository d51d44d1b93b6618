"""USB DFU 1.1 in names and numbers: requests, states, statuses, the status answer, the functional descriptor.

Source: "Universal Serial Bus Device Class Specification for Device Firmware Upgrade", revision 1.1.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

DFU_CLASS: Final = (0xFE, 0x01)
"""bInterfaceClass and bInterfaceSubClass: application specific, device firmware upgrade."""
FUNCTIONAL_KIND: Final = 0x21
FUNCTIONAL_SIZE: Final = 9
_FUNCTIONAL_SIZE_1_0: Final = 7
"""DFU 1.0 had no bcdDFUVersion."""
SMALLEST_TRANSFER: Final = 8
"""Bytes. No endpoint 0 has smaller packets."""
LARGEST_TRANSFER: Final = 4096
"""Bytes. Linux's usbfs takes no longer control transfer; a larger wTransferSize is used up to this."""

_STATUS: Final = struct.Struct("<B3sBB")
_FUNCTIONAL: Final = struct.Struct("<BBBHH")


class DfuMode(IntEnum):
    """bInterfaceProtocol: what the device is just now (4.1.1, 4.2.3)."""

    RUN_TIME = 1
    DFU = 2


class DfuRequest(IntEnum):
    """bRequest (table 3.2)."""

    DETACH = 0
    DNLOAD = 1
    UPLOAD = 2
    GETSTATUS = 3
    CLRSTATUS = 4
    GETSTATE = 5
    ABORT = 6


class DfuState(IntEnum):
    """bState (6.1.2)."""

    APP_IDLE = 0
    APP_DETACH = 1
    DFU_IDLE = 2
    DFU_DNLOAD_SYNC = 3
    DFU_DNBUSY = 4
    DFU_DNLOAD_IDLE = 5
    DFU_MANIFEST_SYNC = 6
    DFU_MANIFEST = 7
    DFU_MANIFEST_WAIT_RESET = 8
    DFU_UPLOAD_IDLE = 9
    DFU_ERROR = 10


class DfuStatus(IntEnum):
    """bStatus (6.1.2)."""

    OK = 0x00
    ERR_TARGET = 0x01
    ERR_FILE = 0x02
    ERR_WRITE = 0x03
    ERR_ERASE = 0x04
    ERR_CHECK_ERASED = 0x05
    ERR_PROG = 0x06
    ERR_VERIFY = 0x07
    ERR_ADDRESS = 0x08
    ERR_NOTDONE = 0x09
    ERR_FIRMWARE = 0x0A
    ERR_VENDOR = 0x0B
    ERR_USBR = 0x0C
    ERR_POR = 0x0D
    ERR_UNKNOWN = 0x0E
    ERR_STALLEDPKT = 0x0F

    @property
    def spelling(self) -> str:
        """As the specification writes it: `errSTALLEDPKT`."""
        return "OK" if self is DfuStatus.OK else "err" + self.name.removeprefix("ERR_")


class MalformedReply(ValueError):
    """Bytes from a device are not what DFU 1.1 allows; the message says in what."""


@dataclass(frozen=True, slots=True)
class StatusReply:
    """The answer to DFU_GETSTATUS."""

    status: DfuStatus
    poll_seconds: float
    """The least time before the next DFU_GETSTATUS."""
    state: DfuState
    """What the device is in once it has sent this."""
    text: int
    """Index of the string that describes the status, or 0."""

    @classmethod
    def parse(cls, raw: bytes) -> StatusReply:
        """Read the 6 bytes. Raises MalformedReply."""
        if len(raw) != _STATUS.size:
            raise MalformedReply(f"a status of {len(raw)} bytes instead of {_STATUS.size}")
        status, poll, state, text = _STATUS.unpack(raw)
        try:
            return cls(DfuStatus(status), int.from_bytes(poll, "little") / 1000, DfuState(state), text)
        except ValueError as error:
            raise MalformedReply(
                f"status {status:#04x} in state {state}, of which DFU 1.1 lacks one"
            ) from error


@dataclass(frozen=True, slots=True)
class FunctionalDescriptor:
    """What a device can do (4.1.3)."""

    can_download: bool
    can_upload: bool
    manifestation_tolerant: bool
    """Whether it still talks after manifestation."""
    will_detach: bool
    """Whether it leaves the bus by itself when told to detach, and so needs no bus reset."""
    detach_seconds: float
    """How long it waits for the bus reset after DFU_DETACH."""
    transfer_size: int
    """Bytes that it takes in one DFU_DNLOAD, as it says."""

    @property
    def block_size(self) -> int:
        """Bytes to send in one DFU_DNLOAD."""
        return min(self.transfer_size, LARGEST_TRANSFER)

    @classmethod
    def parse(cls, raw: bytes) -> FunctionalDescriptor:
        """Read it. Raises MalformedReply, also for a transfer size that no device can mean."""
        if len(raw) < _FUNCTIONAL_SIZE_1_0 or raw[1] != FUNCTIONAL_KIND:
            raise MalformedReply(f"a functional descriptor of {len(raw)} bytes ({raw.hex()})")
        _, _, attributes, detach, size = _FUNCTIONAL.unpack_from(raw)
        if size < SMALLEST_TRANSFER:
            raise MalformedReply(f"a transfer size of {size} bytes")
        return cls(
            can_download=bool(attributes & 0x01),
            can_upload=bool(attributes & 0x02),
            manifestation_tolerant=bool(attributes & 0x04),
            will_detach=bool(attributes & 0x08),
            detach_seconds=detach / 1000,
            transfer_size=size,
        )


def find_functional(extra: bytes) -> bytes | None:
    """Return the functional descriptor out of what stands behind a descriptor."""
    position = 0
    while position + 2 <= len(extra):
        size, kind = extra[position], extra[position + 1]
        if kind == FUNCTIONAL_KIND:
            return extra[position : position + size]
        position += max(size, 2)
    return None
