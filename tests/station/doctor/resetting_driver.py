"""A driver for hubs behind an adapter whose DTR line is wired to reset: they boot whenever their port is opened."""

from __future__ import annotations

import asyncio
import json

from drivers.smp.driver import SmpHubDriver
from drivers.smp.plugin import PLUGIN as REAL
from drivers.smp.settings import SmpSettings


class ResettingSettings(SmpSettings):
    control: str
    """The rig's control socket."""


class ResettingPlugin:
    name = "resetting"
    settings_model = ResettingSettings

    async def open(self, place: str, settings: ResettingSettings) -> SmpHubDriver:
        driver = await REAL.open(place, SmpSettings(**settings.model_dump(exclude={"control"})))
        jig, slot = (int("".join(filter(str.isdigit, part))) for part in place.split("/")[-2:])
        reader, writer = await asyncio.open_unix_connection(settings.control)
        fault = {"name": "reboot", "jig": jig, "slot": slot}
        writer.write(json.dumps({"do": "fault", "fault": fault}).encode() + b"\n")
        assert json.loads(await reader.readline())["ok"]
        writer.close()
        await writer.wait_closed()
        return driver


PLUGIN = ResettingPlugin()
