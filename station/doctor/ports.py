"""Whether each serial port is there, allowed, and quick to answer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from drivers.errors import PlaceUnavailable
from drivers.serial_link import SerialSettings, open_serial_link
from drivers.topology import UDEV_RULES, SerialPort, SerialPorts
from station.doctor.report import Finding, fault, ok, warning

_FTDI_MILLISECONDS: Final = 1
"""The latency timer that the station sets; at the adapter's own 16 ms every short answer comes late."""


@dataclass(frozen=True, slots=True)
class PortLook:
    """What can be seen of a port without opening it."""

    port: SerialPort | None
    """None when there is none."""
    findings: tuple[Finding, ...]


def look_at_port(where: str, place: str) -> PortLook:
    """Find the port at a place and see whether this user may open it. Blocks."""
    ports = SerialPorts()
    try:
        port = ports.resolve(place)
    except PlaceUnavailable as error:
        return PortLook(None, (fault(where, str(error)),))
    if (advice := ports.denial(port.device)) is not None:
        return PortLook(None, (fault(where, f"{port.device} may not be opened by this user", advice),))
    return PortLook(port, ())


def look_at_latency(where: str, place: str) -> Iterator[Finding]:
    """Warn of an adapter that is slow although its port is open, and so set up. Blocks."""
    try:
        usb = SerialPorts().resolve(place).usb
    except PlaceUnavailable:
        return
    if usb is not None and (usb.latency_milliseconds or 0) > _FTDI_MILLISECONDS:
        yield warning(
            where,
            f"the adapter holds short answers back for {usb.latency_milliseconds} ms",
            f"install the udev rules {UDEV_RULES} and plug it in again",
        )


def holders(device: Path) -> list[str]:
    """Name the other programs that have the device open, as far as this user may see them. Blocks."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        try:
            if any(link.readlink() == device for link in (process / "fd").iterdir()):
                name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
                found.append(f"{name} (process {process.name})")
        except OSError:
            continue  # it ended, or is another user's
    return sorted(found)


async def check_scanner(where: str, place: str, settings: SerialSettings) -> Finding:
    """Open a label scanner's port."""
    try:
        link = await open_serial_link(place, settings)
    except PlaceUnavailable as error:
        return fault(where, str(error))
    await link.close()
    return ok(where, f"{place} opens; scan a label into `reflash scan` to check the scanner itself")
