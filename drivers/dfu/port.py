"""One USB place over time: what sits there now, its device opened when needed, and its worker thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from typing import Final, TypeVar

import usb.core

from drivers.dfu.bus import BEHIND_A_USB_HUB, Sighting, UsbBus, usb_hub_line
from drivers.dfu.device import DfuDevice, open_dfu_device
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
    LinkLost,
    NoAnswer,
    NotAHub,
    PlaceUnavailable,
    after_a_change,
)

T = TypeVar("T")
Requirement = Callable[[DfuDevice, Work], object]
"""Raises unless this open device is the one that is meant. What is then done with the same device is done with it."""

_DETACH_TRIES: Final = 3
_RETURN_POLL_SECONDS: Final = 0.05
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

    async def enter_dfu_mode(self, action: HubAction, require: Requirement) -> bool:
        """Detach the device unless it is in DFU mode, and wait for one to be back; return whether it had to.

        `require` is asked of a device right before it is detached. Whether the one that comes back is the one that
        left is for the caller to ask. Raises HubDidNotReturn, and as `run` and `require`.
        """

        def detach(device: DfuDevice, work: Work) -> Sighting | None:
            if device.mode is DfuMode.DFU:
                return None
            require(device, work)
            work.writes = True
            device.detach(work)
            return device.sighting

        for tries in range(_DETACH_TRIES):
            with after_a_change() if tries else nullcontext():
                left = await self.run(action, self.settings.command_seconds, detach)
            if left is None:
                return tries > 0
            with after_a_change():
                if await self._await_return(set(DfuMode), left, action) is DfuMode.DFU:
                    return True
            # The bus reset came after the device had stopped waiting for it.
        raise HubDidNotReturn(
            f"the hub at {self.place} was told {_DETACH_TRIES} times to go to DFU mode and did not",
            action=action,
            state_known=True,
            advice="power it off and on",
        )

    async def leave_dfu_mode(self, action: HubAction, require: Requirement) -> None:
        """Reset the bus at a device in DFU mode, so that it boots, and wait for one to be back in run-time mode.

        `require` is asked of the device right before its reset. Raises HubDidNotReturn, NoBootableFirmware, and as
        `run` and `require`.
        """

        def reset(device: DfuDevice, work: Work) -> Sighting:
            require(device, work)
            work.writes = True
            device.reset(work)
            return device.sighting

        left = await self.run(action, self.settings.command_seconds, reset)
        await self._await_return({DfuMode.RUN_TIME}, left, action)

    async def _await_return(self, wanted: set[DfuMode], left: Sighting, action: HubAction) -> DfuMode:
        """Wait until a device is back at the place after the sighted one has left; return which mode it is in."""
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
                    if found in wanted:
                        return found
                    # Says so itself if it has no firmware to run.
                    await self.run(action, self.settings.command_seconds, DfuDevice.require_firmware)
                except (LinkLost, NoAnswer, PlaceUnavailable) as error:
                    reason = error  # it is just coming or going, or udev has not set its permissions yet
            await self.changed(_RETURN_POLL_SECONDS)
        if isinstance(reason, PlaceUnavailable):
            raise reason
        raise HubDidNotReturn(
            f"the hub at {self.place} left the bus and is not back after {seconds:g} s",
            action=action,
            state_known=False,
            advice="check its seat and supply",
        ) from reason

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

    def _look(self, work: Work) -> Sighting | None:
        sightings = self._bus.sightings()
        here = [sighting for sighting in sightings if sighting.place == self.place]
        behind = [sighting.place for sighting in sightings if sighting.place.is_behind(self.place)]
        if behind or any(sighting.is_usb_hub for sighting in here):
            raise NotAHub(
                usb_hub_line(self.place, behind),
                action=work.action,
                state_known=True,
                advice=BEHIND_A_USB_HUB,
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
                f"nothing is plugged in at {self.place}",
                action=work.action,
                state_known=not work.writes,
                advice="check the hub's seat and cable",
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
        denial = self._bus.denial(sighting, action)
        if denial is not None:
            raise denial

    def _forget(self) -> None:
        if self._device is not None:
            self._device.close()
            self._device = None

    def _let_go(self, _: Work) -> None:
        self._forget()
        self._bus.close()
