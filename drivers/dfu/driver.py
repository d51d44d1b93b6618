"""A Communications Hub at a USB place: DFU for its firmware, vendor requests for its own commands.

Going to DFU mode is told apart from booting: a hub leaves DFU mode, and boots, by a bus reset.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from drivers.dfu.application import CommandRefused, HubCommands, NoHubCommands
from drivers.dfu.bus import Sighting
from drivers.dfu.device import DfuDevice
from drivers.dfu.port import UsbPort
from drivers.dfu.progress import throttled
from drivers.dfu.protocol import DfuMode, DfuState
from drivers.dfu.work import Work
from drivers.errors import (
    DriverError,
    HubAction,
    HubDidNotReturn,
    HubInSerialRecovery,
    HubLocked,
    HubLockedOut,
    HubRefused,
    ImageMismatch,
    LinkLost,
    NoAnswer,
    NotAHub,
    PlaceUnavailable,
    TransferIncomplete,
    UnlockAuthorityFailed,
    UnlockRefused,
    after_a_change,
)
from drivers.hub import (
    ExpectedDevice,
    FlashProgress,
    HubIdentity,
    HubState,
    ProgressListener,
    UnlockAuthority,
    UnlockChallenge,
    describe_image,
)
from firmware_catalog.image import FirmwareImage

T = TypeVar("T")

_SIGNATURE_BYTES: Final = 64
_PERMISSION_SECONDS: Final = 3.0
"""How long udev may take to set the permissions of a device that was just plugged in."""


class DfuHubDriver:
    """The `HubDriver` for USB DFU."""

    def __init__(self, port: UsbPort) -> None:
        self._port = port
        self._settings = port.settings

    @property
    def place(self) -> str:
        """The bus and port chain, as configured."""
        return str(self._port.place)

    @property
    def can_revert(self) -> bool:
        """Whether the boot loader swaps and reverts, as configured for the model."""
        return self._settings.can_revert

    async def wait_for_hub(self) -> HubIdentity:
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
                return await self._identify(HubAction.WAIT)
            except PlaceUnavailable as error:
                if loop.time() - since > _PERMISSION_SECONDS:
                    raise LinkLost(error.what, action=HubAction.WAIT, state_known=True) from error
            except NoHubCommands as error:
                raise NotAHub(
                    f"{error.what}; take it out", action=HubAction.WAIT, state_known=True
                ) from error
            except (LinkLost, NoAnswer) as error:
                if loop.time() - since > self._settings.return_seconds:
                    raise NoAnswer(
                        f"{sighting} answers nothing: seat it anew", action=HubAction.WAIT, state_known=True
                    ) from error
            await self._port.changed(self._settings.poll_seconds)

    async def wait_for_removal(self, hub: HubIdentity | None) -> None:
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

    async def identify(self) -> HubIdentity:
        """Ask who the hub is."""
        return await self._identify(HubAction.IDENTIFY)

    async def state(self) -> HubState:
        """Ask what the image slots hold."""
        return await self._state(HubAction.STATE)

    async def unlock(self, hub: ExpectedDevice, authority: UnlockAuthority) -> None:
        """Go to DFU mode, have one fresh challenge signed and answer it; nothing to a hub that is open already."""
        seen = await self._require(hub, HubAction.UNLOCK)
        if not seen.locked:
            return
        # Before unlocking, because a hub may lock itself on its way to DFU mode.
        await self._enter_dfu_mode(seen, HubAction.UNLOCK)
        try:
            nonce = await self._command(HubAction.UNLOCK, HubCommands.challenge)
        except CommandRefused as refused:
            raise self._unlock_refusal(hub, refused) from refused
        signature = await authority.sign(UnlockChallenge(chf=hub.chf, nonce=nonce, model=hub.model))
        if len(signature) != _SIGNATURE_BYTES:
            raise UnlockAuthorityFailed(
                f"the unlock authority gave {len(signature)} bytes for {hub.chf}, {_SIGNATURE_BYTES} are needed",
                action=HubAction.UNLOCK,
                state_known=True,
            )
        try:
            await self._command(
                HubAction.UNLOCK, lambda commands, work: commands.unlock(signature, work), writes=True
            )
        except (CommandRefused, HubLocked) as refused:
            raise self._unlock_refusal(hub, refused) from refused

    async def flash(self, hub: ExpectedDevice, image: FirmwareImage, on_progress: ProgressListener) -> None:
        """Download the image to the slot that is not running.

        Manifestation belongs to it where the hub still talks afterwards; elsewhere to activation.
        """
        seen = await self._enter_dfu_mode(await self._require(hub, HubAction.FLASH), HubAction.FLASH)
        if seen.locked:
            raise HubLocked(
                f"the hub at {self.place} is locked: unlock it before flashing",
                action=HubAction.FLASH,
                state_known=True,
            )
        settings = self._settings
        seconds = settings.download_seconds(len(image)) + settings.manifestation_seconds
        report = throttled(asyncio.get_running_loop(), on_progress, len(image))

        def download(device: DfuDevice, work: Work) -> HubState | None:
            """Return what the hub then holds, or None where it cannot say."""
            device.become_idle(work)
            device.download(image.data, report, work)
            if not device.functional.manifestation_tolerant:
                return None
            device.manifest(len(image), work)
            return HubCommands(device.pipe).state(work)

        state = await self._port.run(HubAction.FLASH, seconds, download, writes=True)
        on_progress(FlashProgress(len(image), len(image)))
        if state is not None and state.holding(image.image_hash) is None:
            raise TransferIncomplete(
                f"the hub at {self.place} took {len(image)} bytes but shows no image {image.image_hash.hex()[:16]}",
                action=HubAction.FLASH,
                state_known=False,
            )

    async def activate(self, hub: ExpectedDevice, image: FirmwareImage) -> HubIdentity:
        """Have the held image run by one test boot, boot the hub, and return who came back."""
        before = await self._require(hub, HubAction.ACTIVATE)
        state = await self._state(HubAction.ACTIVATE)
        if state.running is not None and state.running.image_hash == image.image_hash:
            return before
        if not await self._finish_download(image) and (
            state.pending is None or state.pending.image_hash != image.image_hash
        ):
            if state.holding(image.image_hash) is None:
                raise ImageMismatch(
                    f"the hub at {self.place} holds no image {image.image_hash.hex()[:16]}: flash it first",
                    action=HubAction.ACTIVATE,
                    state_known=True,
                )
            await self._command(
                HubAction.ACTIVATE,
                lambda commands, work: commands.mark_for_test(image.image_hash, work),
                writes=True,
            )
        with after_a_change():
            return await self._boot(before, HubAction.ACTIVATE)

    async def verify(self, hub: ExpectedDevice, image: FirmwareImage) -> HubState:
        """Return the state if the running image is this one by version and hash."""
        await self._require(hub, HubAction.VERIFY)
        return await self._verify(image, HubAction.VERIFY)

    async def confirm(self, hub: ExpectedDevice, image: FirmwareImage) -> HubState:
        """Make the running image permanent, if it is this one."""
        await self._require(hub, HubAction.CONFIRM)
        state = await self._verify(image, HubAction.CONFIRM)
        if state.running is None or not state.running.confirmed:
            await self._command(HubAction.CONFIRM, HubCommands.confirm, writes=True)
            with after_a_change():
                state = await self._verify(image, HubAction.CONFIRM)
            if state.running is None or not state.running.confirmed:
                raise HubRefused(
                    f"the hub at {self.place} said done to confirm, and did not do it",
                    action=HubAction.CONFIRM,
                    state_known=False,
                )
        return state

    async def reboot(self, hub: ExpectedDevice) -> HubIdentity:
        """Boot the hub and return who came back."""
        return await self._boot(await self._require(hub, HubAction.REBOOT), HubAction.REBOOT)

    async def erase(self, hub: ExpectedDevice) -> None:
        """Erase the slot that is not running."""
        await self._require(hub, HubAction.ERASE)
        await self._command(
            HubAction.ERASE, HubCommands.erase, seconds=self._settings.erase_seconds, writes=True
        )

    async def close(self) -> None:
        """Give the place back. A hub in DFU mode behind USB/IP boots thereby."""
        await self._port.close()

    async def _command(
        self,
        action: HubAction,
        command: Callable[[HubCommands, Work], T],
        *,
        seconds: float | None = None,
        writes: bool = False,
    ) -> T:
        return await self._port.run(
            action,
            self._settings.command_seconds if seconds is None else seconds,
            lambda device, work: command(HubCommands(device.pipe), work),
            writes=writes,
        )

    async def _identify(self, action: HubAction) -> HubIdentity:
        """Ask who the hub is. Raises HubInSerialRecovery for one that waits in DFU mode and cannot say."""

        def identity(device: DfuDevice, work: Work) -> HubIdentity:
            try:
                return HubCommands(device.pipe).identity(work)
            except NoHubCommands as error:
                if device.mode is not DfuMode.DFU:
                    raise
                device.become_idle(work)  # says so itself if its firmware is corrupt
                raise HubInSerialRecovery(
                    f"the device at {work.place} waits in DFU mode and does not say who it is: "
                    "take it out and send it to rework",
                    action=action,
                    state_known=True,
                ) from error

        return await self._port.run(action, self._settings.command_seconds, identity)

    async def _state(self, action: HubAction) -> HubState:
        return await self._command(action, HubCommands.state)

    async def _verify(self, image: FirmwareImage, action: HubAction) -> HubState:
        state = await self._state(action)
        running = state.running
        if running is None or (running.image_hash, running.version) != (image.image_hash, image.version_text):
            raise ImageMismatch(
                f"the hub at {self.place} runs {describe_image(running)}, "
                f"not {image.version_text} ({image.image_hash.hex()[:16]})",
                action=action,
                state_known=True,
            )
        return state

    async def _is_another(self, hub: HubIdentity | None) -> bool | None:
        """Whether another hub than this one sits at the place now, or the same after a boot; None: it cannot say."""
        try:
            seen = await self._identify(HubAction.WAIT)
        except DriverError:
            return None
        return hub is None or seen.device != hub.device or seen.boots != hub.boots

    async def _enter_dfu_mode(self, hub: HubIdentity, action: HubAction) -> HubIdentity:
        """Detach the hub unless it is in DFU mode, and see that it is the same that comes back; return it as it is."""
        if not await self._port.enter_dfu_mode(action):
            return hub
        after = await self._identify(action)
        hub.device.require(after, place=self.place, action=action, state_known=False)
        return after

    async def _boot(self, before: HubIdentity, action: HubAction) -> HubIdentity:
        await self._enter_dfu_mode(before, action)
        with after_a_change():
            await self._port.leave_dfu_mode(action)
            after = await self._first_answer(action)
        before.device.require(after, place=self.place, action=action, state_known=False)
        if after.boots == before.boots:
            raise HubDidNotReturn(
                f"the hub at {self.place} is back but has not booted: power it off and on",
                action=action,
                state_known=True,
            )
        return after

    async def _first_answer(self, action: HubAction) -> HubIdentity:
        """Ask a hub who it is that is back on the bus after a boot, until it answers or its time is over."""
        seconds = self._settings.return_seconds
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while True:
            try:
                return await self._identify(action)
            except (LinkLost, NoAnswer) as error:
                if loop.time() > deadline:
                    raise HubDidNotReturn(
                        f"the hub at {self.place} is back on the bus and says nothing for {seconds:g} s: "
                        "power it off and on",
                        action=action,
                        state_known=False,
                    ) from error
            await self._port.changed(self._settings.poll_seconds)

    async def _finish_download(self, image: FirmwareImage) -> bool:
        """Manifest a download that was left for activation; return whether there was one."""

        def manifest(device: DfuDevice, work: Work) -> bool:
            if device.mode is not DfuMode.DFU or device.functional.manifestation_tolerant:
                return False
            if device.status(work).state is not DfuState.DFU_DNLOAD_IDLE:
                return False
            device.manifest(len(image), work)
            return True

        return await self._port.run(
            HubAction.ACTIVATE, self._settings.manifestation_seconds, manifest, writes=True
        )

    async def _require(self, hub: ExpectedDevice, action: HubAction) -> HubIdentity:
        """Ask who is there, and return it if it is the hub that is meant. Raises AnotherHub."""
        seen = await self._identify(action)
        hub.require(seen, place=self.place, action=action)
        return seen

    def _unlock_refusal(self, hub: ExpectedDevice, refused: HubRefused) -> HubRefused:
        where = f"the hub {hub.chf} at {self.place}"
        kind: type[HubRefused] = UnlockRefused
        what = f"{where} did not accept the unlock signature: check the unlock key"
        if isinstance(refused, CommandRefused):
            if refused.code.says_locked_out:
                kind = HubLockedOut
                what = f"{where} takes no answers to challenges for now: leave it powered and wait"
            elif refused.code.says_no_challenge:
                kind = HubRefused
                what = (
                    f"{where} got its unlock signature too late: try again, and check the authority's speed"
                )
        return kind(what, action=HubAction.UNLOCK, state_known=True, device_code=refused.device_code)
