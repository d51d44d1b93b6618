"""A plain MCUboot device at a serial port, without the hub's own commands: what a person flashes by hand.

Such a device has no ids. What it has to tell is held on to: its boot loader's name, its packet buffers, and the images
in its slots, of which an attempt changes only one. Two devices that tell the same in all of this cannot be told apart.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from smp.os_management import BootloaderInformationReadRequest, MCUMgrParametersReadRequest

from drivers.errors import AnotherHub, ApplicationUnknown, HubAction, HubInSerialRecovery, after_a_change
from drivers.hub import HubState, ProgressListener
from drivers.smp.device import SILENT, McubootDevice
from drivers.smp.errors import SmpRefused
from drivers.smp.messages import BootloaderAnswer, ParametersAnswer
from firmware_catalog.image import FirmwareImage


class _Told(NamedTuple):
    """What a device tells of itself, whatever it runs."""

    boot_loader: str | None
    parameters: ParametersAnswer | None


class PlainMcubootDevice:
    """Flashes one device: the one that `meet` met. Its methods raise AnotherHub for one that tells something else."""

    def __init__(self, device: McubootDevice) -> None:
        self._device = device
        self._told: _Told | None = None
        self._runs: set[bytes | None] = set()
        """What the device may run: what it ran when it was met, and what it was told to run since."""
        self._holds: set[bytes | None] = set()
        """What it may hold beside that."""

    async def meet(self) -> None:
        """See which device sits here; from now on no other is meant."""
        state = await self._device.state(HubAction.IDENTIFY)
        self._told = await self._tell(HubAction.IDENTIFY)
        self._runs = {_running(state)}
        self._holds = {slot.image_hash for slot in state.slots}

    async def flash(self, image: FirmwareImage, on_progress: ProgressListener) -> None:
        """Write the image to the slot that is not running."""
        action = HubAction.FLASH
        await self._require(action, self._holds)

        async def require() -> None:
            await self._require(action)

        async def is_there() -> bool:
            if not await self._device.answers(action):
                return False
            try:
                await self._require(action)
            except SILENT:
                return False
            return True

        self._holds |= {image.image_hash}
        await self._device.upload(image, on_progress, require, is_there)

    async def activate(self, image: FirmwareImage) -> HubState:
        """Mark the held image for one test boot, boot, and return the state of whatever runs then.

        Returns at once when the image runs already.
        """
        action = HubAction.ACTIVATE
        state = await self._require(action, self._holds)
        if _running(state) == image.image_hash:
            return state
        await self._device.mark_for_test(image, state, lambda: self._require(action))
        self._runs |= {image.image_hash}
        with after_a_change():
            await self._device.boot(action, self._look, lambda state: state.pending is None)
            try:
                return await self._require(action, self._holds)
            except (HubInSerialRecovery, ApplicationUnknown):
                # An application answered before: this is the boot loader, and one more boot may be all that it needs.
                await self._device.boot(action, self._look, lambda _: True)
            return await self._require(action, self._holds)

    async def verify(self, image: FirmwareImage) -> HubState:
        """Return the state if the running image is this one by version and hash; raise ImageMismatch if not."""
        state = await self._require(HubAction.VERIFY, self._holds)
        self._device.require_running(image, state, HubAction.VERIFY)
        return state

    async def confirm(self, image: FirmwareImage) -> HubState:
        """Make the running image permanent, if it is this one."""
        action = HubAction.CONFIRM
        state = await self._require(action, self._holds)
        return await self._device.confirm(image, state, lambda: self._require(action))

    async def _require(self, action: HubAction, holds: Collection[bytes | None] | None = None) -> HubState:
        """Return the state of the device that was met, while its application runs. Raises AnotherHub for another one.

        Without `holds` its other slot is not looked at, as within an upload. A boot loader that can list and confirm
        images means the opposite by the same words: raises as `require_application`.
        """
        await self._device.require_application(action)
        told = await self._tell(action)
        state = await self._device.state(action)
        why = None
        if told != self._told:
            why = "its boot loader or its buffers are not"
        elif _running(state) not in self._runs:
            why = "what it runs is not"
        elif holds is not None and not {slot.image_hash for slot in state.slots} <= set(holds):
            why = "what it holds is not"
        if why is not None:
            raise AnotherHub(
                f"another device answers at {self._device.place}, {why} that of the first",
                action=action,
                state_known=True,
                advice="begin anew",
            )
        return state

    async def _look(self) -> HubState | None:
        try:
            return await self._device.state(HubAction.WAIT)
        except SILENT:
            return None

    async def _tell(self, action: HubAction) -> _Told:
        return _Told(await self._boot_loader(action), await self._parameters(action))

    async def _boot_loader(self, action: HubAction) -> str | None:
        ask = self._device.client.ask
        try:
            return (await ask(BootloaderInformationReadRequest, BootloaderAnswer, action=action)).bootloader
        except SmpRefused:
            return None

    async def _parameters(self, action: HubAction) -> ParametersAnswer | None:
        try:
            return await self._device.client.ask(MCUMgrParametersReadRequest, ParametersAnswer, action=action)
        except SmpRefused:
            return None


def _running(state: HubState) -> bytes | None:
    return None if state.running is None else state.running.image_hash
