"""A device with MCUboot and the standard SMP groups: its image slots, its uploads, its boots.

This much any Zephyr device offers, Communications Hub or not. It knows no identity and no lock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar

from smp.enumeration_management import ListOfGroupsRequest
from smp.image_management import ImageEraseRequest, ImageStatesReadRequest, ImageStatesWriteRequest
from smp.message import Request
from smp.os_management import (
    BootloaderInformationReadRequest,
    MCUMgrParametersReadRequest,
    OSApplicationInfoReadRequest,
    ResetWriteRequest,
    TaskStatisticsReadRequest,
)

from drivers.errors import (
    ApplicationUnknown,
    HubAction,
    HubDidNotReturn,
    HubInSerialRecovery,
    HubLocked,
    HubRefused,
    ImageMismatch,
    ImageUnsuitable,
    LinkStalled,
    MalformedAnswer,
    NoAnswer,
    TransferIncomplete,
    after_a_change,
)
from drivers.hub import FlashProgress, HubState, ProgressListener, describe_image
from drivers.hub_answers import DeviceCode, Done, StateAnswer
from drivers.serial_link import open_serial_link
from drivers.smp.client import SmpClient
from drivers.smp.errors import SmpRefused
from drivers.smp.messages import HEADER, ParametersAnswer
from drivers.smp.settings import SmpSettings
from drivers.smp.upload import Presence, Upload
from firmware_catalog.image import FirmwareImage

_UNTOLD_PARAMETERS: Final = ParametersAnswer(buf_size=384, buf_count=1)
"""Assumed of a device that does not tell its buffers: Zephyr's default size, and no room for a second packet."""

_ROOM_FOR_ANY_LIST: Final = 384
"""A buffer of so many bytes holds a list of two images, whatever else it says of each."""

_OF_APPLICATIONS: Final[tuple[type[Request], ...]] = (
    BootloaderInformationReadRequest,
    OSApplicationInfoReadRequest,
    TaskStatisticsReadRequest,
    ListOfGroupsRequest,
)
"""What an application may answer, and MCUboot's serial recovery (its `boot_serial.c`) does not."""

SILENT: Final = (NoAnswer, LinkStalled)
"""Nobody is there to be heard. With RTS/CTS an empty seat takes no bytes, either."""

Seen = TypeVar("Seen")

Requirement = Callable[[], Awaitable[object]]
"""Asks who is at the port, and raises unless it is the device that is meant, in a condition to go on."""


