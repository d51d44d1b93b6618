"""A pyusb backend that reaches devices over USB/IP: the host controller and the kernel's part, in Python.

Looking at the list touches no device. A device is imported, enumerated and configured when its descriptors are
first asked for, as a kernel does when a device is plugged in, and let go by `close`. USB/IP has no bus reset:
resetting a device lets it go, and it has to be found again. Only endpoint 0 is served.
"""

from __future__ import annotations

import array
import errno
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Final

import usb.backend
import usb.core
from usb.backend import libusb1

from drivers.dfu.usb_descriptors import (
    CONFIGURATION_KIND,
    CONFIGURATION_SIZE,
    DEVICE_KIND,
    DEVICE_SIZE,
    Configuration,
    MalformedDescriptor,
    parse_configuration,
    parse_device,
    total_length,
)
from drivers.dfu.usbip_client import (
    DeviceBusy,
    ImportedDevice,
    NoSuchDevice,
    RemoteDevice,
    TransferFailed,
    TransferTimedOut,
    UsbIpError,
    import_device,
    list_devices,
)

_CONNECT_SECONDS: Final = 2.0
_ENUMERATION_SECONDS: Final = 2.0
"""For each request of an enumeration; the kernel allows 5."""
_LIBUSB_SPEEDS: Final = {1: 1, 2: 2, 3: 3, 5: 4, 6: 5}
"""From Linux's `enum usb_device_speed` to libusb's: low, full, high, super, super plus."""

_ERRORS: Final = {
    errno.EPIPE: (libusb1.LIBUSB_ERROR_PIPE, errno.EPIPE, "Pipe error"),
    errno.EOVERFLOW: (libusb1.LIBUSB_ERROR_OVERFLOW, errno.EOVERFLOW, "Overflow"),
    errno.ETIMEDOUT: (libusb1.LIBUSB_ERROR_TIMEOUT, errno.ETIMEDOUT, "Operation timed out"),
    errno.ENODEV: (
        libusb1.LIBUSB_ERROR_NO_DEVICE,
        errno.ENODEV,
        "No such device (it may have been disconnected)",
    ),
    errno.ESHUTDOWN: (
        libusb1.LIBUSB_ERROR_NO_DEVICE,
        errno.ENODEV,
        "No such device (it may have been disconnected)",
    ),
}
"""How libusb, and so pyusb, speaks of the ends that a transfer can have. Every other is an input/output error."""


