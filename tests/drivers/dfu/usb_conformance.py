"""A hub on a simulated USB as the conformance suite wants it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, ClassVar

from benches.simulated_device import SimulatedDevice, WatchedHub
from benches.usb_bench import Authority, Bench, SeatedHub, firmware, make_hub, open_bench
from drivers.dfu.plugin import PLUGIN
from firmware_catalog.mcuboot import load_image
from simulators.dfu_profile import DfuProfile
from simulators.faults import Occasion
from simulators.keys import generate_key

PROFILE = DfuProfile(off_the_bus=0.02, manifestation=0.01, transfer_size=256)
IMAGE = load_image(firmware("0.2.303", size=6_000))


class UsbHub(SimulatedDevice):
    """Every ability: its bench is software."""

    plate: ClassVar[dict[str, Any]] = {}
    """What its plate has otherwise than a hub's."""

    plugin = PLUGIN
    place = "1-1"
    absent_place = "/dev/ttyUSB0"
    image = IMAGE

    # A bus reset is no request; what brings it about is one to the DFU interface.
    changing = (
        Occasion.UNLOCK,
        Occasion.UPLOAD,
        Occasion.MARK,
        Occasion.CONFIRM,
        Occasion.ERASE,
        Occasion.OTHER,
    )

    _bench: Bench
    _seated: SeatedHub

    @contextlib.asynccontextmanager
    async def at_the_bench(self) -> AsyncIterator[None]:
        async with open_bench(self.place) as self._bench:
            self.hub = make_hub(kind=WatchedHub)
            self.hub.nameplate = replace(self.hub.nameplate, **self.plate)
            self.put_in(self.hub)
            self.settings = self._bench.settings(transfer_seconds=0.3, return_seconds=1.0, poll_seconds=0.01)
            try:
                yield
            finally:
                await self.rest()

    def authority(self) -> Authority:
        return Authority()

    def wrong_authority(self) -> Authority:
        return Authority(generate_key())

    async def take_out(self) -> None:
        await self._seated.power_off()

    def put_in(self, hub: WatchedHub) -> None:
        self._seated = self._bench.seat_hub(hub, self.place, PROFILE)
        self.faults = self._seated.faults

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


class UsbBridge(UsbHub):
    """A bridge on the same bus."""

    plate: ClassVar[dict[str, Any]] = {"gpf": None, "bridge_type": "B2"}
