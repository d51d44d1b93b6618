"""A hub driver that notes how long what it is asked takes, and changes nothing of it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from drivers.hub import (
    DeviceIdentity,
    ExpectedDevice,
    FlashProgress,
    HubDriver,
    HubState,
    ProgressListener,
    UnlockAuthority,
)
from firmware_catalog.image import FirmwareImage


@dataclass(slots=True)
class Taken:
    """Seconds that the newest of each took; None for what was not done."""

    erase: float | None = None
    boot: float | None = None
    bytes_a_second: float | None = None
    """Of an upload, from the first bytes that were taken to the last."""


class MeasuredDriver:
    """Stands before another driver for one golden check."""

    def __init__(self, driver: HubDriver) -> None:
        self.taken = Taken()
        self._driver = driver

    @property
    def place(self) -> str:
        """As the driver has it."""
        return self._driver.place

    @property
    def can_revert(self) -> bool:
        """As the driver has it."""
        return self._driver.can_revert

    async def wait_for_hub(self) -> DeviceIdentity:
        """Do as the driver does."""
        return await self._driver.wait_for_hub()

    async def wait_for_removal(self, hub: DeviceIdentity | None) -> None:
        """Do as the driver does."""
        await self._driver.wait_for_removal(hub)

    async def identify(self) -> DeviceIdentity:
        """Do as the driver does."""
        return await self._driver.identify()

    async def state(self) -> HubState:
        """Do as the driver does."""
        return await self._driver.state()

    async def unlock(self, hub: ExpectedDevice, authority: UnlockAuthority) -> None:
        """Do as the driver does."""
        await self._driver.unlock(hub, authority)

    async def flash(self, hub: ExpectedDevice, image: FirmwareImage, on_progress: ProgressListener) -> None:
        """Do as the driver does, and note how fast the bytes were taken."""
        first: tuple[float, int] | None = None

        def note(progress: FlashProgress) -> None:
            nonlocal first
            now = time.monotonic()
            if first is None:
                first = now, progress.sent
            elif progress.sent > first[1]:
                self.taken.bytes_a_second = (progress.sent - first[1]) / (now - first[0])
            on_progress(progress)

        self.taken.bytes_a_second = None
        await self._driver.flash(hub, image, note)

    async def activate(self, hub: ExpectedDevice, image: FirmwareImage) -> DeviceIdentity:
        """Do as the driver does. No check ever asks for it."""
        return await self._driver.activate(hub, image)

    async def verify(self, hub: ExpectedDevice, image: FirmwareImage) -> HubState:
        """Do as the driver does."""
        return await self._driver.verify(hub, image)

    async def confirm(self, hub: ExpectedDevice, image: FirmwareImage) -> HubState:
        """Do as the driver does. No check ever asks for it."""
        return await self._driver.confirm(hub, image)

    async def reboot(self, hub: ExpectedDevice) -> DeviceIdentity:
        """Do as the driver does, and note how long the hub was away."""
        begun = time.monotonic()
        seen = await self._driver.reboot(hub)
        self.taken.boot = time.monotonic() - begun
        return seen

    async def erase(self, hub: ExpectedDevice) -> None:
        """Do as the driver does, and note how long it took."""
        begun = time.monotonic()
        await self._driver.erase(hub)
        self.taken.erase = time.monotonic() - begun

    async def close(self) -> None:
        """Do nothing: the driver outlives a check."""
