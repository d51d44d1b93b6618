"""A hub at a simulated serial line as the conformance suite wants it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from benches.key_authority import KeyAuthority
from benches.simulated_device import SimulatedDevice, WatchedHub
from drivers.smp.plugin import PLUGIN
from drivers.smp.settings import SmpSettings
from firmware_catalog.image import FirmwareImage
from firmware_catalog.mcuboot import load_image
from simulators.faults import Occasion
from simulators.firmware import FirmwareSpec, make_firmware
from simulators.flash import FlashTiming
from simulators.hub import HubBuild, HubTiming, Nameplate
from simulators.keys import generate_key
from simulators.population import HubEntry
from simulators.rig import RigSettings, open_rig
from simulators.slot import Slot
from simulators.smp_line import PROFILES
from simulators.uart import LineSettings

BAUD = 3_000_000
MANUFACTURER, MODEL = "10A8", "00000011"
NAMEPLATE = Nameplate(
    bytes.fromhex("8873840000000001"), bytes.fromhex("000b6b00000000a2"), MANUFACTURER, MODEL, "1.0", "SBCH"
)

BRIDGE_PLATE = Nameplate(
    bytes.fromhex("8873840000000b03"), None, MANUFACTURER, MODEL, "1.0", variant="", bridge_type="B3"
)


@cache
def key(name: str) -> ec.EllipticCurvePrivateKey:
    return generate_key()


@cache
def firmware(version: str) -> bytes:
    return make_firmware(FirmwareSpec(version, MANUFACTURER, MODEL, size=6_000), key("maker"))


@cache
def target() -> FirmwareImage:
    return load_image(firmware("0.2.303"))


class SerialHub(SimulatedDevice):
    """Every ability: its bench is software."""

    plugin = PLUGIN
    settings = SmpSettings(
        baud=BAUD,
        answer_seconds=0.3,  # hub and driver share a loop, which a busy machine holds up for longer than 0.1 s
        attempts=2,
        upload_attempts=8,  # each waits twice as long as the one before: together they outlast a stall of a second
        slot_bytes=4096,
        erase_seconds_per_mebibyte=2.0,
        quiet_after_reset_seconds=0.02,
        return_seconds=1.0,
        removal_seconds=0.6,
        probe_seconds=0.02,
        stall_seconds=0.3,
    )
    changing = (
        Occasion.UNLOCK,
        Occasion.UPLOAD,
        Occasion.MARK,
        Occasion.CONFIRM,
        Occasion.ERASE,
        Occasion.RESET,
    )
    _slot: Slot

    profile = PROFILES["default"]
    plate = NAMEPLATE

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.place = str(folder / "jig1" / "slot1")
        self.absent_place = str(folder / "jig1" / "slot2")
        self.image = target()

    @contextlib.asynccontextmanager
    async def at_the_bench(self) -> AsyncIterator[None]:
        build = HubBuild(
            maker=key("maker").public_key(),
            unlock_authority=key("authority").public_key(),
            slot_pages=5,
            flash_timing=FlashTiming(erase_page=0.0002, write_byte=0.0),
            timing=HubTiming(boot_loader=0.01, start=0.01, reset_delay=0.01, watchdog=0.1),
        )
        hub = WatchedHub(self.plate, build, seed=7)
        hub.load_factory_image(firmware("0.1.288"))
        line = LineSettings(BAUD)
        settings = RigSettings(self._folder, range(1, 2), slots=1, line=line, profile=self.profile)
        entry = HubEntry(
            chf=self.plate.chf,
            gpf=self.plate.gpf,
            bridge_type=self.plate.bridge_type,
            manufacturer=MANUFACTURER,
            model=MODEL,
            firmware=Path(),
            jig=1,
            slot=1,
        )
        async with open_rig(settings, [(entry, hub)]) as rig:
            self._slot, self.hub = rig.slot(1, 1), hub
            self.faults = self._slot.faults
            try:
                yield
            finally:
                await self.rest()

    def authority(self) -> KeyAuthority:
        return KeyAuthority(key("authority"))

    def wrong_authority(self) -> KeyAuthority:
        return KeyAuthority(key("stranger"))

    async def take_out(self) -> None:
        if self._slot.hub is not None:
            self._slot.unseat()

    def put_in(self, hub: WatchedHub) -> None:
        self._slot.seat(hub)

    async def remove(self) -> None:
        self._slot.unseat()

    async def seat(self) -> None:
        self._slot.seat(self.hub)

    async def cut_power(self) -> None:
        self._slot.power(on=False)

    async def restore_power(self) -> None:
        self._slot.power(on=True)

    async def cut_link(self) -> None:
        self._slot.port.unplug()

    async def restore_link(self) -> None:
        self._slot.port.plug()


class RawSerialHub(SerialHub):
    """The same, built for raw framing. It drops half a packet sooner than hubs do, since the checks cut many."""

    settings = SerialHub.settings.model_copy(update={"framing": "raw", "input_timeout_seconds": 0.2})
    profile = replace(PROFILES["default"], raw=True, input_timeout=0.2)


class SerialBridge(SerialHub):
    """A bridge at the same line: everything but its ids is asked of it as of a hub."""

    plate = BRIDGE_PLATE
