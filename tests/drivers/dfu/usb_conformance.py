"""A hub on a simulated USB as the conformance suite wants it."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterator

from usb_bench import TARGET_IMAGE, Authority, Bench, SeatedHub, open_bench

from drivers.conformance.device import DeviceUnderTest, Inspection
from drivers.dfu.plugin import PLUGIN
from simulators.dfu_modes import DfuProfile
from simulators.faults import Fault, FaultName
from simulators.flash import FlashArea
from simulators.image import find_image
from simulators.keys import generate_key

PROFILE = DfuProfile(off_the_bus=0.02, manifestation=0.01, transfer_size=256)


def image_sha256(area: FlashArea) -> bytes | None:
    """What is in a slot, read from the flash itself."""
    image = find_image(area)
    return None if image is None else hashlib.sha256(area.read(0, image.size)).digest()


class UsbHub(DeviceUnderTest):
    """Every ability: its bench is software."""

    plugin = PLUGIN
    place = "1-1"
    absent_place = "/dev/ttyUSB0"
    image = TARGET_IMAGE

    _bench: Bench
    _seated: SeatedHub

    @contextlib.asynccontextmanager
    async def at_the_bench(self) -> AsyncIterator[None]:
        async with open_bench(self.place) as self._bench:
            self._seated = self._bench.seat(self.place, PROFILE)
            self.settings = self._bench.settings(transfer_seconds=0.1, return_seconds=1.0)
            yield

    def authority(self) -> Authority:
        return Authority()

    def wrong_authority(self) -> Authority:
        return Authority(generate_key())

    async def remove(self) -> None:
        await self._seated.power_off()

    async def seat(self) -> None:
        self._seated.power_on()

    async def cut_power(self) -> None:
        await self._seated.power_off()

    async def restore_power(self) -> None:
        self._seated.power_on()

    async def cut_link(self) -> None:
        server = self._bench.server
        self._port = server.ports.pop(self.place)
        server.close_connections()

    async def restore_link(self) -> None:
        self._bench.server.ports[self.place] = self._port

    async def silence(self) -> None:
        self._seated.faults.arm(Fault(name=FaultName.LOSE_REQUEST, times=1_000_000))

    async def speak(self) -> None:
        self._seated.faults.disarm()

    async def exchange_at_next_boot(self) -> None:
        self._seated.faults.arm(Fault(name=FaultName.ANOTHER_HUB))

    async def vanish_at_next_boot(self) -> None:
        self._seated.faults.arm(Fault(name=FaultName.NO_ANSWER))

    async def inspect(self) -> Inspection:
        layout = self._seated.hub.layout
        running = image_sha256(layout.primary)
        assert running is not None, "a hub is never left without an image"
        return Inspection(running, image_sha256(layout.secondary), self._seated.hub.lock.wrong_answers)
