"""Hubs on a simulated USB, for tests: one loop serves them, the driver's threads use them over TCP."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from benches.key_authority import KeyAuthority
from benches.looking import until
from drivers.dfu.driver import DfuHubDriver
from drivers.dfu.plugin import open_port
from drivers.dfu.settings import DfuSettings
from drivers.hub import ExpectedDevice
from firmware_catalog.devices import HubIds
from firmware_catalog.identity import DeviceModel, Eui64
from firmware_catalog.image import FirmwareImage
from firmware_catalog.mcuboot import load_image
from simulators.dfu_device import DfuInterface
from simulators.dfu_profile import DfuProfile
from simulators.faults import Fault, SlotFaults
from simulators.firmware import FirmwareSpec, make_firmware
from simulators.flash import FlashTiming, PowerLost
from simulators.hub import Hub, HubBuild, HubTiming, Nameplate
from simulators.keys import generate_key
from simulators.usbip.server import Server, serve

MAKER = generate_key()
UNLOCK_KEY = generate_key()
MANUFACTURER, MODEL = "10A8", "00000011"
QUICK = FlashTiming(erase_page=0.0002, write_byte=0.0)
TIMING = HubTiming(boot_loader=0.01, start=0.02, reset_delay=0.01, watchdog=0.1)


def firmware(version: str, size: int = 20_000, model: str = MODEL) -> bytes:
    return make_firmware(FirmwareSpec(version, MANUFACTURER, model, size=size), MAKER)


FACTORY = firmware("0.1.288")
TARGET = firmware("0.2.303")
TARGET_IMAGE: FirmwareImage = load_image(TARGET)


class Authority(KeyAuthority):
    """Signs with the key of the hubs here."""

    def __init__(self, key: ec.EllipticCurvePrivateKey = UNLOCK_KEY) -> None:
        super().__init__(key)


@dataclass
class SeatedHub:
    """A hub in a port, under power."""

    hub: Hub
    faults: SlotFaults
    interface: DfuInterface
    tasks: asyncio.TaskGroup
    life: asyncio.Task[None] | None = None
    performed: list[Fault] = field(default_factory=list)

    def power_on(self) -> None:
        self.life = self.tasks.create_task(self._live())

    async def power_off(self) -> None:
        life, self.life = self.life, None
        if life is not None:
            life.cancel()
            await asyncio.wait([life])

    def perform(self, fault: Fault) -> None:
        """Pull the hub out, and put it back where the fault says when."""
        self.performed.append(fault)
        self.tasks.create_task(self._pull(fault.seconds))

    async def _pull(self, seconds: float | None) -> None:
        await self.power_off()
        if seconds is not None:
            await asyncio.sleep(seconds)
            self.power_on()

    async def _live(self) -> None:
        while True:
            try:
                await self.hub.run(self.interface, self.faults)
            except PowerLost as lost:
                await asyncio.sleep(lost.seconds or 0.1)


class Bench:
    """A USB/IP server with hubs in its ports."""

    def __init__(self, server: Server, tasks: asyncio.TaskGroup) -> None:
        self.server = server
        self.tasks = tasks
        self.seated: dict[str, SeatedHub] = {}

    def seat(
        self, place: str = "1-1", profile: DfuProfile | None = None, *, serial: int = 1, **build: Any
    ) -> SeatedHub:
        hub = make_hub(serial, **build)
        return self.seat_hub(hub, place, profile)

    def seat_hub(self, hub: Hub, place: str = "1-1", profile: DfuProfile | None = None) -> SeatedHub:
        faults = SlotFaults(1, 1, random.Random(7))
        # Created first, so that faults can be performed on it.
        seated: SeatedHub
        interface = DfuInterface(
            self.server.ports[place],
            profile or DfuProfile(off_the_bus=0.02, manifestation=0.01),
            faults,
            lambda fault: seated.perform(fault),  # noqa: PLW0108 -- there is none yet
        )
        seated = SeatedHub(hub, faults, interface, self.tasks)
        self.seated[place] = seated
        seated.power_on()
        return seated

    async def until_on_the_bus(self, place: str = "1-1") -> None:
        """Wait for a seated hub to have booted."""
        await until(lambda: self.server.ports[place].record is not None)

    def settings(self, **changes: Any) -> DfuSettings:
        host, port = self.server.address
        values = {
            "backend": "usbip",
            "usbip_host": host,
            "usbip_port": port,
            "poll_seconds": 0.02,
            "return_seconds": 5.0,
            "removal_seconds": 0.3,
        }
        return DfuSettings(**(values | changes))

    @contextlib.asynccontextmanager
    async def driver(self, place: str = "1-1", **changes: Any) -> AsyncIterator[DfuHubDriver]:
        driver = DfuHubDriver(await open_port(place, self.settings(**changes)))
        try:
            yield driver
        finally:
            await driver.close()


def expected(serial: int = 1) -> ExpectedDevice:
    """What to tell a driver that `make_hub(serial)` is meant."""
    plate = make_hub(serial, image=None).nameplate
    model = DeviceModel(plate.manufacturer, plate.model)
    assert plate.gpf is not None
    return ExpectedDevice(HubIds(Eui64.from_bytes(plate.chf), Eui64.from_bytes(plate.gpf)), model)


def make_hub(serial: int = 1, *, image: bytes | None = FACTORY, kind: type[Hub] = Hub, **build: Any) -> Hub:
    plate = Nameplate(
        chf=bytes.fromhex("887384") + serial.to_bytes(5, "big"),
        gpf=bytes.fromhex("000b6b") + (serial * 7919).to_bytes(5, "big"),
        manufacturer=MANUFACTURER,
        model=MODEL,
        hardware_version="1.0",
        variant="SBCH",
    )
    values: dict[str, Any] = {
        "maker": MAKER.public_key(),
        "unlock_authority": UNLOCK_KEY.public_key(),
        "slot_pages": 16,
        "flash_timing": QUICK,
        "timing": TIMING,
    }
    hub = kind(plate, HubBuild(**(values | build)), serial)
    if image is not None:
        hub.load_factory_image(image)
    return hub


HUB = expected()
"""The hub that is seated unless another serial number is named."""


@contextlib.asynccontextmanager
async def open_bench(*places: str) -> AsyncIterator[Bench]:
    async with serve(places or ("1-1",)) as server, asyncio.TaskGroup() as tasks:
        bench = Bench(server, tasks)
        try:
            yield bench
        finally:
            for seated in bench.seated.values():
                await seated.power_off()
