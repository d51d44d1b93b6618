"""Facts that only a DFU driver can state, as kinds of the drivers' general errors. Each DFU status has its own."""

from __future__ import annotations

from typing import Final

from drivers.dfu.protocol import DfuStatus
from drivers.errors import (
    DriverError,
    HubInSerialRecovery,
    HubRefused,
    TransferIncomplete,
    UploadRejected,
)


class RequestStalled(HubRefused):
    """The device refused a request outright, by a STALL."""


class FileNotForThisDevice(UploadRejected):
    """errTARGET: the image is not meant for this device; or the file's own suffix names another."""


class FileRejected(UploadRejected):
    """errFILE: the image fails the device's own check."""


class WriteFailed(UploadRejected):
    """errWRITE: the device cannot write its memory."""


class EraseFailed(UploadRejected):
    """errERASE: erasing failed."""


class NotErased(UploadRejected):
    """errCHECK_ERASED: memory is not empty after it was erased."""


class ProgrammingFailed(UploadRejected):
    """errPROG: programming failed."""


class VerificationFailed(UploadRejected):
    """errVERIFY: memory does not hold what was programmed."""


class AddressOutOfRange(UploadRejected):
    """errADDRESS: the image does not fit."""


class DownloadNotDone(TransferIncomplete):
    """errNOTDONE: the device lacks a part of the image."""


class NoBootableFirmware(HubInSerialRecovery):
    """errFIRMWARE: the device's firmware is corrupt; it waits in DFU mode for another."""


class VendorFault(HubRefused):
    """errVENDOR: the device's own kind of error."""


class UnexpectedReset(HubRefused):
    """errUSBR: the device saw a bus reset that it did not expect."""


class UnexpectedPowerOn(HubRefused):
    """errPOR: the device lost power in the middle."""


class UnknownFault(HubRefused):
    """errUNKNOWN: something went wrong, and the device does not know what."""


class UnexpectedRequest(HubRefused):
    """errSTALLEDPKT: the device stalled a request that it did not expect."""


STATUS_ERRORS: Final[dict[DfuStatus, type[DriverError]]] = {
    DfuStatus.ERR_TARGET: FileNotForThisDevice,
    DfuStatus.ERR_FILE: FileRejected,
    DfuStatus.ERR_WRITE: WriteFailed,
    DfuStatus.ERR_ERASE: EraseFailed,
    DfuStatus.ERR_CHECK_ERASED: NotErased,
    DfuStatus.ERR_PROG: ProgrammingFailed,
    DfuStatus.ERR_VERIFY: VerificationFailed,
    DfuStatus.ERR_ADDRESS: AddressOutOfRange,
    DfuStatus.ERR_NOTDONE: DownloadNotDone,
    DfuStatus.ERR_FIRMWARE: NoBootableFirmware,
    DfuStatus.ERR_VENDOR: VendorFault,
    DfuStatus.ERR_USBR: UnexpectedReset,
    DfuStatus.ERR_POR: UnexpectedPowerOn,
    DfuStatus.ERR_UNKNOWN: UnknownFault,
    DfuStatus.ERR_STALLEDPKT: UnexpectedRequest,
}
"""Every status but OK (DFU 1.1, 6.1.2)."""

STATUS_ADVICE: Final[dict[DfuStatus, str]] = {
    DfuStatus.ERR_TARGET: "the image is not for this device: check the model",
    DfuStatus.ERR_FILE: "the image fails its check: check the catalogue's image",
    DfuStatus.ERR_WRITE: "it cannot write its memory: try another hub",
    DfuStatus.ERR_ERASE: "erasing failed: its flash is worn",
    DfuStatus.ERR_CHECK_ERASED: "its flash is not empty after erasing: it is worn",
    DfuStatus.ERR_PROG: "programming failed: its flash is worn",
    DfuStatus.ERR_VERIFY: "it does not hold what was programmed: its flash is worn",
    DfuStatus.ERR_ADDRESS: "the image does not fit: check the model",
    DfuStatus.ERR_NOTDONE: "it lacks a part of the image: flash it again",
    DfuStatus.ERR_FIRMWARE: "it has no bootable firmware: take it out and send it to rework",
    DfuStatus.ERR_VENDOR: "an error of its own kind",
    DfuStatus.ERR_USBR: "it saw an unexpected bus reset: check its seat and cable",
    DfuStatus.ERR_POR: "it lost power: check its seat and supply",
    DfuStatus.ERR_UNKNOWN: "it does not know what went wrong: seat it anew",
    DfuStatus.ERR_STALLEDPKT: "it did not expect the request: seat it anew",
}
"""What each status means and what to do, for a person."""
