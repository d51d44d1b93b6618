"""What may be flashed by hand in production: what the daemon might give the same hub, by the same memory, now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from drivers.hub import DeviceIdentity
from drivers.threads import apart
from firmware_catalog.catalog import Catalog, standing
from firmware_catalog.errors import CatalogError
from firmware_catalog.identity import DeviceModel
from firmware_catalog.image import FirmwareImage
from firmware_catalog.release import Release
from station.attempt.authorise import Rejected
from station.attempt.release_gate import ReleaseKey
from station.catalogue.keeping import StationCatalogue
from station.domain.outcome import Code
from station.records.errors import JournalError
from station.records.facts.releases import stopped_releases
from station.records.reader import JournalReader
from station.records.segments import segment_paths
from station.settings import StationSettings


class HandRelease:
    """The `Permission` of an image that a person flashes in production."""

    def __init__(
        self,
        image: FirmwareImage,
        catalogue: Callable[[], Catalog],
        hindrance: Callable[[], str | None],
        journal: Path,
    ) -> None:
        """`journal` is the folder of the station's journal, which knows which releases are stopped."""
        self._image = image
        self._catalogue = catalogue
        self._hindrance = hindrance
        self._journal = journal

    def is_released(self) -> bool:
        """Whether the catalogue releases the image for any model. Raises CatalogError."""
        catalogue = self._catalogue()
        return any(self._release(catalogue, model) is not None for model in catalogue.models())

    async def refusal(self, hub: DeviceIdentity, *, untouched: bool) -> Rejected | None:
        """Say why the hub may not be given the image now. An untouched one is not begun with while there is a hindrance."""
        try:
            stopped = await apart("stopped releases", self._stopped)
        except JournalError as error:
            return Rejected(Code.SLOT_FAULT, f"which releases are stopped is not known: {error}")
        why = self._hindrance() if untouched else None
        if why is not None:
            return Rejected(Code.CATALOGUE_UNAVAILABLE, why)
        try:
            release = self._release(self._catalogue(), hub.model)
        except CatalogError as error:
            return Rejected(Code.CATALOGUE_UNAVAILABLE, error.happened)
        if release is None:
            return Rejected(Code.RELEASE_WITHDRAWN, f"no release of {hub.model} stands for this image")
        return _against(release, stopped, hub)

    def may_stay(self, image_hash: bytes | None) -> bool:
        """Whether a hub may be left running this image: one that it was not given, or one still released."""
        if image_hash != self._image.image_hash:
            return True
        try:
            return self.is_released()
        except CatalogError:
            return False

    def _release(self, catalogue: Catalog, model: DeviceModel) -> Release | None:
        sha256 = self._image.file_sha256.hex()
        return next((each for each in standing(catalogue, model) if each.payload_sha256 == sha256), None)

    def _stopped(self) -> frozenset[ReleaseKey]:
        if not segment_paths(self._journal):
            return frozenset()  # the station has not worked yet
        with JournalReader(self._journal) as journal:
            return frozenset(ReleaseKey(each.model, each.version) for each in journal.ask(stopped_releases))


def _against(release: Release, stopped: frozenset[ReleaseKey], hub: DeviceIdentity) -> Rejected | None:
    if ReleaseKey(release.model, release.version) in stopped:
        return Rejected(Code.RELEASE_STOPPED, f"release {release}")
    if hub.firmware > release.version:
        return Rejected(Code.NEWER_THAN_RELEASE, f"it runs {hub.firmware}, the release is {release.version}")
    if release.made_for is not hub.ids.kind:
        return Rejected(Code.NO_RELEASE, f"release {release} is for {release.made_for.plural}")
    if not release.permits_hardware(hub.hardware_version):
        return Rejected(Code.HARDWARE_VERSION_MISMATCH, f"release {release}, hardware {hub.hardware_version}")
    if not release.only_for.permit_device(hub.ids.every):
        return Rejected(Code.NO_RELEASE, f"release {release} is for {release.only_for}")
    if hub.firmware != release.version and not release.permits_version(hub.firmware):
        return Rejected(Code.NO_PERMITTED_PATH, f"release {release} is not permitted from {hub.firmware}")
    return None


@asynccontextmanager
async def hand_release(settings: StationSettings, image: FirmwareImage) -> AsyncIterator[HandRelease]:
    """Yield what a station in production releases, looked at afresh now and again and again while the block lasts.

    What was accepted before, by the daemon or by hand, is never taken back, and what is accepted here the daemon
    goes by. Raises ConfigError, and CatalogError when there is no catalogue to go by.
    """
    catalogue = StationCatalogue(settings.state_directory / "catalogue", production=True)
    await catalogue.choose(settings.catalogue)
    async with catalogue.opened():
        await catalogue.renew()
        why = catalogue.hindrance()
        if why is not None:
            raise CatalogError(why)
        renewing = asyncio.create_task(catalogue.keep_renewed(), name="catalogue")
        try:
            yield HandRelease(image, catalogue.current, catalogue.hindrance, settings.journal_folder)
        finally:
            renewing.cancel()
            await asyncio.wait({renewing})
