"""Where one check plays: a device at the bench, and drivers that are opened, watched and closed again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeVar

from drivers.conformance.call import Broken, Call, Refusal
from drivers.conformance.device import Ability, DeviceUnderTest
from drivers.errors import LinkLost
from drivers.hub import DeviceIdentity, ExpectedDevice, FlashProgress, HubDriver, HubState
from firmware_catalog.image import FirmwareImage

T = TypeVar("T")


class NotShown(Exception):
    """This device cannot show what the check is about; the message says why."""


class Loss(NamedTuple):
    """A way to lose a hub in the midst of something, and how it is undone."""

    happen: Callable[[DeviceUnderTest], Awaitable[None]]
    undo: Callable[[DeviceUnderTest], Awaitable[None]]


LOSSES: Final[Mapping[Ability, Loss]] = MappingProxyType(
    {
        Ability.POWER_LOSS: Loss(lambda device: device.cut_power(), lambda device: device.restore_power()),
        Ability.LINK_LOSS: Loss(lambda device: device.cut_link(), lambda device: device.restore_link()),
        Ability.REMOVAL: Loss(lambda device: device.remove(), lambda device: device.seat()),
    }
)


class Told:
    """A progress listener that remembers what it was told, and by which threads."""

    def __init__(self) -> None:
        self.progress: list[FlashProgress] = []
        self.threads: set[int] = set()
        self.begun = asyncio.Event()
        """The first part was written, and not all of it."""

    def __call__(self, progress: FlashProgress) -> None:
        """Take one report."""
        self.progress.append(progress)
        self.threads.add(threading.get_ident())
        if 0 < progress.sent < progress.size:
            self.begun.set()


class Stage:
    """One check's device and drivers. What is begun here is ended at the latest by `clear`."""

    def __init__(self, device: DeviceUnderTest) -> None:
        self.device = device
        self._drivers: list[HubDriver] = []
        self._calls: list[Call[Any]] = []
        self._hub: ExpectedDevice | None = None

    @property
    def hub(self) -> ExpectedDevice:
        """The hub that this check is about: the first that was greeted."""
        if self._hub is None:
            raise Broken("no hub was greeted yet")
        return self._hub

    @property
    def image(self) -> FirmwareImage:
        """What is flashed."""
        return self.device.image

    def can(self, ability: Ability) -> bool:
        """Whether the device has this ability."""
        return ability not in self.device.cannot

    def need(self, ability: Ability) -> None:
        """Raise NotShown if the device lacks this ability."""
        why = self.device.cannot.get(ability)
        if why is not None:
            raise NotShown(f"{ability}: {why}")

    def begin(self, method: Callable[..., Awaitable[T]], *arguments: object) -> Call[T]:
        """Begin one of the driver's methods."""
        call = Call(method, arguments, self.device.patience)
        self._calls.append(call)
        return call

    async def do(self, method: Callable[..., Awaitable[T]], *arguments: object) -> T:
        """Have the driver do what must succeed. Raises Broken when it does not."""
        return await self.begin(method, *arguments).result()

    async def refused(
        self, kind: type[Refusal], method: Callable[..., Awaitable[object]], *arguments: object
    ) -> Refusal:
        """Return the error with which the driver must refuse. Raises Broken when it does anything else."""
        return await self.begin(method, *arguments).refusal(kind)

    async def open(self) -> HubDriver:
        """Open the device's place."""
        driver = await self.do(self.device.plugin.open, self.device.place, self.device.settings)
        self._drivers.append(driver)
        return driver

    async def close(self, driver: HubDriver) -> None:
        """Close a driver before the check is over."""
        self._drivers.remove(driver)
        await self.do(driver.close)

    async def greet(self) -> tuple[HubDriver, DeviceIdentity]:
        """Open the place and wait for its hub."""
        driver = await self.open()
        hub = await self.do(driver.wait_for_hub)
        self._hub = self._hub or hub.device
        return driver, hub

    async def unlock(self, driver: HubDriver) -> None:
        """Open the hub's lock, if it has one."""
        if self.can(Ability.LOCK):
            await self.do(driver.unlock, self.hub, self.device.authority())

    async def flash(self, driver: HubDriver) -> Told:
        """Unlock and flash the hub; return what was told meanwhile."""
        told = Told()
        await self.unlock(driver)
        await self.do(driver.flash, self.hub, self.image, told)
        return told

    async def activate(self, driver: HubDriver) -> DeviceIdentity:
        """Unlock, flash and activate."""
        await self.flash(driver)
        return await self.do(driver.activate, self.hub, self.image)

    async def flash_halfway(self, driver: HubDriver) -> Call[None]:
        """Unlock, and return a flash that has written its first part and is not over."""
        await self.unlock(driver)
        told = Told()
        call = self.begin(driver.flash, self.hub, self.image, told)
        await call.run_until(told.begun)
        if call.is_over or not told.begun.is_set():
            await call.result()
            raise Broken(
                "flash() was over before it told of its first part: tell earlier, or use a larger image"
            )
        return call

    async def welcome_back(self, driver: HubDriver) -> tuple[HubDriver, DeviceIdentity]:
        """Wait for a hub that was lost, and return the driver to go on with.

        One whose link is gone for good says LinkLost again: then, as at the bench, it is closed and the place opened
        anew.
        """
        call = self.begin(driver.wait_for_hub)
        try:
            return driver, await call.result()
        except Broken as broken:
            if not isinstance(broken.__cause__, LinkLost):
                raise
        await self.close(driver)
        return await self.greet()

    async def running(self, driver: HubDriver) -> tuple[int, str, bytes | None, bool]:
        """Return number, version, hash and confirmation of what runs. Raises Broken when nothing is said to."""
        return describe_running(await self.do(driver.state))

    async def clear(self) -> None:
        """End what is still under way and close what is open. Raises Broken when a driver cannot be closed."""
        for call in self._calls:
            await call.give_up()
        while self._drivers:
            await self.close(self._drivers[-1])


def describe_running(state: HubState) -> tuple[int, str, bytes | None, bool]:
    """Return number, version, hash and confirmation of what runs. Raises Broken when the state names nothing."""
    running = state.running
    if running is None:
        raise Broken("state() names no running image")
    return running.slot, running.version, running.image_hash, running.confirmed
