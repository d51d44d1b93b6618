"""The USB buses that a driver can reach: looks at them without opening anything, and opens one place's device.

Everything here blocks, and belongs to one thread at a time.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import usb.core
import usb.util
from usb.backend import libusb1

from drivers.descriptors import shortage
from drivers.dfu.place import PlaceError, UsbPlace
from drivers.dfu.settings import DfuSettings
from drivers.dfu.usbip_backend import UsbIpBackend
from drivers.errors import HubAction, LinkLost, PlaceUnavailable
from drivers.topology import remedy, unavailable

HUB_CLASS: Final = 9
UDEV_RULE: Final = (
    'SUBSYSTEM=="usb", ATTR{{idVendor}}=="{:04x}", ATTR{{idProduct}}=="{:04x}", GROUP="plugdev", MODE="0660"'
)
"""What lets the members of a group open a kind of device."""

InterfaceKind = tuple[int, int, int]
"""bInterfaceClass, bInterfaceSubClass and bInterfaceProtocol."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A device at a place, as it can be seen without opening it."""

    place: UsbPlace
    address: int
    """Given anew whenever a device appears on the bus."""
    vendor: int
    product: int
    is_usb_hub: bool
    """Whether it is a hub in USB's sense, which other devices hang on."""

    def __str__(self) -> str:
        kind = "a USB hub" if self.is_usb_hub else "a device"
        return f"{kind} {self.vendor:04x}:{self.product:04x} at {self.place}"


class UsbBus(Protocol):
    """A way to USB devices."""

    tells_changes: bool
    """Whether the kernel sends an event when a device comes or goes."""

    def sightings(self) -> list[Sighting]:
        """Return what is there, having opened nothing. Raises LinkLost when the bus itself cannot be reached."""
        ...

    def survey(self) -> list[tuple[Sighting, tuple[InterfaceKind, ...]]]:
        """Return the same, each with the kinds of its interfaces, having opened nothing. Raises as `sightings`."""
        ...

    def open(self, place: UsbPlace) -> usb.core.Device | None:
        """Return the device at the place, not yet used; None if there is none. Raises USBError."""
        ...

    def node(self, sighting: Sighting) -> Path | None:
        """Return the device file through which it is opened; None where there is none."""
        ...

    def denial(self, sighting: Sighting, action: HubAction) -> PlaceUnavailable | None:
        """Say what to do if this user may not open the device; None if nothing is known against it."""
        ...

    def close(self) -> None:
        """Let every device go."""
        ...


class LibusbBus:
    """The machine's own buses, through libusb and usbfs."""

    tells_changes = True

    def __init__(self) -> None:
        self._backend = libusb1.get_backend()
        if self._backend is None:
            short = shortage()
            raise unavailable(
                short or "libusb is not installed", "" if short else "apt-get install libusb-1.0-0"
            )

    def sightings(self) -> list[Sighting]:
        """Return what is there, having opened nothing."""
        return [_sighting(device) for device in self._devices()]

    def survey(self) -> list[tuple[Sighting, tuple[InterfaceKind, ...]]]:
        """Return the same with the interfaces: the kernel keeps every descriptor for whoever asks."""
        return [(_sighting(device), _interfaces(device)) for device in self._devices()]

    def open(self, place: UsbPlace) -> usb.core.Device | None:
        """Return the device at the place."""
        return usb.core.find(
            backend=self._backend,
            custom_match=lambda device: (device.bus, device.port_numbers) == (place.bus, place.ports),
        )

    def node(self, sighting: Sighting) -> Path:
        """Return usbfs's file of the device."""
        return Path(f"/dev/bus/usb/{sighting.place.bus:03d}/{sighting.address:03d}")

    def denial(self, sighting: Sighting, action: HubAction) -> PlaceUnavailable | None:
        """Say which udev rule is missing if this user may not open the device."""
        node = self.node(sighting)
        if not node.exists() or os.access(node, os.R_OK | os.W_OK, effective_ids=True):
            return None
        rule = UDEV_RULE.format(sighting.vendor, sighting.product)
        return PlaceUnavailable(
            f"{node} ({sighting}) may not be opened by this user",
            action=action,
            state_known=True,
            advice=remedy(node, rule),
        )

    def close(self) -> None:
        """Nothing: libusb's context is the process's."""

    def _devices(self) -> list[Any]:
        try:
            found = list(usb.core.find(find_all=True, backend=self._backend))
        except usb.core.USBError as error:
            raise LinkLost(
                f"USB cannot be looked at ({error.strerror})",
                action=HubAction.WAIT,
                state_known=True,
                advice="check that the kernel has USB",
            ) from error
        return [device for device in found if device.port_numbers]


