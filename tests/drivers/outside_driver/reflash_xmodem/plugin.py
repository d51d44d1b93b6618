"""What the entry point `xmodem` of the group `reflash.drivers` names."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel

from drivers.hub import DriverPlugin
from drivers.serial_link import open_serial_link
from reflash_xmodem.console import Console
from reflash_xmodem.driver import XmodemHubDriver
from reflash_xmodem.settings import XmodemSettings


class XmodemPlugin:
    """Opens hubs at serial ports; a place is a port's path."""

    name = "xmodem"
    settings_model: type[BaseModel] = XmodemSettings

    async def open(self, place: str, settings: BaseModel) -> XmodemHubDriver:
        """Take the port. Raises PlaceUnavailable. Sends nothing."""
        chosen = XmodemSettings.model_validate(settings.model_dump())
        return XmodemHubDriver(Console(await open_serial_link(place, chosen), chosen))


PLUGIN: Final[DriverPlugin] = XmodemPlugin()
