"""A Communications Hub at a USB place: DFU for its firmware, vendor requests for its own commands.

Going to DFU mode is told apart from booting: a hub leaves DFU mode, and boots, by a bus reset.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from drivers.dfu.application import CommandRefused, HubCommands
from drivers.dfu.device import DfuDevice
from drivers.dfu.port import UsbPort
from drivers.dfu.presence import UsbPresence, identity_of
from drivers.dfu.progress import throttled
from drivers.dfu.protocol import DfuMode, DfuState
from drivers.dfu.work import Work
from drivers.errors import (
    AnotherHub,
    HubAction,
    HubDidNotReturn,
    HubInSerialRecovery,
    HubLocked,
    HubRefused,
    ImageMismatch,
    TransferIncomplete,
    after_a_change,
)
from drivers.hub import (
    DeviceIdentity,
    ExpectedDevice,
    FlashProgress,
    HubState,
    ProgressListener,
    UnlockAuthority,
    describe_image,
)
from drivers.hub_answers import ChallengeAnswer
from drivers.unlocking import answer_refusal, challenge_refusal, require_same_boot, sign
from firmware_catalog.image import FirmwareImage

T = TypeVar("T")


class _Marked(NamedTuple):
    """What is to be booted for its test boot."""

    hub: DeviceIdentity
    runs: bool = False
    """Whether it runs the image already."""
    manifested: DfuDevice | None = None
    """The open device that took the end of a download, and talks no more until it boots."""


class DfuHubDriver:
    """The `HubDriver` for USB DFU."""

    def __init__(self, port: UsbPort) -> None:
        self._port = port
        self._settings = port.settings
        self._presence = UsbPresence(port)

    @property
    def place(self) -> str:
        """The bus and port chain, as configured."""
        return str(self._port.place)

    @property
    def can_revert(self) -> bool:
        """Whether the boot loader swaps and reverts, as configured for the model."""
        return self._settings.can_revert

    async def wait_for_hub(self) -> DeviceIdentity:
        """Return as soon as a hub answers: see `UsbPresence`."""
        return await self._presence.wait_for_hub()

    async def wait_for_removal(self, hub: DeviceIdentity | None) -> None:
        """Return once `hub` is gone: see `UsbPresence`."""
        await self._presence.wait_for_removal(hub)

    async def identify(self) -> DeviceIdentity:
        """Ask who the hub is."""
        return await self._presence.identify(HubAction.IDENTIFY)

    async def state(self) -> HubState:
        """Ask what the image slots hold."""
        return await self._port.run(
            HubAction.STATE,
            self._settings.command_seconds,
            lambda device, work: HubCommands(device.pipe).state(work),
        )

    async def unlock(self, hub: ExpectedDevice, authority: UnlockAuthority) -> None:
        """Go to DFU mode, have one fresh challenge signed and answer it; nothing to a hub that is open already."""
        if not (await self._do(hub, HubAction.UNLOCK, lambda seen, _device, _work: seen)).locked:
            return

        def ask(
            seen: DeviceIdentity, device: DfuDevice, work: Work
        ) -> tuple[DeviceIdentity, ChallengeAnswer]:
            return seen, HubCommands(device.pipe).challenge(work)

        # Before unlocking, because a hub may lock itself on its way to DFU mode.
        await self._enter_dfu_mode(hub, HubAction.UNLOCK)
        try:
            asked, challenge = await self._do(hub, HubAction.UNLOCK, ask)
        except CommandRefused as refused:
            raise challenge_refusal(hub, self.place, refused, refused.code) from refused
        signature = await sign(hub, challenge, authority, self.place)

        def answer(seen: DeviceIdentity, device: DfuDevice, work: Work) -> None:
            require_same_boot(asked, seen, self.place)
            work.writes = True
            HubCommands(device.pipe).unlock(signature, work)

        try:
            await self._do(hub, HubAction.UNLOCK, answer)
        except CommandRefused as refused:
            raise answer_refusal(hub, self.place, refused, refused.code) from refused
        except HubLocked as refused:
            raise answer_refusal(hub, self.place, refused, None) from refused

    async def flash(self, hub: ExpectedDevice, image: FirmwareImage, on_progress: ProgressListener) -> None:
        """Download the image to the slot that is not running.

        Manifestation belongs to it where the hub still talks afterwards; elsewhere to activation.
        """
        await self._enter_dfu_mode(hub, HubAction.FLASH)
        settings = self._settings
        seconds = settings.download_seconds(len(image)) + settings.manifestation_seconds
        report = throttled(asyncio.get_running_loop(), on_progress, len(image))

        def download(seen: DeviceIdentity, device: DfuDevice, work: Work) -> HubState | None:
            """Return what the hub then holds, or None where it cannot say."""
            if seen.locked:
                raise HubLocked(
                    f"the hub at {self.place} is locked",
                    action=HubAction.FLASH,
                    state_known=True,
                    advice="unlock it before flashing",
                )
            work.writes = True
            device.become_idle(work)
            device.download(image.data, report, work)
            if not device.functional.manifestation_tolerant:
                return None
            device.manifest(len(image), work)
            return HubCommands(device.pipe).state(work)

        state = await self._do(hub, HubAction.FLASH, download, seconds=seconds)
        on_progress(FlashProgress(len(image), len(image)))
        if state is not None and state.holding(image.image_hash) is None:
            raise TransferIncomplete(
                f"the hub at {self.place} took {len(image)} bytes but shows no image {image.image_hash.hex()[:16]}",
                action=HubAction.FLASH,
                state_known=False,
            )

    async def activate(self, hub: ExpectedDevice, image: FirmwareImage) -> DeviceIdentity:
        """Have the held image run by one test boot, boot the hub, and return who came back."""

        def mark(seen: DeviceIdentity, device: DfuDevice, work: Work) -> _Marked:
            commands = HubCommands(device.pipe)
            state = commands.state(work)
            if state.running is not None and state.running.image_hash == image.image_hash:
                return _Marked(seen, runs=True)
            if self._finish_download(device, image, work):
                return _Marked(seen, manifested=device)
            if state.pending is None or state.pending.image_hash != image.image_hash:
                if state.holding(image.image_hash) is None:
                    raise ImageMismatch(
                        f"the hub at {self.place} holds no image {image.image_hash.hex()[:16]}",
                        action=HubAction.ACTIVATE,
                        state_known=True,
                        advice="flash it first",
                    )
                work.writes = True
                commands.mark_for_test(image.image_hash, work)
            return _Marked(seen)

        seconds = self._settings.command_seconds + self._settings.manifestation_seconds
        marked = await self._do(hub, HubAction.ACTIVATE, mark, seconds=seconds)
        if marked.runs:
            return marked.hub
        with after_a_change():
            return await self._boot(hub, marked.hub.boots, HubAction.ACTIVATE, marked.manifested)

    async def verify(self, hub: ExpectedDevice, image: FirmwareImage) -> HubState:
        """Return the state if the running image is this one by version and hash."""
        return await self._do(
            hub, HubAction.VERIFY, lambda _seen, device, work: self._running(image, device, work)
        )

    async def confirm(self, hub: ExpectedDevice, image: FirmwareImage) -> HubState:
        """Make the running image permanent, if it is this one."""

        def confirm(_: DeviceIdentity, device: DfuDevice, work: Work) -> HubState:
            state = self._running(image, device, work)
            if state.running is not None and state.running.confirmed:
                return state
            work.writes = True
            HubCommands(device.pipe).confirm(image.image_hash, work)
            with after_a_change():
                state = self._running(image, device, work)
            if state.running is None or not state.running.confirmed:
                raise HubRefused(
                    f"the hub at {self.place} said done to confirm, and did not do it",
                    action=HubAction.CONFIRM,
                    state_known=False,
                )
            return state

        return await self._do(hub, HubAction.CONFIRM, confirm)

    async def reboot(self, hub: ExpectedDevice) -> DeviceIdentity:
        """Boot the hub and return who came back."""
        before = await self._do(hub, HubAction.REBOOT, lambda seen, _device, _work: seen)
        return await self._boot(hub, before.boots, HubAction.REBOOT)

    async def leave_recovery(self) -> DeviceIdentity:
        """Reset the bus at a hub that waits in DFU mode and cannot say who it is, and return who came back."""
        action = HubAction.REBOOT
        try:
            return await self._presence.identify(action)
        except HubInSerialRecovery:
            pass

        def require(device: DfuDevice, work: Work) -> None:
            try:
                identity_of(device, work)
            except HubInSerialRecovery:
                return
            raise AnotherHub(
                f"another hub sits at {self.place} by now",
                action=action,
                state_known=True,
                advice="look who it is",
            )

        await self._port.leave_dfu_mode(action, require)
        return await self._presence.first_answer(action)

    async def erase(self, hub: ExpectedDevice) -> None:
        """Erase the slot that is not running."""

        def erase(_: DeviceIdentity, device: DfuDevice, work: Work) -> None:
            work.writes = True
            HubCommands(device.pipe).erase(work)

        await self._do(hub, HubAction.ERASE, erase, seconds=self._settings.erase_seconds)

    async def close(self) -> None:
        """Give the place back. A hub in DFU mode behind USB/IP boots thereby."""
        await self._port.close()

    async def _do(
        self,
        hub: ExpectedDevice,
        action: HubAction,
        function: Callable[[DeviceIdentity, DfuDevice, Work], T],
        *,
        seconds: float | None = None,
    ) -> T:
        """Do something with the hub that is meant. Raises AnotherHub, having done nothing, for any other.

        An open device is one appearance on the bus: what takes its place has to be opened anew, and is asked anew.
        """

        def do(device: DfuDevice, work: Work) -> T:
            return function(self._require(hub, device, work), device, work)

        seconds = self._settings.command_seconds if seconds is None else seconds
        return await self._port.run(action, seconds, do)

    def _require(self, hub: ExpectedDevice, device: DfuDevice, work: Work) -> DeviceIdentity:
        """Ask an open device who it is, and return it if it is the hub that is meant."""
        seen = identity_of(device, work)
        hub.require(seen, place=self.place, action=work.action)
        return seen

    def _running(self, image: FirmwareImage, device: DfuDevice, work: Work) -> HubState:
        """Return the state of a hub that runs the image. Raises ImageMismatch."""
        state = HubCommands(device.pipe).state(work)
        running = state.running
        if running is None or (running.image_hash, running.version) != (image.image_hash, image.version_text):
            raise ImageMismatch(
                f"the hub at {self.place} runs {describe_image(running)}, "
                f"not {image.version_text} ({image.image_hash.hex()[:16]})",
                action=work.action,
                state_known=True,
            )
        return state

    async def _enter_dfu_mode(self, hub: ExpectedDevice, action: HubAction) -> None:
        """Detach the hub unless it is in DFU mode, and see that it is the one that comes back."""
        if await self._port.enter_dfu_mode(action, lambda device, work: self._require(hub, device, work)):
            with after_a_change():
                await self._do(hub, action, lambda seen, _device, _work: seen)

    async def _boot(
        self, hub: ExpectedDevice, boots: int, action: HubAction, manifested: DfuDevice | None = None
    ) -> DeviceIdentity:
        """Boot the hub, which has booted so often before, and see that it is the one that comes back.

        One that has manifested may talk no more until it boots; as an open device it is the one that was asked.
        """

        def require(device: DfuDevice, work: Work) -> None:
            if device is not manifested:
                self._require(hub, device, work)

        await self._enter_dfu_mode(hub, action)
        with after_a_change():
            await self._port.leave_dfu_mode(action, require)
            after = await self._presence.first_answer(action)
        hub.require(after, place=self.place, action=action, state_known=False)
        if after.boots == boots:
            raise HubDidNotReturn(
                f"the hub at {self.place} is back but has not booted",
                action=action,
                state_known=True,
                advice="power it off and on",
            )
        return after

    def _finish_download(self, device: DfuDevice, image: FirmwareImage, work: Work) -> bool:
        """Manifest a download that was left for activation; return whether there was one."""
        if device.mode is not DfuMode.DFU or device.functional.manifestation_tolerant:
            return False
        if device.status(work).state is not DfuState.DFU_DNLOAD_IDLE:
            return False
        work.writes = True
        device.manifest(len(image), work)
        return True