class UsbIpBackend(usb.backend.IBackend):  # type: ignore[misc]  # pyusb has no types
    """Devices of one USB/IP server; with `bus_ids`, only those places exist for it. For one thread at a time."""

    def __init__(self, host: str, port: int, bus_ids: frozenset[str] | None = None) -> None:
        super().__init__()
        self._host = host
        self._port = port
        self._bus_ids = bus_ids
        self._devices: dict[str, _Device] = {}

    def listed(self) -> list[RemoteDevice]:
        """What is there, touching nothing; once all that this backend is meant for is imported, only that.

        Raises USBError when the server does not answer.
        """
        held = [device.remote for device in self._devices.values() if device.is_held]
        if self._bus_ids is not None and len(held) == len(self._bus_ids):
            return held
        try:
            found = list_devices(self._host, self._port, _CONNECT_SECONDS)
        except UsbIpError as error:
            raise _usb_error(error) from error
        # A server may leave out what is in use.
        names = {device.bus_id for device in held}
        return held + [device for device in found if device.bus_id not in names]

    def close(self) -> None:
        """Let every imported device go."""
        for device in self._devices.values():
            device.release()
        self._devices.clear()

    def enumerate_devices(self) -> Iterator[_Device]:
        """Yield the devices."""
        for remote in self.listed():
            if self._bus_ids is not None and remote.bus_id not in self._bus_ids:
                continue
            known = self._devices.get(remote.bus_id)
            if known is None or known.remote != remote or not known.is_usable:
                if known is not None:
                    known.release()
                known = self._devices[remote.bus_id] = _Device(self._host, self._port, remote)
            yield known

    def get_parent(self, dev: _Device) -> None:
        """USB/IP does not tell of the hub that a device hangs on."""

    def get_device_descriptor(self, dev: _Device) -> SimpleNamespace:
        """Return the device's descriptor and place."""
        descriptor = dev.enumerated().device
        bus, ports = dev.remote.bus, _ports(dev.remote.bus_id)
        return SimpleNamespace(
            **vars(descriptor),
            bus=bus,
            address=dev.remote.address,
            port_number=ports[-1] if ports else None,
            port_numbers=ports,
            speed=_LIBUSB_SPEEDS.get(dev.remote.speed, 0),
        )

    def get_configuration_descriptor(self, dev: _Device, config: int) -> SimpleNamespace:
        """Return a configuration by its index. Raises IndexError."""
        return dev.enumerated().configurations[config].descriptor

    def get_interface_descriptor(self, dev: _Device, intf: int, alt: int, config: int) -> SimpleNamespace:
        """Return an interface's setting by their indices. Raises IndexError."""
        return dev.enumerated().configurations[config].interfaces[intf][alt]

    def get_endpoint_descriptor(
        self, dev: _Device, ep: int, intf: int, alt: int, config: int
    ) -> SimpleNamespace:
        """Return an endpoint by its index. Raises IndexError."""
        endpoints: list[SimpleNamespace] = self.get_interface_descriptor(dev, intf, alt, config).endpoints
        return endpoints[ep]

    def open_device(self, dev: _Device) -> _Device:
        """Return the device's handle, which is the device."""
        dev.enumerated()
        return dev

    def close_device(self, dev_handle: _Device) -> None:
        """Nothing: a closed device stays plugged in."""

    def claim_interface(self, dev_handle: _Device, intf: int) -> None:
        """Nothing: the whole device is this host's."""

    def release_interface(self, dev_handle: _Device, intf: int) -> None:
        """Nothing."""

    def is_kernel_driver_active(self, dev_handle: _Device, intf: int) -> bool:  # noqa: ARG002 -- pyusb's signature
        """No kernel driver can hold the device."""
        return False

    def set_configuration(self, dev_handle: _Device, config_value: int) -> None:
        """Configure the device."""
        dev_handle.control(0x00, 9, config_value, 0, 0)

    def get_configuration(self, dev_handle: _Device) -> int:
        """Ask for the configuration in force."""
        return dev_handle.control(0x80, 8, 0, 0, 1)[0]

    def set_interface_altsetting(self, dev_handle: _Device, intf: int, altsetting: int) -> None:
        """Choose an interface's setting."""
        dev_handle.control(0x01, 11, altsetting, intf, 0)

    def clear_halt(self, dev_handle: _Device, ep: int) -> None:
        """Clear an endpoint's halt."""
        dev_handle.control(0x02, 1, 0, ep, 0)

    def reset_device(self, dev_handle: _Device) -> None:
        """Let the device go, which is all the reset that USB/IP has."""
        dev_handle.release()

    def ctrl_transfer(
        self,
        dev_handle: _Device,
        bmRequestType: int,  # noqa: N803 -- named by pyusb
        bRequest: int,  # noqa: N803
        wValue: int,  # noqa: N803
        wIndex: int,  # noqa: N803
        data: array.array[int],
        timeout: int,
    ) -> int:
        """Do a control transfer, in at most `timeout` milliseconds (0: without end); return how much data went."""
        length = len(data) * data.itemsize
        seconds = timeout / 1000 or None
        if not bmRequestType & 0x80:
            dev_handle.control(
                bmRequestType, bRequest, wValue, wIndex, length, data.tobytes(), seconds=seconds
            )
            return length
        received = dev_handle.control(bmRequestType, bRequest, wValue, wIndex, length, seconds=seconds)
        memoryview(data).cast("B")[: len(received)] = received
        return len(received)


@dataclass(frozen=True, slots=True)
class _Enumerated:
    """What a device told when it was plugged in."""

    device: SimpleNamespace
    configurations: list[Configuration]


