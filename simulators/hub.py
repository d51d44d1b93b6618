"""One Communications Hub as a device: who it is, its flash, its lock, how it boots. Knows no transport.

Whatever carries commands to it, a serial line or USB, is an `Interface` that the hub runs when it has booted.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric import ec

from simulators.boot import BootLoader, FlashLayout
from simulators.diary import Diary, boot_seconds
from simulators.faults import FaultName, Occasion, SlotFaults
from simulators.flash import FlashError, FlashTiming, Interruption, NorFlash, Operation
from simulators.image import StoredImage, find_image
from simulators.lock import Lock, LockPolicy, WrongAnswer
from simulators.slots import Chunk, ImageError, ImageRefused, ImageSlots, SlotReport, Taken, Upload


class Locked(Exception):
    """The command needs the lock open."""


class Mode(StrEnum):
    """What runs in the hub."""

    OFF = "off"
    BOOTING = "booting"
    APPLICATION = "application"
    CRASHED = "crashed"
    RECOVERY = "recovery"
    """The boot loader's serial recovery: nothing bootable was found, or the hub was trapped there."""


@dataclass(frozen=True, slots=True)
class Nameplate:
    """Who a hub is. One hub is two devices, each with an EUI-64 of 8 bytes; a bridge is one device, and has a type."""

    chf: bytes
    """Of a bridge its one id."""
    gpf: bytes | None
    """None of a bridge."""
    manufacturer: str
    model: str
    hardware_version: str
    variant: str
    """Of a hub."""
    bridge_type: str | None = None
    """`B1` to `B4`; None of a hub."""

    def of_another(self, source: random.Random) -> Nameplate:
        """Make up that of another one of the same kind."""
        return replace(self, chf=source.randbytes(8), gpf=None if self.bridge_type else source.randbytes(8))


@dataclass(frozen=True, slots=True)
class HubTiming:
    """How long a hub takes, in seconds, apart from its flash."""

    boot_loader: float = 0.1
    start: float = 0.3
    reset_delay: float = 0.25
    """Between answering a reset and doing it: Zephyr's CONFIG_MCUMGR_GRP_OS_RESET_MS."""
    watchdog: float = 2.0
    """After a crash, until the hub boots again."""


@dataclass(frozen=True, slots=True)
class HubBuild:
    """What all hubs of a rig are made from."""

    maker: ec.EllipticCurvePublicKey
    unlock_authority: ec.EllipticCurvePublicKey
    slot_pages: int = 128
    page_size: int = 4096
    flash_timing: FlashTiming = field(default_factory=FlashTiming)
    timing: HubTiming = field(default_factory=HubTiming)
    lock_policy: LockPolicy = field(default_factory=LockPolicy)


class Interface(Protocol):
    """What carries commands to a hub."""

    async def hears_request(self, seconds: float) -> bool:
        """Listen this long for a boot loader that can be trapped; say whether a whole request came."""
        ...

    async def serve(self, hub: Hub) -> None:
        """Serve the booted hub until it is told to boot."""
        ...


_WRITES_APART: Final = 0.05
"""Seconds between two notes that a hub is being written."""

_TRAITS = (
    FaultName.LYING_VERSION,
    FaultName.LYING_HASH,
    FaultName.NO_ANSWER,
    FaultName.CRASH,
    FaultName.SERIAL_RECOVERY,
)


