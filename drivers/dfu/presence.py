"""Who sits at a USB place: waited for, asked, and missed."""

from __future__ import annotations

import asyncio
from typing import Final

from drivers.dfu.application import HubCommands, NoHubCommands
from drivers.dfu.bus import Sighting
from drivers.dfu.device import DfuDevice
from drivers.dfu.port import UsbPort
from drivers.dfu.protocol import DfuMode
from drivers.dfu.work import Work
from drivers.errors import (
    DriverError,
    HubAction,
    HubDidNotReturn,
    HubInSerialRecovery,
    LinkLost,
    NoAnswer,
    NotAHub,
    PlaceUnavailable,
)
from drivers.hub import DeviceIdentity

_PERMISSION_SECONDS: Final = 3.0
"""How long udev may take to set the permissions of a device that was just plugged in."""


class UsbPresence:
    """Whoever sits at one place."""

    def __init__(self, port: UsbPort) -> None:
        self._port = port
        self._settings = port.settings

    async def wait_for_hub(self) -> DeviceIdentity:
        """Return as soon as a hub answers.

        Raises LinkLost when USB itself is gone or its device may not be used, HubInSerialRecovery, NotAHub for what
        will never be a hub, and NoAnswer for what has answered nothing for as long as a hub may take to boot.
        """
        loop = asyncio.get_running_loop()
        seen: Sighting | None = None
        since = 0.0
        while True:
            sighting = await self._port.look(HubAction.WAIT)
            if sighting is None:
                await self._port.changed()
                continue
            if sighting != seen:
                seen, since = sighting, loop.time()
            try:
                return await self.identify(HubAction.WAIT)
            except PlaceUnavailable as error:
                if loop.time() - since > _PERMISSION_SECONDS:
                    raise LinkLost(
                        error.happened, action=HubAction.WAIT, state_known=True, advice=error.advice
                    ) from error
            except NoHubCommands as error:
                raise NotAHub(
                    error.happened, action=HubAction.WAIT, state_known=True, advice="take it out"
                ) from error
            except (LinkLost, NoAnswer) as error:
                if loop.time() - since > self._settings.return_seconds:
                    raise NoAnswer(
                        f"{sighting} answers nothing",
                        action=HubAction.WAIT,
                        state_known=True,
                        advice="seat it anew",
                    ) from error
            await self._port.changed(self._settings.poll_seconds)

    async def wait_for_removal(self, hub: DeviceIdentity | None) -> None:
        """Return once `hub` is gone: off the bus for the configured time, replaced, or booted again since.

        What sits here at the start counts as `hub` even if it cannot say who it is, as one without firmware. A device
        that has come since and cannot say counts as nothing: it is no longer `hub` for certain.
        """
        loop = asyncio.get_running_loop()
        last_seen = loop.time()
        known: Sighting | None = None
        just_begun = True
        while True:
            try:
                sighting = await self._port.look(HubAction.WAIT)
            except NotAHub:
                last_seen = loop.time()
            else:
                if sighting is not None and (sighting != known or hub is None):
                    is_another = await self._is_another(hub)
                    if is_another:
                        return
                    if is_another is False or just_begun or (hub is None and known is None):
                        known = sighting
                if sighting is not None and sighting == known:
                    last_seen = loop.time()
                elif loop.time() - last_seen >= self._settings.removal_seconds:
                    return
            just_begun = False
            await self._port.changed(self._settings.poll_seconds)

    async def identify(self, action: HubAction) -> DeviceIdentity:
        """Ask who the hub is. Raises HubInSerialRecovery for one that waits in DFU mode and cannot say."""
        return await self._port.run(action, self._settings.command_seconds, identity_of)

    async def first_answer(self, action: HubAction) -> DeviceIdentity:
        """Ask a hub who it is that is back on the bus after a boot, until it answers or its time is over."""
        seconds = self._settings.return_seconds
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while True:
            try:
                return await self.identify(action)
            except (LinkLost, NoAnswer) as error:
                if loop.time() > deadline:
                    raise HubDidNotReturn(
                        f"the hub at {self._port.place} is back on the bus and says nothing for {seconds:g} s",
                        action=action,
                        state_known=False,
                        advice="power it off and on",
                    ) from error
            await self._port.changed(self._settings.poll_seconds)

    async def _is_another(self, hub: DeviceIdentity | None) -> bool | None:
        """Whether another hub than this one sits at the place now, or the same after a boot; None: it cannot say."""
        try:
            seen = await self.identify(HubAction.WAIT)
        except DriverError:
            return None
        return hub is None or seen.device != hub.device or seen.boots != hub.boots


def identity_of(device: DfuDevice, work: Work) -> DeviceIdentity:
    """Ask an open device who it is. Raises HubInSerialRecovery for one that waits in DFU mode and cannot say."""
    try:
        return HubCommands(device.pipe).identity(work)
    except NoHubCommands as error:
        if device.mode is not DfuMode.DFU:
            raise
        device.require_firmware(work)  # says so itself if its firmware is corrupt
        raise HubInSerialRecovery(
            f"the device at {work.place} waits in DFU mode and does not say who it is",
            action=work.action,
            state_known=True,
            advice="take it out and send it to rework",
        ) from error
