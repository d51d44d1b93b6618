"""What the entry point `dfu` of the group `reflash.drivers` names."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel

from drivers.dfu.bus import open_bus
from drivers.dfu.driver import DfuHubDriver
from drivers.dfu.place import PlaceError
from drivers.dfu.port import UsbPort
from drivers.dfu.settings import DfuSettings
from drivers.dfu.sights import UsbPlaces, parse_place
from drivers.errors import LinkLost
from drivers.hub import DriverPlugin
from drivers.topology import unavailable


class DfuPlugin(UsbPlaces):
    """Opens hubs on USB; a place is a bus and a chain of ports (`usb:1-2.3`, or `1-2.3` alone)."""

    name = "dfu"
    settings_model: type[BaseModel] = DfuSettings

    async def open(self, place: str, settings: BaseModel) -> DfuHubDriver:
        """Take the place, with or without a hub at it. Sends nothing to a hub.

        Raises PlaceUnavailable with what to do: no such place, no USB, or a device that may not be opened.
        """
        return DfuHubDriver(await open_port(place, DfuSettings.model_validate(settings.model_dump())))


async def open_port(place: str, settings: DfuSettings) -> UsbPort:
    """Take a USB place. Raises PlaceUnavailable with what to do about it."""
    try:
        usb_place = parse_place(place)
    except PlaceError as error:
        raise unavailable(str(error), "") from error
    port = UsbPort(usb_place, open_bus(settings, usb_place), settings)
    try:
        await port.require_usable()
    except LinkLost as error:
        await port.close()
        raise unavailable(error.happened, error.advice) from error
    except BaseException:
        await port.close()
        raise
    return port


PLUGIN: Final[DriverPlugin] = DfuPlugin()