class Hub:
    """A hub. Flash, boots and wrong unlock answers survive without power; everything else does not."""

    def __init__(self, nameplate: Nameplate, build: HubBuild, seed: int) -> None:
        self.nameplate = nameplate
        self.name = nameplate.chf.hex("-").upper()
        """The CHF id on its plate at the start, whatever it says later."""
        self.diary = Diary()
        """Its own, or that of the rig it is on."""
        self.build = build
        self.boots = 0
        self.seconds_rebooting = 0.0
        """From each order to boot until the application was there; the first boot, which is nobody's order, left out."""
        self._seconds_erasing_in_boots = 0.0
        self.mode = Mode.OFF
        self.faults = SlotFaults(0, 0, random.Random(seed))
        """Those of the place where the hub is under power."""
        self.flash = NorFlash(
            2 * build.slot_pages + 1, build.page_size, build.flash_timing, seed, self._before_flash
        )
        self.layout = FlashLayout.of(self.flash)
        self.boot_loader = BootLoader(self.layout, build.maker)
        self.slots = ImageSlots(self.boot_loader)
        self.traits: frozenset[FaultName] = frozenset()
        """Faults that the hub got at its last boot and keeps until the next."""
        self.lock = Lock(build.unlock_authority, build.lock_policy, seed)
        self._was_left_unlocked = False
        self._written_at = 0.0
        self._upload = self._new_upload()
        self._life = asyncio.Lock()
        self._entered = asyncio.Event()

    def load_factory_image(self, image: bytes) -> None:
        """Put an image into the running slot as the factory does: at once, and taken as confirmed.

        Raises flash.FlashError when it is larger than the slot.
        """
        if len(image) > self.layout.primary.size:
            raise FlashError(f"an image of {len(image)} bytes, in a slot of {self.layout.primary.size}")
        self.flash.program(self.layout.primary.offset, image)

    @property
    def is_left_unlocked(self) -> bool:
        """Whether the lock is open, or was when the hub lost its power: without power, every lock is closed."""
        return self._was_left_unlocked if self.mode is Mode.OFF else self.lock.is_open

    async def reach(self, mode: Mode, boots: int = 0) -> None:
        """Wait for the hub to be in this mode, after at least so many boots."""
        while self.mode is not mode or self.boots < boots:
            await self._entered.wait()

    async def run(self, interface: Interface, faults: SlotFaults) -> None:
        """Live under power. Cancelling is the power being cut; PowerLost is a fault that cuts it.

        A hub that is moved at once begins its new life when the old one has ended.
        """
        async with self._life:
            self.faults = faults
            try:
                while True:
                    await self._live_once(interface)
            finally:
                self._enter(Mode.OFF)
                self._was_left_unlocked = self.lock.is_open
                self.lock.is_open = False

    async def _live_once(self, interface: Interface) -> None:
        """From one boot to the next."""
        await self._boot(interface)
        if self.mode is Mode.CRASHED:
            await asyncio.sleep(self.build.timing.watchdog)
            return
        loop_fault = self.faults.strike(FaultName.REBOOT_LOOP, Occasion.BOOT)
        limit = None
        if loop_fault is not None:
            limit = 1.0 if loop_fault.seconds is None else loop_fault.seconds
        if limit == 0:
            await asyncio.sleep(0)  # up, and down again before anybody was heard
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(limit):
                await interface.serve(self)

    @property
    def seconds_erasing(self) -> float:
        """In the erasures that the application was told to make, or made for an upload."""
        return self.flash.seconds_erasing - self._seconds_erasing_in_boots

    async def _boot(self, interface: Interface) -> None:
        begun, erasing = boot_seconds(), self.flash.seconds_erasing
        await self._boot_through(interface)
        self._seconds_erasing_in_boots += self.flash.seconds_erasing - erasing
        if self.boots > 1:
            self.seconds_rebooting += boot_seconds() - begun + self.build.timing.reset_delay

    async def _boot_through(self, interface: Interface) -> None:
        self.boots += 1
        self._enter(Mode.BOOTING)
        self._upload = self._new_upload()
        self.traits = frozenset(name for name in _TRAITS if self.faults.strike(name, Occasion.BOOT))
        if not (self.lock.is_open and self.faults.strike(FaultName.NEVER_RELOCKS, Occasion.BOOT)):
            self.lock.close()
        if trap := self.faults.strike(FaultName.TRAP_IN_RECOVERY, Occasion.BOOT):
            trapped = await interface.hears_request(trap.seconds or 0.5)
        else:
            await asyncio.sleep(self.build.timing.boot_loader)
            trapped = FaultName.SERIAL_RECOVERY in self.traits
        image = None if trapped else await self.boot_loader.boot()
        if image is None:
            self._enter(Mode.RECOVERY)
            return
        if not self._is_for_this_model(image) or FaultName.CRASH in self.traits:
            self._enter(Mode.CRASHED)
            return
        await asyncio.sleep(self.build.timing.start)
        if self.faults.strike(FaultName.ANOTHER_HUB, Occasion.BOOT):
            self.nameplate = self.nameplate.of_another(self.faults.source)
        self._enter(Mode.APPLICATION)

    def _enter(self, mode: Mode) -> None:
        self.mode = mode
        self._entered.set()
        self._entered = asyncio.Event()
        if mode not in {Mode.OFF, Mode.BOOTING}:
            self.note_condition()

    def note_condition(self) -> None:
        """Enter in the diary what it runs, seen from above, and whether that stays so."""
        running = find_image(self.layout.primary)
        content = b"" if running is None else self.layout.primary.read(0, running.size)
        self.diary.note(
            "condition",
            chf=self.name,
            image_file_sha256=hashlib.sha256(content).hexdigest() if content else None,
            confirmed=any(slot.active and slot.confirmed for slot in self.slots.report()),
            pending=any(slot.pending for slot in self.slots.report()),
            locked=not self.lock.is_open,
        )

    def note_deed(self, deed: str) -> None:
        """Enter in the diary what was done to it from outside."""
        self.diary.note("deed", chf=self.name, deed=deed)

    def _is_for_this_model(self, image: StoredImage) -> bool:
        return (image.manufacturer in {None, self.nameplate.manufacturer}) and (
            image.model in {None, self.nameplate.model}
        )

    def _before_flash(self, operation: Operation) -> Interruption | None:
        if self.mode is Mode.BOOTING:
            name = FaultName.POWER_LOSS_IN_SWAP
        else:
            if boot_seconds() - self._written_at > _WRITES_APART:
                self._written_at = boot_seconds()
                self.note_deed("written")
            if self.faults.strike(FaultName.FLASH_FAULT):
                raise FlashError(f"{operation.name.lower()} failed")
            erasing = operation is Operation.ERASE
            name = FaultName.POWER_LOSS_IN_ERASE if erasing else FaultName.POWER_LOSS_IN_WRITE
        fault = self.faults.strike(name)
        if fault is None:
            return None
        seconds = 1.0 if fault.seconds is None else fault.seconds
        return Interruption(share=self.faults.source.random(), seconds=seconds)

    def _new_upload(self) -> Upload:
        return Upload(self.slots.writable_area, self.layout.image_room, self.slots.running_version)

    # What the application offers. Each command that changes anything but the running image's confirmation
    # needs the lock open.

    def firmware_version(self) -> int:
        """The running image's version as 4 bytes' number; 0 without one."""
        image = find_image(self.layout.primary)
        version = 0 if image is None else image.version_number
        return version ^ 1 if FaultName.LYING_VERSION in self.traits else version

    def challenge(self) -> bytes:
        """Return a nonce to be signed. Raises lock.LockedOut."""
        return self.lock.challenge()

    def unlock(self, signature: bytes) -> None:
        """Open the lock. Raises lock.WrongAnswer, lock.NoChallenge or lock.LockedOut."""
        if self.faults.strike(FaultName.REFUSE_UNLOCK, Occasion.UNLOCK):
            self.lock.refuse()
        plate = self.nameplate
        self.note_deed("answered")
        try:
            self.lock.answer(signature, plate.chf, plate.manufacturer, plate.model)
        except WrongAnswer:
            self.note_deed("refused")
            raise
        self.note_deed("unlocked")
        self.note_condition()

    def report_slots(self) -> list[SlotReport]:
        """Tell of the image slots."""
        reports = self.slots.report()
        if reports and FaultName.LYING_HASH in self.traits:
            wrong = bytes(byte ^ 0xFF for byte in reports[0].image_hash)
            reports[0] = replace(reports[0], image_hash=wrong)
        if reports and FaultName.LYING_VERSION in self.traits:
            reports[0] = replace(reports[0], version=reports[0].version + ".1")
        return reports

    async def take_chunk(self, chunk: Chunk) -> Taken:
        """Take a piece of an upload. Raises Locked or slots.ImageRefused."""
        self._require_open()
        return await self._upload.take(chunk)

    async def mark(self, image_hash: bytes, *, permanent: bool) -> None:
        """Have the held image run by the next boot. Raises Locked or slots.ImageRefused."""
        self._require_open()
        await self.slots.mark(image_hash, permanent=permanent)
        self.note_condition()

    async def confirm(self) -> None:
        """Keep the running image. Allowed while locked."""
        await self.slots.confirm()
        self.note_condition()

    async def erase(self, slot: int = 1) -> None:
        """Erase the slot that is not running; no other can be. Raises Locked or slots.ImageRefused.

        As Zephyr's `img_mgmt_erase`, it forgets an upload once it has tried, but not where the slot is found in use before.
        """
        self._require_open()
        try:
            await self.slots.erase(slot)
        except ImageRefused as refused:
            if refused.code is not ImageError.NO_FREE_SLOT:
                self._upload = self._new_upload()
            raise
        self._upload = self._new_upload()

    def recovery_upload(self) -> Upload:
        """Return an upload into the running slot, which the boot loader's recovery allows to anyone."""
        return Upload(lambda: self.layout.primary, self.layout.image_room, lambda: None)

    def _require_open(self) -> None:
        if not self.lock.is_open:
            raise Locked

    @property
    def current_ma(self) -> int:
        """What the hub draws from its slot, in milliamperes, as a jig's board would measure it."""
        if self.mode is Mode.OFF:
            return 0
        return 120 if self.flash.erasing else 85
