"""Who uploads: the station's own driver, and smpclient as it comes."""

from __future__ import annotations

from typing import Final, Protocol

from smpclient import SMPClient
from smpclient.transport.serial import SMPSerialRawTransport, SMPSerialTransport

from drivers.hub import ExpectedDevice, HubDriver
from drivers.smp.plugin import PLUGIN
from drivers.smp.settings import SmpSettings
from firmware_catalog.image import FirmwareImage

STATION: Final = "station"
SMPCLIENT: Final = "smpclient"


class Uploader(Protocol):
    """One port, open, and its hub there."""

    async def upload(self, image: FirmwareImage) -> None:
        """Return once the hub holds the image."""
        ...

    async def close(self) -> None:
        """Give the port back."""
        ...


class StationUploader:
    """The production path: `HubDriver.flash`, with the questions that it puts before and after."""

    def __init__(self, driver: HubDriver, hub: ExpectedDevice) -> None:
        self._driver = driver
        self._hub = hub

    async def upload(self, image: FirmwareImage) -> None:
        """Return once the hub holds the image."""
        await self._driver.flash(self._hub, image, lambda _: None)

    async def close(self) -> None:
        """Give the port back."""
        await self._driver.close()


class SmpclientUploader:
    """smpclient, stock: its defaults for everything but the line rate. It keeps one chunk under way."""

    def __init__(self, client: SMPClient) -> None:
        self._client = client

    async def upload(self, image: FirmwareImage) -> None:
        """Return once the hub holds the image."""
        async for _ in self._client.upload(image.data):
            pass

    async def close(self) -> None:
        """Give the port back."""
        await self._client.disconnect()


async def open_uploader(name: str, port: str, settings: SmpSettings) -> Uploader:
    """Open the port with the client of this name, and meet the hub, as either does before it uploads."""
    if name == SMPCLIENT:
        transport = SMPSerialTransport if settings.framing == "console" else SMPSerialRawTransport
        client = SMPClient(transport(baudrate=settings.baud), port)
        await client.connect()
        return SmpclientUploader(client)
    driver = await PLUGIN.open(port, settings)
    hub = await driver.wait_for_hub()
    return StationUploader(driver, hub.device)