class UsbIpBus:
    """The devices of a USB/IP server, of which only one place's is ever imported."""

    tells_changes = False

    def __init__(self, host: str, port: int, place: UsbPlace | None) -> None:
        self._host = host
        self._port = port
        self._backend = UsbIpBackend(host, port, None if place is None else frozenset({str(place)}))

    def sightings(self) -> list[Sighting]:
        """Return what is there, having imported nothing more."""
        return [sighting for sighting, _ in self.survey()]

    def survey(self) -> list[tuple[Sighting, tuple[InterfaceKind, ...]]]:
        """Return the same with the interfaces that the server's list names."""
        try:
            listed = self._backend.listed()
        except usb.core.USBError as error:
            short = shortage()
            raise LinkLost(
                short or str(error.strerror),
                action=HubAction.WAIT,
                state_known=True,
                advice="" if short else "start it, or correct usbip_host and usbip_port",
            ) from error
        found = []
        for device in listed:
            try:
                place = UsbPlace.parse(device.bus_id)
            except PlaceError:
                continue  # a server may name its devices as it likes; such a one has no place
            is_usb_hub = device.device_class == HUB_CLASS
            sighting = Sighting(place, device.address, device.vendor, device.product, is_usb_hub)
            found.append((sighting, device.interfaces))
        return found

    def open(self, place: UsbPlace) -> usb.core.Device | None:
        """Import the device at the place."""
        return usb.core.find(
            backend=self._backend,
            custom_match=lambda device: (device.bus, device.port_numbers) == (place.bus, place.ports),
        )

    def node(self, sighting: Sighting) -> None:
        """Nothing here has a file."""

    def denial(self, sighting: Sighting, action: HubAction) -> PlaceUnavailable | None:  # noqa: ARG002 -- a server has no permissions to ask for
        """Nothing is ever known."""
        return None

    def close(self) -> None:
        """Let every device go."""
        self._backend.close()


BEHIND_A_USB_HUB: Final = "name a place behind it, or unplug it"


def usb_hub_line(place: object, behind: Iterable[UsbPlace]) -> str:
    """Say that a USB hub sits where a slot's hub should."""
    listed = ", ".join(str(other) for other in sorted(behind)) or "nothing"
    return f"a USB hub sits at {place}, with {listed} behind it"


def open_bus(settings: DfuSettings, place: UsbPlace | None) -> UsbBus:
    """Return the bus that the settings name, for one place or, with None, to look at all.

    Raises PlaceUnavailable when there is no libusb.
    """
    if settings.backend == "usbip":
        return UsbIpBus(settings.usbip_host, settings.usbip_port, place)
    return LibusbBus()


def is_gone(error: usb.core.USBError) -> bool:
    """Whether the error says that the device has left the bus, or that the cable fails."""
    return error.errno in {
        errno.ENODEV,
        errno.ENOENT,
        errno.ESHUTDOWN,
        errno.EIO,
        errno.EPROTO,
        errno.ECONNRESET,
    }


def _interfaces(device: Any) -> tuple[InterfaceKind, ...]:
    try:
        return tuple(
            (setting.bInterfaceClass, setting.bInterfaceSubClass, setting.bInterfaceProtocol)
            for configuration in device
            for setting in configuration
        )
    except usb.core.USBError:
        return ()  # one that was never configured, or just left


def _sighting(device: Any) -> Sighting:
    return Sighting(
        place=UsbPlace(device.bus, tuple(device.port_numbers)),
        address=device.address,
        vendor=device.idVendor,
        product=device.idProduct,
        is_usb_hub=device.bDeviceClass == HUB_CLASS,
    )
