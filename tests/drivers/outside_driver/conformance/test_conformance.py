"""The driver keeps the station's contract, as far as this hub can show it."""

from __future__ import annotations

import contextlib
import hashlib
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import ClassVar

import pytest
from reflash_xmodem.plugin import PLUGIN
from reflash_xmodem.settings import XmodemSettings
from simulated_hub import SimulatedHub, Stored

from drivers.conformance.device import Ability, DeviceUnderTest, Difference, Inspection
from drivers.conformance.suite import DriverConformance
from firmware_catalog.formats import read_image
from firmware_catalog.identity import FirmwareVersion
from firmware_catalog.image import ImageKind

FACTORY = random.Random(1).randbytes(3_000)
TARGET = random.Random(2).randbytes(5_000)


class XmodemHub(DeviceUnderTest):
    """A simulated hub in reach of this program's hands."""

    plugin = PLUGIN
    settings = XmodemSettings(
        answer_seconds=0.5,  # hub and driver share a loop, which a busy machine holds up
        attempts=3,
        erase_seconds=2.0,
        return_seconds=5.0,
        removal_seconds=0.4,
        probe_seconds=0.06,
    )
    image = read_image(TARGET, ImageKind.RAW, FirmwareVersion.parse("00020000"))
    cannot: ClassVar = {Ability.LOCK: "the loader takes an image from whoever speaks to it"}

    def __init__(self, folder: Path) -> None:
        self.place = str(folder / "port")
        self.absent_place = str(folder / "no-port")

    @contextlib.asynccontextmanager
    async def at_the_bench(self) -> AsyncIterator[None]:
        self._hub = SimulatedHub(Path(self.place), Stored("00010000", FACTORY))
        self._hub.line.plug()
        self._hub.power_on()
        try:
            yield
        finally:
            self._hub.power_off()
            self._hub.line.unplug()

    async def remove(self) -> None:
        self._hub.power_off()

    async def seat(self) -> None:
        self._hub.power_on()

    async def cut_power(self) -> None:
        self._hub.power_off()

    async def restore_power(self) -> None:
        self._hub.power_on()

    async def cut_link(self) -> None:
        self._hub.line.unplug()

    async def restore_link(self) -> None:
        self._hub.line.plug()

    async def silence(self) -> None:
        self._hub.silent = True

    async def speak(self) -> None:
        self._hub.silent = self._hub.refuses = self._hub.garbles = False

    async def exchange_at_next_boot(self) -> None:
        self._hub.exchange_at_boot = True

    async def exchange(self, difference: Difference) -> None:
        self._hub.exchange(
            chf=difference is Difference.IDS,
            gpf=difference in {Difference.IDS, Difference.GPF},
            model=difference is Difference.MODEL,
        )
        await self._hub.up.wait()

    async def exchange_at_next_change(self) -> None:
        self._hub.exchange_at_change = True

    async def refuse(self) -> None:
        self._hub.refuses = True

    async def garble(self) -> None:
        self._hub.garbles = True

    async def vanish_at_next_boot(self) -> None:
        self._hub.vanish_at_boot = True

    async def inspect(self) -> Inspection:
        spare = self._hub.spare
        return Inspection(
            running_sha256=hashlib.sha256(self._hub.running.data).digest(),
            spare_sha256=None if spare is None else hashlib.sha256(spare.data).digest(),
            changes=self._hub.changes,
        )


class TestXmodemHub(DriverConformance):
    @pytest.fixture
    def device(self, tmp_path: Path) -> XmodemHub:
        return XmodemHub(tmp_path)
