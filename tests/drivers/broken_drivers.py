"""Drivers with one fault each, made of the SMP driver, and what they are tried on."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace

from pydantic import BaseModel

from benches.serial_conformance import SerialHub
from drivers.errors import (
    AnotherHub,
    DriverError,
    HubAction,
    HubRefused,
    ImageMismatch,
    NoAnswer,
    UnlockRefused,
    UploadRejected,
)
from drivers.hub import FlashProgress, HubIdentity, HubState
from drivers.smp.device import open_device
from drivers.smp.driver import SmpHubDriver
from drivers.smp.settings import SmpSettings


class BrokenPlugin:
    """Opens hubs with a driver that has a fault."""

    name = "smp"

    def __init__(self, driver: type[SmpHubDriver], settings_model: type[BaseModel] = SmpSettings) -> None:
        self._driver = driver
        self.settings_model = settings_model

    async def open(self, place: str, settings: BaseModel) -> SmpHubDriver:
        driver = self._driver(await open_device(place, SmpSettings.model_validate(settings.model_dump())))
        await driver.opened()
        return driver


class Sound(SmpHubDriver):
    """No fault: what is tried on it passes."""

    async def opened(self) -> None:
        pass


class MisnamesSilence(Sound):
    """Of a silent hub it says what only an upload can: the station would call its firmware refused."""

    async def confirm(self, hub, image) -> HubState:
        try:
            return await super().confirm(hub, image)
        except NoAnswer as error:
            raise UploadRejected(error.what, action=HubAction.CONFIRM, state_known=False) from error


class SaysItIsOpen(Sound):
    """As the driver of a hub without a lock, whose author has not said so."""

    async def wait_for_hub(self) -> HubIdentity:
        return replace(await super().wait_for_hub(), locked=False)


class UndescribedSettings(SmpSettings):
    colour: str = "green"


class UnfoundedSettings(SmpSettings):
    colour: str


class BootsWhenOpened(Sound):
    async def opened(self) -> None:
        await self.reboot((await self.wait_for_hub()).device)


class ClosesOnce(Sound):
    is_closed = False

    async def close(self) -> None:
        await super().close()
        if self.is_closed:
            raise OSError("bad file descriptor")
        self.is_closed = True


class ForgetsItself(Sound):
    """Counts its own questions as the hub's boots."""

    questions = 0

    async def identify(self) -> HubIdentity:
        self.questions += 1
        return replace(await super().identify(), boots=self.questions)


