"""One USB place over time: what sits there now, its device opened when needed, and its worker thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import usb.core

from drivers.dfu.bus import Sighting, UsbBus
from drivers.dfu.device import DfuDevice, open_dfu_device
from drivers.dfu.errors import NotAHub
from drivers.dfu.hotplug import HotPlug
from drivers.dfu.place import UsbPlace
from drivers.dfu.protocol import DfuMode
from drivers.dfu.settings import DfuSettings
from drivers.dfu.transfers import translate
from drivers.dfu.work import Work, Worker
from drivers.errors import (
    DriverError,
    HubAction,
    HubDidNotReturn,
    HubInSerialRecovery,
    LinkLost,
    PlaceUnavailable,
)

T = TypeVar("T")

_RETURN_POLL_SECONDS = 0.05
"""How often a place is looked at while its hub is expected back."""


class UsbPort:
    """A place on a bus. Follows whatever sits there under any address and product id."""

    def __init__(self, place: UsbPlace, bus: UsbBus, settings: DfuSettings) -> None:
        self.place = place
        self.settings = settings
        self._bus = bus
        self._worker = Worker(f"usb {place}")
        self._hotplug = HotPlug(settings.poll_seconds, listen=bus.tells_changes)
        self._device: DfuDevice | None = None
        self._is_closed = False

    async def run(
        self,
        action: HubAction,
        seconds: float,
        function: Callable[[DfuDevice, Work], T],
        *,
        writes: bool = False,
    ) -> T:
        """Do something with the device at the place, in the worker thread, in at most `seconds`.

        Raises LinkLost when there is none, NotAHub, PlaceUnavailable, and whatever `function` raises.
        """

        def do(work: Work) -> T:
            device = self._open(work)
            try:
                return function(device, work)
            except LinkLost:
                self._forget()
                raise

        return await self._worker.run(Work(str(self.place), action, seconds, writes=writes), do)

    async def require_usable(self) -> None:
        """Look at the place. Raises PlaceUnavailable when its device may not be opened, and as `look`."""
        try:
            sighting = await self.look(HubAction.OPEN)
        except NotAHub:
            return  # whoever waits for a hub is told
        if sighting is not None:
            self._require_permitted(sighting, HubAction.OPEN)

    async def look(self, action: HubAction) -> Sighting | None:
        """Return what sits at the place, opening nothing.

        Raises NotAHub for a USB hub with other devices behind it, and LinkLost when the bus cannot be reached.
        """
        work = Work(str(self.place), action, self.settings.command_seconds)
        return await self._worker.run(work, self._look)

    async def changed(self, at_most: float | None = None) -> None:
        """Wait until it is worth looking again."""
        await self._hotplug.wait(at_most)

    async def enter_dfu_mode(self, action: HubAction) -> bool:
        """Detach the device unless it is in DFU mode, and wait for it to be back; return whether it had to.

        Raises as `run` and `await_return`.
        """

        def detach(device: DfuDevice, work: Work) -> Sighting | None:
            if device.mode is DfuMode.DFU:
                return None
            device.detach(work)
            return device.sighting

        left = await self.run(action, self.settings.command_seconds, detach)
        if left is not None:
            await self.await_return(DfuMode.DFU, left, action)
        return left is not None

    async def leave_dfu_mode(self, action: HubAction) -> None:
        """Reset the bus at a device in DFU mode, so that it boots, and wait for it to be back.

        Raises as `run` and `await_return`.
        """

        def reset(device: DfuDevice, work: Work) -> Sighting:
            device.reset(work)
            return device.sighting

        left = await self.run(action, self.settings.command_seconds, reset, writes=True)
        await self.await_return(DfuMode.RUN_TIME, left, action)

    async def await_return(self, mode: DfuMode, left: Sighting, action: HubAction) -> None:
        """Wait until a device is back at the place, in this mode, after the sighted one has left.

        Raises HubDidNotReturn, or what kept the device that did return from being used.
        """
        loop = asyncio.get_running_loop()
        seconds = self.settings.return_seconds
        deadline = loop.time() + seconds
        reason: DriverError | None = None
        while loop.time() < deadline:
            sighting = await self.look(action)
            if sighting is not None and sighting.address != left.address:
                try:
                    found = await self.run(
                        action, self.settings.command_seconds, lambda device, _: device.mode
                    )
                except (LinkLost, PlaceUnavailable) as error:
                    reason = error  # it is just coming or going, or udev has not set its permissions yet
                else:
                    if found is mode:
                        return
                    reason = await self._wrong_mode(found, action)
            await self.changed(_RETURN_POLL_SECONDS)
        if isinstance(reason, PlaceUnavailable | HubInSerialRecovery):
            raise reason
        what = f"the hub at {self.place} was told to go to {mode.name.lower()} mode and is not back after {seconds:g} s"
        raise HubDidNotReturn(what, action=action, state_known=False) from reason

    async def close(self) -> None:
        """Give the place back. May be called twice."""
        if self._is_closed:
            return
        self._is_closed = True
        work = Work(str(self.place), HubAction.WAIT, self.settings.command_seconds)
        try:
            await self._worker.run(work, self._let_go)
        finally:
            self._hotplug.close()
            self._worker.close()

    async def _wrong_mode(self, found: DfuMode, action: HubAction) -> DriverError | None:
        """Return why a device that should run its application is in DFU mode, if it says so."""
        if found is not DfuMode.DFU:
            return None
        try:
            await self.run(action, self.settings.command_seconds, DfuDevice.become_idle)
        except DriverError as error:
            if isinstance(error, HubInSerialRecovery):
                raise
            return error
        return None

    def _look(self, work: Work) -> Sighting | None:
        sightings = self._bus.sightings()
        here = [sighting for sighting in sightings if sighting.place == self.place]
        behind = [sighting for sighting in sightings if sighting.place.is_behind(self.place)]
        if behind or any(sighting.is_usb_hub for sighting in here):
            listed = ", ".join(str(sighting.place) for sighting in behind) or "nothing behind it"
            raise NotAHub(
                f"a USB hub sits at {self.place}, with {listed}: bind the slot to a place behind it, or unplug it",
                action=work.action,
                state_known=True,
            )
        return here[0] if here else None

    def _open(self, work: Work) -> DfuDevice:
        sighting = self._look(work)
        if self._device is not None:
            if sighting == self._device.sighting:
                return self._device
            self._forget()
        if sighting is None:
            raise LinkLost(
                f"nothing is plugged in at {self.place}: check the hub's seat and cable",
                action=work.action,
                state_known=not work.writes,
            )
        self._require_permitted(sighting, work.action)
        try:
            found = self._bus.open(self.place)
        except usb.core.USBError as error:
            raise translate(error, work) from error
        if found is None:
            raise LinkLost(
                f"the device at {self.place} left the bus", action=work.action, state_known=not work.writes
            )
        self._device = open_dfu_device(found, sighting, self.settings, work)
        return self._device

    def _require_permitted(self, sighting: Sighting, action: HubAction) -> None:
        denial = self._bus.denial(sighting)
        if denial is not None:
            raise PlaceUnavailable(denial, action=action, state_known=True)

    def _forget(self) -> None:
        if self._device is not None:
            self._device.close()
            self._device = None

    def _let_go(self, _: Work) -> None:
        self._forget()
        self._bus.close()
