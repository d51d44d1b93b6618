"""Where a serial port is: places that stay with a socket, resolved to the device that is plugged in there now.

A place is a path (best a link below /dev/serial/by-path, which udev names after the socket), or `usb:` and pyserial's
`location`: `usb:1-2.3` for the only port of the adapter on bus 1, port 2, port 3 of the hub there, and
`usb:1-2.3:1.1` for one interface of an adapter with several. Device names such as ttyUSB3 change from boot to boot
and from plug to plug, so a place is resolved anew each time a port is opened.

The forms read from sysfs are those of the kernel's Documentation/ABI/testing/sysfs-bus-usb.
"""

from __future__ import annotations

import grp
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from drivers.errors import HubAction, PlaceUnavailable

USB_PREFIX: Final = "usb:"
UDEV_RULES: Final = "deploy/udev/70-reflash.rules"
"""What gives serial adapters and hubs on USB to a group, and sets the adapters' latency timer."""

_PLUG_IN: Final = "plug the adapter in there"
_LOCATION: Final = re.compile(r"\d+-\d+(?:\.\d+)*(?::\d+\.\d+)?", re.ASCII)
_INTERFACE: Final = re.compile(r"\d+-\d+(?:\.\d+)*:\d+\.\d+", re.ASCII)
_SHOWN: Final = 4
"""So many ports are named in a message; the rest are counted."""
_HIGH_SPEED: Final = 480.0
_FULL_SPEED: Final = 12.0
"""Megabits a second, as sysfs writes a device's `speed`."""
_MULTIPLE_TRANSLATORS: Final = 2
"""bDeviceProtocol of a high-speed hub that has a transaction translator at each port (USB 2.0, 11.23.1)."""


class NothingThere(PlaceUnavailable):
    """No serial port is at the place; it may come."""


@dataclass(frozen=True, slots=True)
class UsbAdapter:
    """The USB side of a serial port."""

    location: str
    """Bus and ports of the adapter: `1-2.3`."""
    interface: str
    """The same with configuration and interface: `1-2.3:1.0`."""
    product: str
    """What the adapter calls itself, or its vendor and product ids."""
    shared_full_speed_bus: str | None
    """What it shares 12 Mbit/s with others on: a hub with one translator, or a chain at a port. None if faster."""
    latency_milliseconds: int | None
    """How long an FTDI adapter may hold short answers back; None for other adapters."""


@dataclass(frozen=True, slots=True)
class SerialPort:
    """A serial port that is there now."""

    device: Path
    usb: UsbAdapter | None

    def __str__(self) -> str:
        if self.usb is None:
            return str(self.device)
        return f"{self.device.name} at {USB_PREFIX}{self.usb.interface} ({self.usb.product})"


class SerialPorts:
    """The serial ports of this machine. Opens none of them. Looks at the disk: not for the event loop."""

    def __init__(self, sys: Path = Path("/sys"), dev: Path = Path("/dev")) -> None:
        self._sys = sys
        self._dev = dev

    def all(self) -> tuple[SerialPort, ...]:
        """Return the ports that have hardware behind them, those of USB adapters last and in order of their place."""
        ports = list(self._found())
        return tuple(sorted(ports, key=lambda port: (port.usb.interface if port.usb else "", port.device)))

    def resolve(self, place: str) -> SerialPort:
        """Return the port at a place, now. Raises PlaceUnavailable, saying what was found instead."""
        if (fault := fault_in_place(place)) is not None:
            raise unavailable(fault, "")
        if place.startswith(USB_PREFIX):
            return self._at_location(place)
        try:
            device = Path(place).resolve(strict=True)
        except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
            raise _nothing_there(
                f"{place} is not there",
                "plug the adapter in, or correct the port in the configuration",
                self._found_instead(),
            ) from error
        return SerialPort(device, self._usb_of(device.name))

    def denial(self, device: Path) -> str | None:
        """Say what to do if this user may not open the device; None if it may."""
        if os.access(device, os.R_OK | os.W_OK, effective_ids=True):
            return None
        return remedy(device)

    def _found(self) -> Iterator[SerialPort]:
        terminals = self._sys / "class" / "tty"
        try:
            names = sorted(folder.name for folder in terminals.iterdir())
        except OSError:
            return
        for name in names:
            # Only real ports have a device; a UART of the chip set that is not fitted has the type 0 (PORT_UNKNOWN).
            if not (terminals / name / "device").exists() or _read(terminals / name / "type") == "0":
                continue
            yield SerialPort(self._dev / name, self._usb_of(name))

    def _at_location(self, place: str) -> SerialPort:
        location = place.removeprefix(USB_PREFIX)
        there = [
            port for port in self.all() if port.usb and location in {port.usb.location, port.usb.interface}
        ]
        if not there:
            nothing = f"no serial port is at {place}", _PLUG_IN
            raise _nothing_there(*(self._without_a_port(location) or nothing), self._found_instead())
        if len(there) > 1:
            raise unavailable(f"{place} is ambiguous", f"name one of {_listed(there)}")
        return there[0]

    def _without_a_port(self, location: str) -> tuple[str, str] | None:
        """Say what else is plugged in at a location, if something is, and what to do about it."""
        device = self._sys / "bus" / "usb" / "devices" / location.partition(":")[0]
        if not device.exists():
            return None
        what = f"what sits at {USB_PREFIX}{device.name} ({_product(device)}) is no serial adapter"
        if any(_does_dfu(interface) for interface in device.glob(f"{device.name}:*")):
            return f"{what}, it does DFU", f'set driver = "dfu" for its jig, or {_PLUG_IN}'
        return what, _PLUG_IN

    def _found_instead(self) -> str:
        ports = [port for port in self.all() if port.usb]
        return f"found instead: {_listed(ports)}" if ports else "no USB serial port was found"

    def _usb_of(self, name: str) -> UsbAdapter | None:
        terminal = self._sys / "class" / "tty" / name
        try:
            chain = [terminal.resolve(strict=True), *terminal.resolve(strict=True).parents]
        except (OSError, RuntimeError):
            return None
        interface = next((folder for folder in chain if _INTERFACE.fullmatch(folder.name)), None)
        if interface is None:
            return None
        adapter = interface.parent
        latency = _read(terminal / "device" / "latency_timer")
        return UsbAdapter(
            location=adapter.name,
            interface=interface.name,
            product=_product(adapter),
            shared_full_speed_bus=_shared_full_speed_bus(adapter),
            latency_milliseconds=int(latency) if latency.isdecimal() else None,
        )


