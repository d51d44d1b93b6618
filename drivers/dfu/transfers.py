"""Control transfers to one open device, every failure a typed error."""

from __future__ import annotations

import errno
from array import array
from typing import Any, Final

import usb.core
import usb.util

from drivers.descriptors import shortage
from drivers.dfu.bus import is_gone
from drivers.dfu.errors import RequestStalled
from drivers.dfu.protocol import DfuRequest
from drivers.dfu.work import Work
from drivers.errors import (
    DriverError,
    LinkLost,
    MalformedAnswer,
    NoAnswer,
    PlaceUnavailable,
    TransferIncomplete,
)

_CLASS_OUT: Final = 0x21
_CLASS_IN: Final = 0xA1
_VENDOR_OUT: Final = 0x40
_VENDOR_IN: Final = 0xC0
_INTERFACE_IN: Final = 0x81
_GET_DESCRIPTOR: Final = 6


class ControlPipe:
    """Endpoint 0 of one device, and the interface that DFU requests go to."""

    def __init__(self, device: Any, interface: int, transfer_seconds: float) -> None:
        self.device = device
        self._interface = interface
        self._milliseconds = max(1, int(transfer_seconds * 1000))

    def dfu_out(self, request: DfuRequest, value: int, data: bytes | array[int], work: Work) -> None:
        """Send a DFU request. Raises RequestStalled, NoAnswer, LinkLost, TransferIncomplete, PlaceUnavailable."""
        self._out(_CLASS_OUT, request, value, self._interface, data, work)

    def dfu_in(self, request: DfuRequest, value: int, length: int, work: Work) -> bytes:
        """Ask a DFU request. Raises RequestStalled, NoAnswer, LinkLost, MalformedAnswer, PlaceUnavailable."""
        return self._in(_CLASS_IN, request, value, self._interface, length, work)

    def vendor_out(self, request: int, value: int, data: bytes, work: Work) -> None:
        """Send a vendor request to the device. Raises as `dfu_out`."""
        self._out(_VENDOR_OUT, request, value, 0, data, work)

    def vendor_in(self, request: int, value: int, length: int, work: Work) -> bytes:
        """Ask a vendor request of the device. Raises as `dfu_in`."""
        return self._in(_VENDOR_IN, request, value, 0, length, work)

    def interface_descriptor(self, kind: int, length: int, work: Work) -> bytes:
        """Ask for a class's own descriptor. Raises as `dfu_in`."""
        return self._in(_INTERFACE_IN, _GET_DESCRIPTOR, kind << 8, self._interface, length, work)

    def text(self, index: int) -> str | None:
        """Return one of the device's strings; None if it has none or does not give it."""
        try:
            found = usb.util.get_string(self.device, index)
        except (usb.core.USBError, ValueError):
            return None
        return str(found) if found else None

    def _out(
        self, kind: int, request: int, value: int, index: int, data: bytes | array[int], work: Work
    ) -> None:
        work.check()
        try:
            sent = self.device.ctrl_transfer(kind, request, value, index, data, self._milliseconds)
        except usb.core.USBError as error:
            raise translate(error, work) from error
        if sent != len(data):
            raise TransferIncomplete(
                f"the hub at {work.place} took {sent} of {len(data)} bytes",
                action=work.action,
                state_known=False,
                advice="flash it again",
            )

    def _in(self, kind: int, request: int, value: int, index: int, length: int, work: Work) -> bytes:
        work.check()
        try:
            data = self.device.ctrl_transfer(kind, request, value, index, length, self._milliseconds)
        except usb.core.USBError as error:
            raise translate(error, work) from error
        return bytes(data)


def translate(error: usb.core.USBError, work: Work) -> DriverError:
    """Return what a USB error means for the work."""
    facts: dict[str, Any] = {"action": work.action, "state_known": not work.writes}
    where = f"the device at {work.place}"
    if error.errno == errno.EPIPE:
        return RequestStalled(f"{where} refused to {work.action}", **facts, device_code="STALL")
    if error.errno == errno.ETIMEDOUT:
        return NoAnswer(f"{where} did not answer", **facts, advice="seat it anew")
    if error.errno == errno.EACCES:
        return PlaceUnavailable(
            f"{where} may not be opened by this user", **facts, advice="install the udev rules"
        )
    if error.errno == errno.EBUSY:
        return PlaceUnavailable(f"{where} is held by another program", **facts, advice="stop it")
    if (short := shortage()) is not None:  # libusb speaks of an input/output error then
        return PlaceUnavailable(short, **facts, advice="")
    if is_gone(error):
        return LinkLost(
            f"{where} left the bus ({error.strerror})", **facts, advice="check its seat and cable"
        )
    return MalformedAnswer(f"{where} broke USB's rules ({error.strerror})", **facts, advice="seat it anew")
