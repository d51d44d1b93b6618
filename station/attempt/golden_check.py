"""A slot checked with a golden hub: written at full speed into its spare slot, read back, erased, and left as it was.

The hub runs what it ran all the while: nothing is marked, so that no boot takes what was written. A check that was cut off
leaves a spare slot that may hold anything and a lock that may be open; the next check of that hub erases it first.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from drivers.errors import AnotherHub, DriverError
from drivers.hub import DeviceIdentity, HubDriver, HubState, ImageSlot, ProgressListener, describe_image
from drivers.threads import apart
from firmware_catalog.catalog import Catalog
from firmware_catalog.devices import gpf_of
from firmware_catalog.errors import CatalogError
from firmware_catalog.image import FirmwareImage
from station.attempt import failure
from station.attempt.authorise import Rejected
from station.attempt.counted_authority import CountedAuthority
from station.attempt.looking import identify
from station.attempt.parts import NotPermitted, StageFault
from station.attempt.workers import Workers
from station.domain.outcome import Code
from station.domain.slot_name import SlotName
from station.records.errors import NotAsExpected
from station.records.facts.golden import (
    GoldenAnswerDue,
    GoldenAnswerVoid,
    GoldenCheckEnded,
    GoldenCheckStarted,
    GoldenHubUnlocked,
    GoldenIds,
    golden_hub,
    is_golden,
)
from station.records.journal import Journal
from station.unlocking.parts import NamedAuthority, WrongAnswers

IDENTIFIED: Final = "identified"
UNLOCKED: Final = "unlocked"
WRITTEN: Final = "written"
READ_BACK: Final = "read back"
ERASED: Final = "erased"
AS_IT_WAS: Final = "left as it was"

Draws = Callable[[], Awaitable[int | None]]
"""Says what the slot draws now, mA; None where nothing measures it."""


class NotChecked(Exception):
    """No check can be made with this hub here and now, and nothing was done to it. One line."""


class NoGoldenHub(Exception):
    """It was retired meanwhile: it is a hub like any other, and nothing was done to it."""


@dataclass(slots=True)
class _Course:
    """How far a check has come."""

    in_doubt: bool
    """Whether the spare slot may hold a part of an image: a hub tells of whole ones only."""
    made: list[str] = field(default_factory=list)
    write_seconds: float | None = None
    retries: int = 0
    milliamperes: int | None = None
    hub: DeviceIdentity | None = None
    """As it last said who it is."""


@dataclass(frozen=True, slots=True)
class GoldenChecker:
    """Checks slots. One serves them all; a check's state lives in the call."""

    journal: Journal
    catalogue: Callable[[], Catalog]
    authority: Callable[[SlotName], NamedAuthority]
    wrong_answers: WrongAnswers
    workers: Workers

    async def check(
        self,
        place: SlotName,
        driver: HubDriver,
        hub: DeviceIdentity,
        golden: GoldenIds,
        on_progress: ProgressListener,
        draws: Draws,
    ) -> GoldenCheckEnded:
        """Check the slot, and return what is durable of it.

        Raises NotChecked, NoGoldenHub and NobodyWorksHere, having done nothing; DriverError where the place itself is out
        of reach, once that is recorded; JournalError. Cancelled, it records no end: the hub is then not known to be as it was.
        """
        if golden != hub.ids.every:
            raise NotChecked(
                f"{hub.ids}{f' with GPF {gpf}' if (gpf := gpf_of(hub.ids)) else ''} has one id of a golden hub, and not the other"
            )
        try:
            before = await driver.state()
        except DriverError as error:
            if failure.is_out_of_reach(error):
                raise
            raise NotChecked(error.fact) from error
        running = before.running
        if running is None or running.image_hash is None or not running.confirmed or before.pending:
            raise NotChecked("it does not run a confirmed image with nothing pending")
        image = await apart("golden image", partial(self._image, hub, running))
        started, in_doubt = await self._start(place, hub, image)
        course, fault = _Course(in_doubt), None
        try:
            await self._make(course, started, place, driver, hub, image, on_progress, draws)
        except (DriverError, StageFault) as error:
            fault = error
        as_it_was = await self._left_as_it_was(course, driver, hub, running)
        detail = str(fault) if fault is not None else None
        if as_it_was:
            course.made.append(AS_IT_WAS)
        elif detail is None:
            detail = "the hub is not as it was: seat it again, so that its spare slot is erased"
        ended = GoldenCheckEnded(
            check=started,
            place=place,
            chf=hub.device_id,
            passed=detail is None,
            as_it_was=as_it_was,
            made=tuple(course.made),
            detail=detail,
            bytes=len(image),
            write_seconds=None if course.write_seconds is None else round(course.write_seconds, 6),
            retries=course.retries,
            milliamperes=course.milliamperes,
            boots=None if course.hub is None else course.hub.boots,
        )
        await self.journal.append(ended)
        if isinstance(fault, DriverError) and failure.is_out_of_reach(fault):
            raise fault
        return ended

    def _image(self, hub: DeviceIdentity, running: ImageSlot) -> FirmwareImage:
        """Find one that its model may hold and that it does not run. It is never marked, so it never boots."""
        catalogue = self.catalogue()
        try:
            for release in catalogue.releases(hub.model):
                if release.made_for is not hub.ids.kind:
                    continue
                image = catalogue.load(release)
                if image.image_hash != running.image_hash:
                    return image
        except CatalogError as error:
            raise NotChecked(error.happened) from error
        raise NotChecked(
            f"the catalogue has no other image for its model {hub.model} than the one that it runs: "
            "keep golden hubs on another version"
        )

    async def _start(self, place: SlotName, hub: DeviceIdentity, image: FirmwareImage) -> tuple[int, bool]:
        """Record that the check begins, under whoever works there.

        Return that fact's sequence, and whether an earlier check may have left a part of an image.
        Both who works there and whether the hub is a golden one are asked again where they change in that very moment.
        """
        while (golden := await self.journal.ask(golden_hub, hub.device_id)) is not None:
            self.workers.require(place.jig)
            worker = self.workers.at(place.jig)
            begun = GoldenCheckStarted(
                place=place,
                chf=hub.device_id,
                image_sha256=image.file_sha256.hex(),
                bytes=len(image),
                operator=worker.pseudonym,
            )
            try:
                (started,) = await self.journal.append(worker.expectation, begun)
            except NotAsExpected:
                continue
            return started.sequence, golden.unended is not None
        raise NoGoldenHub

    async def _make(
        self,
        course: _Course,
        check: int,
        place: SlotName,
        driver: HubDriver,
        hub: DeviceIdentity,
        image: FirmwareImage,
        on_progress: ProgressListener,
        draws: Draws,
    ) -> None:
        course.made.append(IDENTIFIED)
        await self._unlock(check, place, driver, hub)
        course.made.append(UNLOCKED)
        # Of an earlier check, or of before it was enrolled: a hub lists no part of an image, and would go on with it.
        await self._erase(course, driver, hub)
        while True:
            await self._require_golden(hub)
            course.in_doubt = True
            begun = time.monotonic()
            try:
                await driver.flash(hub.device, image, on_progress)
            except DriverError as error:
                course.retries += 1
                if isinstance(error, AnotherHub) or not failure.may_try_again(error, course.retries):
                    raise
                await self._unlock(check, place, driver, hub)
            else:
                course.write_seconds = time.monotonic() - begun
                break
        course.made.append(WRITTEN)
        course.milliamperes = await draws()
        held = _spare(await driver.state())
        if held and all(each.image_hash != image.image_hash for each in held):
            raise StageFault(
                Code.IMAGE_HASH_MISMATCH, f"its spare slot holds {describe_image(held[0])}", final=True
            )
        if held:  # else it cannot say before it boots into the image, which it never does here
            course.made.append(READ_BACK)
        await self._erase(course, driver, hub)
        course.made.append(ERASED)

    async def _erase(self, course: _Course, driver: HubDriver, hub: DeviceIdentity) -> None:
        await self._require_golden(hub)
        await driver.erase(hub.device)
        course.in_doubt = False

    async def _unlock(self, check: int, place: SlotName, driver: HubDriver, hub: DeviceIdentity) -> None:
        authority = CountedAuthority(
            self.authority(place),
            due=GoldenAnswerDue(check=check, chf=hub.device_id),
            void=GoldenAnswerVoid(check=check, chf=hub.device_id),
            hub=hub,
            journal=self.journal,
            wrong_answers=self.wrong_answers,
            refusal=partial(self._retired, hub),
        )
        await authority.require_one_left()
        await authority.unlock(driver)
        if authority.counted:
            await self.journal.append(GoldenHubUnlocked(check=check, chf=hub.device_id))

    async def _retired(self, hub: DeviceIdentity) -> Rejected | None:
        if await self.journal.ask(is_golden, hub.device_id):
            return None
        return Rejected(Code.NOT_ON_ORDER, f"hub {hub.device_id} is no golden hub any more")

    async def _require_golden(self, hub: DeviceIdentity) -> None:
        """Raise NotPermitted once it is somebody else's, perhaps: asked before each act that changes what it holds."""
        if (rejected := await self._retired(hub)) is not None:
            raise NotPermitted(rejected)

    async def _left_as_it_was(
        self, course: _Course, driver: HubDriver, hub: DeviceIdentity, running: ImageSlot
    ) -> bool:
        """Erase what is left where a check failed, have the hub lock itself, and hold it against what it was."""
        try:
            seen = await identify(driver, hub.device)
            if not seen.locked:
                if course.in_doubt or _spare(await driver.state()):
                    with suppress(NotPermitted):  # it is left as it is, but locked
                        await self._erase(course, driver, hub)
                await driver.reboot(hub.device)
            course.hub = await driver.identify()
            after = await driver.state()
            seen = await driver.identify()  # else the state may be another hub's
        except DriverError:
            return False
        now = after.running
        return (
            seen == course.hub
            and (seen.device, seen.firmware, seen.locked) == (hub.device, hub.firmware, True)
            and now is not None
            and (now.image_hash, now.confirmed) == (running.image_hash, True)
            and after.pending is None
            and not _spare(after)
            and not course.in_doubt
        )


def _spare(state: HubState) -> list[ImageSlot]:
    """Return what slots hold that do not run. An erased one is not listed, or without a hash."""
    return [each for each in state.slots if not each.active and each.image_hash is not None]
