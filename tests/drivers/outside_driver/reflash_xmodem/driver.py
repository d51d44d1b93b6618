"""The `HubDriver` for hubs that take their firmware by XMODEM."""

from __future__ import annotations

import asyncio
import contextlib

from drivers.errors import (
    HubAction,
    HubDidNotReturn,
    HubRefused,
    ImageMismatch,
    LinkStalled,
    MalformedAnswer,
    NoAnswer,
    TransferIncomplete,
    after_a_change,
)
from drivers.hub import (
    ExpectedDevice,
    HubIdentity,
    HubState,
    ImageSlot,
    ProgressListener,
    UnlockAuthority,
)
from firmware_catalog.identity import DeviceModel, Eui64, FirmwareVersion
from firmware_catalog.image import FirmwareImage
from reflash_xmodem.console import Console
from reflash_xmodem.sender import send

_SILENT = (NoAnswer, LinkStalled)


class XmodemHubDriver:
    """One port's hub. Two banks, no lock, no way back."""

    can_revert = False

    def __init__(self, console: Console) -> None:
        self._console = console
        self._settings = console.settings

    @property
    def place(self) -> str:
        return self._console.place

    async def wait_for_hub(self) -> HubIdentity:
        while True:
            hub = await self._look(HubAction.WAIT)
            if hub is not None:
                return hub

    async def wait_for_removal(self, hub: HubIdentity | None) -> None:
        loop = asyncio.get_running_loop()
        heard = loop.time()
        while loop.time() - heard < self._settings.removal_seconds:
            try:
                seen = await self._look(HubAction.WAIT)
            except (HubRefused, MalformedAnswer):
                pass  # it says nothing of use, and is there
            else:
                if seen is None:
                    continue
                if hub is None or seen.device != hub.device or seen.boots != hub.boots:
                    return
            heard = loop.time()
            await asyncio.sleep(self._settings.probe_seconds)

    async def identify(self) -> HubIdentity:
        return await self._identify(HubAction.IDENTIFY)

    async def state(self) -> HubState:
        return await self._state(HubAction.STATE)

    async def unlock(self, hub: ExpectedDevice, authority: UnlockAuthority) -> None:  # noqa: ARG002 -- it is never asked
        """Do nothing to it: such a hub is always open."""
        await self._require(hub, HubAction.UNLOCK)

    async def flash(self, hub: ExpectedDevice, image: FirmwareImage, on_progress: ProgressListener) -> None:
        await self._require(hub, HubAction.FLASH)
        await send(self._console, image, on_progress)
        with after_a_change():
            state = await self._state(HubAction.FLASH)
        if state.holding(image.image_hash) is None:
            raise TransferIncomplete(
                f"the hub at {self.place} took {len(image)} bytes but does not show them: flash it again",
                action=HubAction.FLASH,
                state_known=False,
            )

    async def activate(self, hub: ExpectedDevice, image: FirmwareImage) -> HubIdentity:
        action = HubAction.ACTIVATE
        before = await self._require(hub, action)
        state = await self._state(action)
        if state.running is not None and state.running.image_hash == image.image_hash:
            return before
        if state.holding(image.image_hash) is None:
            raise ImageMismatch(
                f"the hub at {self.place} does not hold {image.version_text}: flash it first",
                action=action,
                state_known=True,
            )
        with after_a_change():
            await self._console.ask(f"use {image.image_hash.hex()}", action, writes=True)
            return await self._boot(before, action)

    async def verify(self, hub: ExpectedDevice, image: FirmwareImage) -> HubState:
        await self._require(hub, HubAction.VERIFY)
        return await self._verify(image, HubAction.VERIFY)

    async def confirm(self, hub: ExpectedDevice, image: FirmwareImage) -> HubState:
        """Look only: what such a hub runs, it keeps."""
        await self._require(hub, HubAction.CONFIRM)
        return await self._verify(image, HubAction.CONFIRM)

    async def reboot(self, hub: ExpectedDevice) -> HubIdentity:
        return await self._boot(await self._require(hub, HubAction.REBOOT), HubAction.REBOOT)

    async def erase(self, hub: ExpectedDevice) -> None:
        await self._require(hub, HubAction.ERASE)
        await self._console.ask("wipe", HubAction.ERASE, seconds=self._settings.erase_seconds, writes=True)

    async def close(self) -> None:
        await self._console.close()

    async def _require(self, hub: ExpectedDevice, action: HubAction) -> HubIdentity:
        """Ask who is there, and return it if it is the hub that is meant. Raises AnotherHub."""
        seen = await self._identify(action)
        hub.require(seen, place=self.place, action=action)
        return seen

    async def _identify(self, action: HubAction) -> HubIdentity:
        return self._identity(await self._console.ask("who", action))

    async def _look(self, action: HubAction) -> HubIdentity | None:
        """Return who is there, or None while nobody answers."""
        try:
            fields = await self._console.ask("who", action, seconds=self._settings.probe_seconds, attempts=1)
        except _SILENT:
            return None
        return self._identity(fields)

    def _identity(self, fields: dict[str, str]) -> HubIdentity:
        try:
            return HubIdentity(
                chf=Eui64.parse(fields["chf"]),
                gpf=Eui64.parse(fields["gpf"]),
                model=DeviceModel(fields["maker"], fields["model"]),
                hardware_version=fields["hw"],
                variant=fields["variant"],
                firmware=FirmwareVersion.parse(fields["fw"]),
                locked=False,
                boots=int(fields["boots"]),
            )
        except (KeyError, ValueError) as error:
            raise self._console.malformed(str(fields)) from error

    async def _state(self, action: HubAction) -> HubState:
        fields = await self._console.ask("banks", action)
        try:
            slots = [
                ImageSlot(
                    slot=number,
                    version=version,
                    image_hash=bytes.fromhex(sha256),
                    bootable=True,
                    pending=fields["next"] == "spare" and bank == "spare",
                    confirmed=bank == "run",
                    active=bank == "run",
                    permanent=False,
                )
                for number, bank in enumerate(("run", "spare"))
                if fields[bank] != "none"
                for version, sha256 in (fields[bank].split(","),)
            ]
        except (KeyError, ValueError) as error:
            raise self._console.malformed(str(fields)) from error
        return HubState(tuple(slots))

    async def _verify(self, image: FirmwareImage, action: HubAction) -> HubState:
        state = await self._state(action)
        running = state.running
        if running is None or (running.image_hash, running.version) != (image.image_hash, image.version_text):
            runs = "nothing" if running is None else running.version
            raise ImageMismatch(
                f"the hub at {self.place} runs {runs}, not {image.version_text}",
                action=action,
                state_known=True,
            )
        return state

    async def _boot(self, before: HubIdentity, action: HubAction) -> HubIdentity:
        with contextlib.suppress(NoAnswer):  # it may boot all the same; its boot count will tell
            await self._console.ask("boot", action, writes=True)
        try:
            async with asyncio.timeout(self._settings.return_seconds):
                with after_a_change():
                    after = await self._return_of(before, action)
        except TimeoutError:
            raise HubDidNotReturn(
                f"the hub at {self.place} was told to boot and is not back: power it off and on",
                action=action,
                state_known=False,
            ) from None
        before.device.require(after, place=self.place, action=action, state_known=False)
        return after

    async def _return_of(self, before: HubIdentity, action: HubAction) -> HubIdentity:
        while True:
            seen = await self._look(action)
            if seen is not None and (seen.device != before.device or seen.boots != before.boots):
                return seen
            if seen is not None:
                await asyncio.sleep(self._settings.probe_seconds)
