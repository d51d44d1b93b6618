"""What the entry point `smp` of the group `reflash.drivers` names."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel

from drivers.hub import DriverPlugin
from drivers.smp.device import open_device
from drivers.smp.driver import SmpHubDriver
from drivers.smp.settings import SmpSettings


class SmpPlugin:
    """Opens hubs that speak SMP over a serial port; a place is the port's path."""

    name = "smp"
    settings_model: type[BaseModel] = SmpSettings

    async def open(self, place: str, settings: BaseModel) -> SmpHubDriver:
        """Take the port. Raises PlaceUnavailable with what to do about it. Sends nothing to the hub."""
        return SmpHubDriver(await open_device(place, SmpSettings.model_validate(settings.model_dump())))


PLUGIN: Final[DriverPlugin] = SmpPlugin()
