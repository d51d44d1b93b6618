"""What a signed catalogue serves: the plans of one checked state, and images that passed every check."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from tuf.api.exceptions import DownloadError
from tuf.ngclient import FetcherInterface

from firmware_catalog.checks import ImageChecks, check_release_image
from firmware_catalog.cpl import CentralProductsList
from firmware_catalog.devices import DeviceKind
from firmware_catalog.errors import CatalogError
from firmware_catalog.identity import DeviceModel, Eui64, FirmwareVersion
from firmware_catalog.image import FirmwareImage
from firmware_catalog.release import Plan, Release, ReleaseStatus, latest_production, plan_upgrade
from firmware_catalog.shared_work import SharedWork
from firmware_catalog.trust.checking import TrustedState
from firmware_catalog.trust.errors import CatalogExpired, explain
from firmware_catalog.trust.names import TARGETS, image_path
from firmware_catalog.trust.store import TrustStore


def _utc_now() -> datetime:
    return datetime.now(UTC)


_OF_A_PERSON: Final = (timedelta(days=21), "refresh")
"""How long before their end roles are spoken of whose keys people hold, and what gives them a new term."""
_WARNINGS: Final = {
    "root": (timedelta(days=21), "rotate-root"),
    "snapshot": (timedelta(days=2), "refresh"),
    "timestamp": (timedelta(days=2), "refresh"),
}
"""Those of the keys that are at hand, too: they are signed every few days."""


def _in_words(time: timedelta) -> str:
    hours = int(time.total_seconds() // 3600)
    count, unit = (hours // 24, "day") if hours >= 24 else (hours, "hour")
    return f"{count} {unit}{'s' * (count != 1)}"


class ImageShelf:
    """The image files of one source: fetched once, when first asked for, then kept on disk. One for each source."""

    def __init__(self, source: FetcherInterface, name: str, store: TrustStore) -> None:
        self._source = source
        self._name = name
        self._store = store
        self._fetching = SharedWork[bytes]()

    def read(self, release: Release, checks: ImageChecks) -> FirmwareImage:
        """Return the release's image after every check. Blocks; from any thread. Raises CatalogError."""
        sha256 = release.image.sha256
        kept = self._store.image(sha256)
        if kept is not None:
            with suppress(CatalogError):  # damaged on this disk: the source has the last word
                return check_release_image(kept, release, "the kept image", checks)
        path = f"{TARGETS}/{image_path(release.model, release.version, sha256)}"
        # Shared unchecked: who waits may have another products list to hold it against.
        data = self._fetching.do(path, lambda: self._fetch(path, release.image.size))
        image = check_release_image(data, release, f"{path} of {self._name}", checks)
        self._store.keep_image(sha256, data)
        return image

    def _fetch(self, path: str, size: int) -> bytes:
        try:
            return self._source.download_bytes(path, size)
        except DownloadError as error:
            raise explain(error, self._name) from error


class TrustedCatalog:
    """A `Catalog` of one checked state. After the state's expiry it plans nothing more.

    What it lists, and images of attempts that are under way, it still gives then: a hub is not left half done.
    """

    def __init__(
        self,
        state: TrustedState,
        shelf: ImageShelf,
        products: CentralProductsList | None = None,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        self.state = state
        self._shelf = shelf
        self._checks = ImageChecks(state.maker_keys, products)
        self._clock = clock
        self._images: dict[Release, FirmwareImage] = {}
        self._loading = SharedWork[FirmwareImage]()

    @property
    def products(self) -> CentralProductsList | None:
        """The Central Products List that it is held against."""
        return self._checks.products

    def check_usable(self) -> None:
        """Return before the state's expiry. Raises CatalogExpired after it."""
        now = self._clock()
        if now >= self.state.expires:
            raise CatalogExpired(
                f"the catalogue's time ended at {self.state.expires:%Y-%m-%d %H:%M} UTC",
                "have its owner run 'reflash catalog refresh', and check this computer's clock and its way to the source",
            )

    def ends_soon(self) -> str | None:
        """Say which role's time is nearly over: in time for those who have to come together to sign it anew.

        What is over already is `check_usable`'s to say.
        """
        now = self._clock()
        for role, expires in sorted(self.state.terms.items(), key=lambda term: term[1]):
            ahead, remedy = _WARNINGS.get(role, _OF_A_PERSON)
            if expires - ahead <= now < expires:
                return (
                    f"the catalogue's {role} ends at {expires:%Y-%m-%d %H:%M} UTC, in {_in_words(expires - now)}; "
                    f"have its owner run 'reflash catalog {remedy}' before that"
                )
        return None

    def ends(self) -> datetime:
        """Return when the first of its roles expires."""
        return self.state.expires

    def models(self) -> tuple[DeviceModel, ...]:
        """Return the models that it lists releases for, in order."""
        return tuple(sorted({release.model for release in self.state.releases}))

    def releases(self, model: DeviceModel) -> tuple[Release, ...]:
        """Return every release of the model, withdrawn ones too, highest version first."""
        of_model = (release for release in self.state.releases if release.model == model)
        return tuple(sorted(of_model, key=lambda release: release.version, reverse=True))

    def latest(self, model: DeviceModel, kind: DeviceKind = DeviceKind.HUB) -> Release:
        """Return the model's latest production release for devices of this kind. Raises NoRelease or CatalogExpired."""
        self.check_usable()
        return latest_production(self.state.releases, model, kind)

    def plan(
        self,
        model: DeviceModel,
        from_version: FirmwareVersion,
        hardware_version: str,
        kind: DeviceKind,
        devices: Collection[Eui64] = (),
    ) -> Plan:
        """Plan the way to the model's latest production release. Raises PlanError or CatalogExpired."""
        self.check_usable()
        return plan_upgrade(self.state.releases, model, from_version, hardware_version, kind, devices)

    def load(self, release: Release) -> FirmwareImage:
        """Return the release's checked image, one object however often it is asked for. Raises CatalogError."""
        return self._loading.do(release, lambda: self._load(release))

    def _load(self, release: Release) -> FirmwareImage:
        image = self._images.get(release)
        if image is None:
            image = self._images[release] = self._shelf.read(release, self._checks)
        return image

    def verify(self) -> tuple[CatalogError, ...]:
        """Read and check every image that may be flashed; return what is wrong, in order.

        Each is kept on disk then, so a USB stick may be taken away and no attempt waits for the source.
        """
        problems: list[CatalogError] = []
        for release in self.state.releases:
            if release.status is ReleaseStatus.PRODUCTION:
                try:
                    self._shelf.read(release, self._checks)
                except CatalogError as problem:
                    problems.append(problem)
        return tuple(problems)