def denied(device: Path) -> PlaceUnavailable:
    """Return the error of a device that this user may not open."""
    return unavailable(f"{device} may not be opened by this user", remedy(device))


def fault_in_place(place: str) -> str | None:
    """Say why a text can be no serial port's place; None if it can."""
    if place.startswith("/"):
        return None
    if place.startswith(USB_PREFIX):
        if _LOCATION.fullmatch(place.removeprefix(USB_PREFIX)):
            return None
        return (
            f"{place!r} is no place: after {USB_PREFIX} come bus and ports, such as 1-2.3, and the interface"
            " of an adapter with several ports, such as 1-2.3:1.1"
        )
    if _LOCATION.fullmatch(place):
        return f"{place!r} is no serial port's place: the port of an adapter there is {USB_PREFIX}{place}"
    return f"{place!r} is no place: give a path, or {USB_PREFIX} and bus, ports, interface"


def same_place(place: str) -> str:
    """Return what two places have in common if they lead to one device now.

    One that leads nowhere is itself; a USB place that is written without `usb:` gets it.
    """
    if _LOCATION.fullmatch(place):
        place = f"{USB_PREFIX}{place}"
    try:
        return str(SerialPorts().resolve(place).device)
    except PlaceUnavailable:
        return place


def remedy(device: Path, rule: str | None = None) -> str:
    """Say what a user does who may not open a device: join its group, or install the rule that gives it one.

    `rule` is one for this kind of device alone, where the usual rules may not know it.
    """
    rules = f"{UDEV_RULES}, or the rule {rule}," if rule else UDEV_RULES
    try:
        about = device.stat()
        group = grp.getgrgid(about.st_gid).gr_name
    except (OSError, KeyError):
        return f"install the udev rules {rules} and plug it in again"
    wanted = stat.S_IRGRP | stat.S_IWGRP
    if about.st_mode & wanted == wanted and about.st_gid != 0:
        return f"add the user to the group {group} (usermod -aG {group} USER) and log in again"
    return f"no group may; install the udev rules {rules} and plug it in again"


def _shared_full_speed_bus(adapter: Path) -> str | None:
    """Find whose 12 Mbit/s a full-speed adapter uses: the hub that translates for it, or the chain it begins at."""
    if _speed(adapter) != _FULL_SPEED:
        return None
    top = adapter
    while _speed(top.parent) == _FULL_SPEED and not top.parent.name.startswith("usb"):
        top = top.parent
    hub = top.parent
    translates = _speed(hub) == _HIGH_SPEED and not hub.name.startswith("usb")
    protocol = _read(hub / "bDeviceProtocol")
    if translates and (not protocol.isdecimal() or int(protocol) != _MULTIPLE_TRANSLATORS):
        return hub.name
    return top.name


def _speed(device: Path) -> float | None:
    try:
        return float(_read(device / "speed"))
    except ValueError:
        return None


def _product(device: Path) -> str:
    return _read(device / "product") or f"{_read(device / 'idVendor')}:{_read(device / 'idProduct')}"


def _does_dfu(interface: Path) -> bool:
    """Whether the interface's class is application specific, DFU (USB DFU 1.1, 4.1.2)."""
    return (_read(interface / "bInterfaceClass"), _read(interface / "bInterfaceSubClass")) == ("fe", "01")


def _read(attribute: Path) -> str:
    try:
        return attribute.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _listed(ports: list[SerialPort]) -> str:
    named = ", ".join(str(port) for port in ports[:_SHOWN])
    return named if len(ports) <= _SHOWN else f"{named} and {len(ports) - _SHOWN} more"


def unavailable(happened: str, advice: str | None = None) -> PlaceUnavailable:
    """Return the error of a place that cannot be taken or looked at, nothing having been done to a hub."""
    return PlaceUnavailable(happened, action=HubAction.OPEN, state_known=True, advice=advice)


def _nothing_there(happened: str, advice: str, besides: str) -> NothingThere:
    return NothingThere(happened, action=HubAction.OPEN, state_known=True, advice=advice, besides=besides)
