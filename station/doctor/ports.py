"""Whether each place can be used, and each serial port is quick to answer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from drivers.errors import PlaceUnavailable
from drivers.places import PlaceFinder
from drivers.serial_link import SerialSettings, open_serial_link
from drivers.topology import UDEV_RULES, SerialPorts
from station.doctor.report import Finding, fault, ok, warning

_FTDI_MILLISECONDS: Final = 1
"""The latency timer that the station sets; at the adapter's own 16 ms every short answer comes late."""


@dataclass(frozen=True, slots=True)
class PlaceLook:
    """What can be seen of a slot's place without opening it."""

    may_be_asked: bool
    """Whether there is any sense in opening it."""
    findings: tuple[Finding, ...] = ()


async def look_at_place(where: str, place: str, finder: PlaceFinder | None, settings: BaseModel) -> PlaceLook:
    """See what is at a place and whether this user may open it."""
    if finder is None:
        return PlaceLook(may_be_asked=True)
    try:
        sight = await finder.see_place(place, settings)
    except PlaceUnavailable as error:
        return PlaceLook(may_be_asked=False, findings=(fault(where, str(error)),))
    if sight is not None and sight.hindrance is not None:
        return PlaceLook(may_be_asked=False, findings=(fault(where, sight.hindrance),))
    return PlaceLook(may_be_asked=True)


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