class FallsBack(Sound):
    """Tells of less progress than before."""

    async def flash(self, hub, image, on_progress) -> None:
        def tell(progress: FlashProgress) -> None:
            on_progress(progress)
            on_progress(FlashProgress(progress.sent // 2, progress.size))
            on_progress(progress)

        await super().flash(hub, image, tell)


class StopsShort(Sound):
    """Never tells of the last byte."""

    async def flash(self, hub, image, on_progress) -> None:
        await super().flash(
            hub, image, lambda progress: progress.sent < progress.size and on_progress(progress)
        )


class FlashesAndMarks(Sound):
    """Has the next boot run what was flashed, unasked."""

    async def flash(self, hub, image, on_progress) -> None:
        await super().flash(hub, image, on_progress)

        async def whoever() -> None:
            pass

        await self.device.mark_for_test(image, await self.device.state(), whoever)


class ErasesNothing(Sound):
    async def erase(self, hub) -> None:
        pass


class RefusesInGeneral(Sound):
    """Does not say that it is the lock that is closed."""

    async def flash(self, hub, image, on_progress) -> None:
        try:
            await super().flash(hub, image, on_progress)
        except HubRefused as error:
            raise HubRefused(str(error), action=error.action, state_known=True) from error


class TriesToUnlockAgain(Sound):
    async def unlock(self, hub, authority) -> None:
        try:
            await super().unlock(hub, authority)
        except UnlockRefused:
            await super().unlock(hub, authority)


class PadsSignatures(Sound):
    """Makes up what is missing of a signature."""

    async def unlock(self, hub, authority) -> None:
        class Padding:
            async def sign(self, challenge) -> bytes:
                return (await authority.sign(challenge)).ljust(64, b"\0")

        await super().unlock(hub, Padding())


class UnlocksOpenHubs(Sound):
    async def unlock(self, hub, authority) -> None:
        if not (await self.identify()).locked:
            await self.reboot(hub)
        await super().unlock(hub, authority)


class VerifiesAnything(Sound):
    async def verify(self, hub, image) -> HubState:
        with suppress(ImageMismatch):
            return await super().verify(hub, image)
        return await self.state()


class TakesAnyHub(Sound):
    """Is content with whichever hub comes back."""

    async def reboot(self, hub) -> HubIdentity:
        with suppress(AnotherHub):
            return await super().reboot(hub)
        return await self.identify()


class MeansWhoeverAnswers(Sound):
    """Asks who is there, and does not look at the answer."""

    async def _require(self, _, action) -> HubIdentity:
        return await self._identify(action)


class LooksAtTheChfOnly(Sound):
    async def _require(self, hub, action) -> HubIdentity:
        seen = await self._identify(action)
        ids = replace(hub.ids, gpf=seen.gpf)
        replace(hub, ids=ids, model=seen.model).require(seen, place=self.place, action=action)
        return seen


class LooksAtIdsOnly(Sound):
    async def _require(self, hub, action) -> HubIdentity:
        seen = await self._identify(action)
        replace(hub, model=seen.model).require(seen, place=self.place, action=action)
        return seen


class TakesWhatRunsForActivated(Sound):
    """Is content when the image runs, on whichever hub."""

    async def activate(self, hub, image) -> HubIdentity:
        running = (await self.state()).running
        if running is not None and running.image_hash == image.image_hash:
            return await self.identify()
        return await super().activate(hub, image)


class AnswersWhoeverIsThere(Sound):
    """Does not ask again when a signature was long in coming."""

    signs = False

    async def _require(self, hub, action) -> HubIdentity:
        seen = await self._identify(action)
        if not self.signs:
            hub.require(seen, place=self.place, action=action)
        return replace(seen, boots=0) if action is HubAction.UNLOCK else seen

    async def unlock(self, hub, authority) -> None:
        async def sign(challenge) -> bytes:
            self.signs = True
            return await authority.sign(challenge)

        try:
            await super().unlock(hub, SimpleNamespace(sign=sign))
        finally:
            self.signs = False


class GoesOnWithWhoeverIsThere(Sound):
    """Asks who is there before an upload, and never within it."""

    async def flash(self, hub, image, on_progress) -> None:
        async def require() -> None:
            await self._require(hub, HubAction.FLASH)

        async def is_there() -> bool:
            return True

        await self.device.upload(image, on_progress, require, is_there)


class RepeatsItself(Sound):
    """Says again what was not heard, and does not ask who hears it."""

    def _requirement(self, *_):
        async def whoever() -> None:
            pass

        return whoever


class GivesUpWaiting(Sound):
    """Takes it for an error of its caller that the hub gives no answer of use."""

    async def wait_for_removal(self, hub) -> None:
        with suppress(NoAnswer):
            await self._ask_identity(HubAction.WAIT)
        await super().wait_for_removal(hub)


class SaysTheHubIsSafe(Sound):
    """Claims after a broken flash that the hub is as it was."""

    async def flash(self, hub, image, on_progress) -> None:
        try:
            await super().flash(hub, image, on_progress)
        except DriverError as error:
            error.state_known = True
            raise


class RaisesOsError(Sound):
    async def flash(self, hub, image, on_progress) -> None:
        try:
            await super().flash(hub, image, on_progress)
        except DriverError as error:
            raise OSError("input/output error") from error


class HangsOnSilence(Sound):
    async def identify(self) -> HubIdentity:
        while True:
            with suppress(NoAnswer):
                return await super().identify()


class BlocksTheLoop(Sound):
    async def identify(self) -> HubIdentity:
        try:
            async with asyncio.timeout(0.1):
                return await super().identify()
        except TimeoutError:
            time.sleep(0.4)  # noqa: ASYNC251 -- the fault
            raise NoAnswer("silent", action=HubAction.IDENTIFY, state_known=True) from None


class SwallowsCancellation(Sound):
    async def state(self) -> HubState:
        try:
            return await super().state()
        except asyncio.CancelledError:
            return HubState(())


class GivesOldAnswers(Sound):
    """Answers with what a cancelled call did not live to see."""

    late: asyncio.Task[HubIdentity] | None = None

    async def identify(self) -> HubIdentity:
        if self.late is not None:
            task, self.late = self.late, None
            return await task
        task = asyncio.create_task(super().identify())
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self.late = task
            await asyncio.wait([task])
            raise


class LeavesADescriptor(Sound):
    left: list[int] = []  # noqa: RUF012 -- for the test to tidy up

    async def opened(self) -> None:
        self.left.append(os.open("/dev/null", os.O_RDONLY))


class LeavesATask(Sound):
    async def opened(self) -> None:
        self.task = asyncio.create_task(asyncio.sleep(3600), name="keep-alive")


class SeesGhosts(Sound):
    """Thinks at once that a hub was taken out."""

    async def wait_for_removal(self, hub) -> None:
        pass


class HubOf(SerialHub):
    """A hub in the hands of a driver with a fault."""

    def __init__(
        self, folder, driver: type[SmpHubDriver], settings_model: type[BaseModel] = SmpSettings
    ) -> None:
        super().__init__(folder)
        self.plugin = BrokenPlugin(driver, settings_model)
