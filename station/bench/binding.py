"""Finds out which port belongs to which slot: by a hub that somebody seats there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from drivers.errors import DriverError
from drivers.hub import DriverPlugin, HubIdentity
from drivers.topology import USB_PREFIX, SerialPorts, same_place

BY_PATH: Final = Path("/dev/serial/by-path")
"""Where udev keeps links that are named after the sockets."""


class NotBound(Exception):
    """No port, or no single one, belongs to the slot. One line that says what to do."""


@dataclass(frozen=True, slots=True)
class Look:
    """Who answers where, at one moment."""

    hubs: Mapping[str, HubIdentity]
    """By place."""
    unusable: tuple[str, ...]
    """Why the other places could not be asked, a line each."""


def places_in(folder: Path) -> tuple[str, ...]:
    """Return the links to serial ports in a folder, one for each port. Raises NotBound when there is no port."""
    by_device: dict[str, str] = {}
    try:
        links = sorted(folder.iterdir())
    except OSError as error:
        raise NotBound(
            f"{folder}: {error.strerror}; name the folder of the ports' links with --among"
        ) from error
    for link in links:
        if link.is_char_device():
            by_device.setdefault(same_place(str(link)), str(link))
    if not by_device:
        raise NotBound(f"{folder} has no link to a serial port: plug the adapters in")
    return tuple(by_device.values())


def places_of_this_machine() -> tuple[str, ...]:
    """Return the places of all USB serial adapters: udev's links, or else their USB locations. Raises NotBound."""
    if BY_PATH.is_dir():
        return places_in(BY_PATH)
    found = tuple(f"{USB_PREFIX}{port.usb.interface}" for port in SerialPorts().all() if port.usb)
    if not found:
        raise NotBound("no USB serial adapter was found: plug the adapters in")
    return found


async def look_around(
    plugin: DriverPlugin, settings: BaseModel, places: Iterable[str], seconds: float
) -> Look:
    """Ask at every place, all at once, for a hub that answers within `seconds`."""
    hubs: dict[str, HubIdentity] = {}
    unusable: list[str] = []

    async def ask(place: str) -> None:
        try:
            driver = await plugin.open(place, settings)
        except DriverError as error:
            unusable.append(str(error))
            return
        try:
            async with asyncio.timeout(seconds):
                hubs[place] = await driver.wait_for_hub()
        except TimeoutError:
            pass  # nobody there
        except DriverError as error:
            unusable.append(str(error))
        finally:
            await driver.close()

    async with asyncio.TaskGroup() as group:
        for place in places:
            group.create_task(ask(place))
    return Look(hubs, tuple(sorted(unusable)))


def newly_answering(before: Look, now: Look) -> tuple[str, HubIdentity]:
    """Return the one place at which another hub answers than before. Raises NotBound."""
    new = {
        place: hub
        for place, hub in now.hubs.items()
        if place not in before.hubs or before.hubs[place].chf != hub.chf
    }
    if len(new) == 1:
        return next(iter(new.items()))
    if new:
        raise NotBound(f"hubs newly answer at {' and '.join(sorted(new))}; seat one hub at a time")
    unusable = f" ({now.unusable[0]})" if now.unusable else ""
    raise NotBound(f"no hub newly answers anywhere{unusable}; check how it sits and its power, and try again")
