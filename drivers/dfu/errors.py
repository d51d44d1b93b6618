"""Facts that only a DFU driver can state, as kinds of the drivers' general errors, and what each DFU status means."""

from __future__ import annotations

from typing import Final

from drivers.dfu.protocol import DfuStatus
from drivers.errors import (
    DriverError,
    HubInSerialRecovery,
    HubRefused,
    ImageUnsuitable,
    TransferIncomplete,
    UploadRejected,
)


class RequestStalled(HubRefused):
    """The device refused a request outright, by a STALL."""


class FileNotForThisDevice(ImageUnsuitable):
    """The file's own suffix names another device."""


class NoBootableFirmware(HubInSerialRecovery):
    """errFIRMWARE: the device's firmware is corrupt; it waits in DFU mode for another."""


STATUS_FAULTS: Final[dict[DfuStatus, tuple[type[DriverError], str, str | None]]] = {
    DfuStatus.ERR_TARGET: (ImageUnsuitable, "the image is not for this device", "check the model"),
    DfuStatus.ERR_FILE: (UploadRejected, "the image fails its check", "check the catalogue's image"),
    DfuStatus.ERR_WRITE: (UploadRejected, "it cannot write its memory", "try another hub"),
    DfuStatus.ERR_ERASE: (UploadRejected, "erasing failed", "its flash is worn"),
    DfuStatus.ERR_CHECK_ERASED: (UploadRejected, "its flash is not empty after erasing", "it is worn"),
    DfuStatus.ERR_PROG: (UploadRejected, "programming failed", "its flash is worn"),
    DfuStatus.ERR_VERIFY: (UploadRejected, "it does not hold what was programmed", "its flash is worn"),
    DfuStatus.ERR_ADDRESS: (ImageUnsuitable, "the image does not fit", "check the model"),
    DfuStatus.ERR_NOTDONE: (TransferIncomplete, "it lacks a part of the image", "flash it again"),
    DfuStatus.ERR_FIRMWARE: (
        NoBootableFirmware,
        "it has no bootable firmware",
        "take it out and send it to rework",
    ),
    DfuStatus.ERR_VENDOR: (HubRefused, "an error of its own kind", None),
    DfuStatus.ERR_USBR: (HubRefused, "it saw an unexpected bus reset", "check its seat and cable"),
    DfuStatus.ERR_POR: (HubRefused, "it lost power", "check its seat and supply"),
    DfuStatus.ERR_UNKNOWN: (HubRefused, "it does not know what went wrong", "seat it anew"),
    DfuStatus.ERR_STALLEDPKT: (HubRefused, "it did not expect the request", "seat it anew"),
}
"""Every status but OK (DFU 1.1, 6.1.2): what it is to the station, what happened, and what a person may do about it or know of it."""