class McubootDevice:
    """One port's device, as far as MCUboot goes."""

    def __init__(self, client: SmpClient) -> None:
        self.client = client
        self._settings = client.settings
        self.buffer: int | None = None
        """Bytes of the device's packet buffer, as it told at the newest upload."""

    @property
    def place(self) -> str:
        """The port, as configured."""
        return self.client.link.path

    async def state(self, action: HubAction = HubAction.STATE) -> HubState:
        """Ask what the image slots hold."""
        return (await self._images(action)).state()

    async def _images(self, action: HubAction) -> StateAnswer:
        return await self.client.ask(ImageStatesReadRequest, StateAnswer, action=action, learns_version=True)

    async def answers(self, action: HubAction, questions: int = 1) -> bool:
        """Whether anything at the port answers SMP just now, application or boot loader, to one of so many questions."""
        try:
            await self.client.ask(
                ImageStatesReadRequest,
                StateAnswer,
                action=action,
                seconds=self._settings.probe_seconds / questions,
                attempts=questions,
            )
        except SILENT:
            return False
        except (HubRefused, MalformedAnswer):
            return True
        return True

    async def require_application(self, action: HubAction) -> None:
        """Return if an application is known to answer.

        It is by answering any of a few questions, each of which an application may be built without. MCUboot's serial
        recovery refuses them all, and calls no image active: HubInSerialRecovery. Of what refuses them all and does run
        an image, or does not answer them, nobody knows what it is: ApplicationUnknown, with its own reason if it gave one.
        Raises NoAnswer for what is silent altogether.
        """
        all_refused = True
        reason: DeviceCode | None = None
        for question in _OF_APPLICATIONS:
            try:
                await self.client.ask(question, Done, action=action, attempts=None if all_refused else 1)
            except SmpRefused as error:
                # What has no room for one list may tell the next: that is asked first.
                if not error.code.says_unsupported:
                    reason = reason or error.code
            except (HubLocked, NoAnswer):
                if all_refused:
                    await self.state(action)  # of what is silent altogether nothing more is asked
                all_refused = False
            else:
                return
        listed = (await self._images(action)).images
        if all_refused and reason is None and not any(entry.active for entry in listed):
            raise HubInSerialRecovery(
                f"the hub at {self.place} waits in its boot loader",
                action=action,
                state_known=True,
                advice="take it out and send it to rework",
            )
        unknown = f"the device at {self.place} tells too little to know its application from its boot loader"
        raise ApplicationUnknown(
            unknown if reason is None else reason.explain(unknown),
            action=action,
            state_known=True,
            advice="power it off and on, or have it built with OS_BOOTLOADER_INFO",
        )

    async def upload(
        self, image: FirmwareImage, on_progress: ProgressListener, require: Requirement, is_there: Presence
    ) -> None:
        """Write the image to the slot that is not running, of a device that is known to run its application."""
        try:
            parameters = await self.client.ask(
                MCUMgrParametersReadRequest, ParametersAnswer, action=HubAction.FLASH, learns_version=True
            )
        except SmpRefused:
            parameters = _UNTOLD_PARAMETERS
        listed = None
        self.buffer = parameters.buf_size
        if parameters.buf_size < _ROOM_FOR_ANY_LIST:
            listed = await self._images(HubAction.FLASH)
        await require()
        if listed is not None:
            self._require_room_for_the_list(listed, image, parameters.buf_size)

        async def holds() -> bool:
            return (await self.state(HubAction.FLASH)).holding(image.image_hash) is not None

        furthest = 0

        def tell(progress: FlashProgress) -> None:
            nonlocal furthest
            if progress.sent < furthest:
                progress = FlashProgress(furthest, progress.size)
            furthest = progress.sent
            on_progress(progress)

        async def write() -> None:
            await Upload(self.client, image, parameters, tell, is_there, holds).run()
            with after_a_change():
                state = await self.state(HubAction.FLASH)
                await require()
            if state.holding(image.image_hash) is None:
                raise TransferIncomplete(
                    f"the hub at {self.place} took {len(image)} bytes but shows no image {image.image_hash.hex()[:16]}",
                    action=HubAction.FLASH,
                    state_known=False,
                )

        # Where nothing checks what the line carries, only its hash finds what was damaged of the image.
        more = 0 if self.client.encoder.is_checked else self._settings.attempts - 1
        while True:
            try:
                await write()
            except TransferIncomplete:
                if not more:
                    raise
            else:
                return
            more -= 1
            with after_a_change():
                await require()

    def _require_room_for_the_list(self, listed: StateAnswer, image: FirmwareImage, buffer: int) -> None:
        """Raise ImageUnsuitable for a device that could not tell any more what it holds once it held the image.

        One that says more already than it has room for says nothing of its answers by that.
        """
        needed = HEADER.size + listed.size_with(image.version_text)
        if needed > buffer >= HEADER.size + listed.size:
            raise ImageUnsuitable(
                f"the hub at {self.place} has packet buffers of {buffer} bytes and needs {needed} to list a second image,"
                " so nothing was sent",
                action=HubAction.FLASH,
                state_known=True,
                advice="have it built with larger ones",
            )

    async def mark_for_test(self, image: FirmwareImage, state: HubState, require: Requirement) -> None:
        """Have the next boot try the held image once. Raises ImageMismatch when no slot of this state holds it."""
        held = state.holding(image.image_hash)
        if held is None:
            raise ImageMismatch(
                f"the hub at {self.place} holds no image {image.image_hash.hex()[:16]}",
                action=HubAction.ACTIVATE,
                state_known=True,
                advice="flash it first",
            )
        if held.active:
            return
        if not held.pending:
            state = await self._write_until(
                lambda state: state.pending is not None and state.pending.image_hash == image.image_hash,
                ImageStatesWriteRequest,
                require,
                action=HubAction.ACTIVATE,
                fields={"hash": image.image_hash, "confirm": False},
            )
        # One bit tells a test from a boot for good, and no CRC guards it on a raw line.
        if state.pending is not None and state.pending.permanent:
            raise HubRefused(
                f"the hub at {self.place} would keep the image for good at its next boot, untried",
                action=HubAction.ACTIVATE,
                state_known=False,
                advice="take it out and send it to rework",
            )

    def require_running(self, image: FirmwareImage, state: HubState, action: HubAction) -> None:
        """Raise ImageMismatch unless the state's running image is this one, by version and hash."""
        running = state.running
        if running is None or running.image_hash != image.image_hash or running.version != image.version_text:
            raise ImageMismatch(
                f"the hub at {self.place} runs {describe_image(running)}, "
                f"not {image.version_text} ({image.image_hash.hex()[:16]})",
                action=action,
                state_known=True,
            )

    async def confirm(self, image: FirmwareImage, state: HubState, require: Requirement) -> HubState:
        """Make the running image permanent, if in this state it is the one meant; return the state that follows."""
        self.require_running(image, state, HubAction.CONFIRM)
        if state.running is not None and state.running.confirmed:
            return state
        # Without a hash an application confirms what runs; MCUboot's recovery would swap the former image in for good.
        state = await self._write_until(
            lambda state: state.running is not None and state.running.confirmed,
            ImageStatesWriteRequest,
            require,
            action=HubAction.CONFIRM,
            fields={"hash": image.image_hash, "confirm": True},
        )
        with after_a_change():
            self.require_running(image, state, HubAction.CONFIRM)
        return state

    async def erase(self, require: Requirement) -> None:
        """Erase the slot that is not running."""
        await self._write_until(
            lambda state: all(slot.active for slot in state.slots),
            ImageEraseRequest,
            require,
            action=HubAction.ERASE,
            seconds=self._settings.erase_seconds(0),
        )

    async def boot(
        self, action: HubAction, look: Callable[[], Awaitable[Seen | None]], booted: Callable[[Seen], bool]
    ) -> Seen:
        """Order one boot and return what `look` sees once `booted` calls it seen after the boot, or of another device.

        The caller has just asked who is there. Keeps the quiet time. Orders a second boot only when the first order was
        not answered and the device is seen never to have booted. Raises HubDidNotReturn.
        """
        seconds = self._settings.quiet_after_reset_seconds + self._settings.return_seconds
        ordered = await self._order_boot(action)
        try:
            async with asyncio.timeout(seconds):
                with after_a_change():
                    return await self._await_boot(action, look, booted, ordered=ordered)
        except TimeoutError:
            raise HubDidNotReturn(
                f"the hub at {self.place} was told to boot and is not back after {seconds:g} s",
                action=action,
                state_known=False,
            ) from None

    async def close(self) -> None:
        """Give the port back. Never raises; may be called twice."""
        await self.client.close()

    async def _await_boot(
        self,
        action: HubAction,
        look: Callable[[], Awaitable[Seen | None]],
        booted: Callable[[Seen], bool],
        *,
        ordered: bool,
    ) -> Seen:
        while True:
            await asyncio.sleep(self._settings.quiet_after_reset_seconds)
            self.client.expect_another_hub()
            seen = await look()
            while seen is None or (ordered and not booted(seen)):
                if seen is not None:
                    await asyncio.sleep(self._settings.probe_seconds)
                seen = await look()
            if booted(seen):
                return seen
            ordered = await self._order_boot(action)

    async def _order_boot(self, action: HubAction) -> bool:
        """Whether the device said that it will boot. It may do so, too, when nothing was heard."""
        try:
            await self.client.ask(ResetWriteRequest, Done, action=action)
        except SILENT:
            return False
        except HubRefused:
            if self.client.encoder.is_checked:
                raise
            return False  # one wrong bit makes a refusal of a consent, and the hub may be on its way: the quiet time is kept
        return True

    async def _write_until(
        self,
        reached: Callable[[HubState], bool],
        request: type[Request],
        require: Requirement,
        *,
        action: HubAction,
        seconds: float | None = None,
        fields: Mapping[str, object] | None = None,
    ) -> HubState:
        """Send a write until the state shows it done, and return that state: the write, or its answer, may get lost.

        The caller has just asked who is there. It is asked again before the state is believed, and so before the write
        is sent once more.
        """
        refused_before: DeviceCode | None = None
        for _ in range(self._settings.attempts):
            refused: SmpRefused | None = None
            try:
                await self.client.ask(request, Done, action=action, seconds=seconds, fields=fields)
            except NoAnswer:
                pass
            except SmpRefused as error:
                refused = error
            with after_a_change():
                state = await self.state(action)
                await require()
            if reached(state):
                return state
            # A command repeated after a lost answer can be refused for being done already; this one was not.
            if refused is not None and (self.client.encoder.is_checked or refused.code == refused_before):
                raise refused
            refused_before = None if refused is None else refused.code
        raise HubRefused(
            f"the hub at {self.place} was told {self._settings.attempts} times to {action} and did not do it",
            action=action,
            state_known=False,
        )


async def open_device(path: str, settings: SmpSettings) -> McubootDevice:
    """Take the port at `path`. Raises PlaceUnavailable. Sends nothing."""
    return McubootDevice(SmpClient(await open_serial_link(path, settings), settings))