class _Device:
    """One device from its appearance to its disappearance."""

    def __init__(self, host: str, port: int, remote: RemoteDevice) -> None:
        self.remote = remote
        self._host = host
        self._port = port
        self._imported: ImportedDevice | None = None
        self._enumerated: _Enumerated | None = None
        self._is_released = False

    @property
    def is_held(self) -> bool:
        """Whether the device is imported and still there."""
        return not self._is_released and self._imported is not None and self._imported.is_present

    @property
    def is_usable(self) -> bool:
        """Whether the device is held, or could still be."""
        return not self._is_released and (self._imported is None or self._imported.is_present)

    def enumerated(self) -> _Enumerated:
        """Return what the device told, plugging it in if need be. Raises USBError."""
        if self._enumerated is None:
            if self._is_released:
                raise _usb_error(NoSuchDevice(f"the device at {self.remote.bus_id} was let go"))
            try:
                self._imported = import_device(self._host, self._port, self.remote.bus_id, _CONNECT_SECONDS)
            except UsbIpError as error:
                raise _usb_error(error) from error
            self.remote = self._imported.device
            try:
                self._enumerated = self._enumerate()
            except BaseException:
                self.release()
                raise
        return self._enumerated

    def release(self) -> None:
        """Let the device go."""
        self._is_released = True
        if self._imported is not None:
            self._imported.close()

    def control(
        self,
        request_type: int,
        request: int,
        value: int,
        index: int,
        length: int,
        data: bytes = b"",
        *,
        seconds: float | None = _ENUMERATION_SECONDS,
    ) -> bytes:
        """Do one control transfer. Raises USBError."""
        setup = struct.pack("<BBHHH", request_type, request, value, index, length)
        if self._imported is None:
            raise _usb_error(NoSuchDevice(f"the device at {self.remote.bus_id} was never opened"))
        try:
            return self._imported.control(setup, data, seconds)
        except UsbIpError as error:
            raise _usb_error(error) from error

    def _enumerate(self) -> _Enumerated:
        try:
            device = parse_device(self._descriptor(DEVICE_KIND, 0, DEVICE_SIZE))
            configurations = [self._configuration(index) for index in range(device.bNumConfigurations)]
        except MalformedDescriptor as error:
            raise usb.core.USBError(
                f"Input/Output Error: {error}", libusb1.LIBUSB_ERROR_IO, errno.EIO
            ) from error
        if configurations:
            self.control(0x00, 9, configurations[0].descriptor.bConfigurationValue, 0, 0)
        return _Enumerated(device, configurations)

    def _configuration(self, index: int) -> Configuration:
        head = self._descriptor(CONFIGURATION_KIND, index, CONFIGURATION_SIZE)
        return parse_configuration(self._descriptor(CONFIGURATION_KIND, index, total_length(head)))

    def _descriptor(self, kind: int, index: int, length: int) -> bytes:
        return self.control(0x80, 6, kind << 8 | index, 0, length)


def _ports(bus_id: str) -> tuple[int, ...] | None:
    """Return the port chain of a bus id as Linux writes it (`1-2.3`)."""
    _, _, chain = bus_id.partition("-")
    numbers = chain.split(".")
    return (
        tuple(int(number) for number in numbers)
        if all(n.isascii() and n.isdigit() for n in numbers)
        else None
    )


def _usb_error(error: UsbIpError) -> usb.core.USBError:
    """Return the error as pyusb's users know it from libusb."""
    match error:
        case DeviceBusy():
            return usb.core.USBError("Resource busy", libusb1.LIBUSB_ERROR_BUSY, errno.EBUSY)
        case NoSuchDevice():
            code, number, text = _ERRORS[errno.ENODEV]
        case TransferTimedOut():
            code, number, text = _ERRORS[errno.ETIMEDOUT]
        case TransferFailed(errno=failure):
            code, number, text = _ERRORS.get(
                failure or 0, (libusb1.LIBUSB_ERROR_IO, errno.EIO, "Input/Output Error")
            )
        case _:
            return usb.core.USBError(
                error.strerror or str(error), libusb1.LIBUSB_ERROR_IO, errno.ECONNREFUSED
            )
    kind = usb.core.USBTimeoutError if number == errno.ETIMEDOUT else usb.core.USBError
    return kind(text, code, number)
