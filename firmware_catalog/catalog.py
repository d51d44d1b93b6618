"""Which firmware a hub gets: the catalogue that the station asks, and the one that is a folder with a manifest."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path
from typing import Protocol, Self

from firmware_catalog.checks import PINS_ONLY, ImageChecks, read_release_image
from firmware_catalog.cpl import CentralProductsList
from firmware_catalog.devices import DeviceKind
from firmware_catalog.errors import CatalogError
from firmware_catalog.identity import DeviceModel, Eui64, FirmwareVersion
from firmware_catalog.image import FirmwareImage
from firmware_catalog.manifest import read_manifest
from firmware_catalog.release import Plan, Release, ReleaseStatus, latest_production, plan_upgrade
from firmware_catalog.shared_work import SharedWork


class Catalog(Protocol):
    """What the station asks of any catalogue, wherever its trust comes from. One state for its whole life."""

    @property
    def products(self) -> CentralProductsList | None:
        """The Central Products List that it is held against; None where there is none."""
        ...

    def check_usable(self) -> None:
        """Return if it plans anything at all. Raises the CatalogError that says why it does not (any more)."""
        ...

    def ends_soon(self) -> str | None:
        """Say in one line that its time is nearly over, and what to do; None while it is not."""
        ...

    def ends(self) -> datetime | None:
        """Return when its time is over unless it is renewed; None where nothing ends."""
        ...

    def models(self) -> tuple[DeviceModel, ...]:
        """Return the models that it lists releases for, in order."""
        ...

    def releases(self, model: DeviceModel) -> tuple[Release, ...]:
        """Return every release of the model, withdrawn ones too, highest version first."""
        ...

    def latest(self, model: DeviceModel, kind: DeviceKind = DeviceKind.HUB) -> Release:
        """Return the model's latest production release for devices of this kind. Raises NoRelease, or CatalogError when it serves no more."""
        ...

    def plan(
        self,
        model: DeviceModel,
        from_version: FirmwareVersion,
        hardware_version: str,
        kind: DeviceKind,
        devices: Collection[Eui64] = (),
    ) -> Plan:
        """Plan the way to the model's latest production release for the device of this kind and these ids.

        A release for one device is planned for no other, and for none whose ids are not named; one for another kind for
        none of this.
        Raises PlanError, or CatalogError when the catalogue serves no more.
        """
        ...

    def load(self, release: Release) -> FirmwareImage:
        """Return the release's checked image, one object however often it is asked for.

        Reads and hashes a file, or fetches it: call it off the event loop, from any thread. It waits for no other image.
        Raises CatalogError.
        """
        ...

    def verify(self) -> tuple[CatalogError, ...]:
        """Read and check every image afresh; return what is wrong. Blocks, perhaps for long."""
        ...


class FolderCatalog:
    """A folder whose manifest pins each image's size and SHA-256.

    Trust rests on who may write the folder. An image is read and checked when it is first asked for.
    """

    def __init__(self, folder: Path, releases: tuple[Release, ...], checks: ImageChecks = PINS_ONLY) -> None:
        self._folder = folder
        self._releases = releases
        self._checks = checks
        self._images: dict[Release, FirmwareImage] = {}
        self._loading = SharedWork[FirmwareImage]()

    @classmethod
    def open(cls, folder: Path, checks: ImageChecks = PINS_ONLY) -> Self:
        """Read the manifest in `folder`. Raises ManifestError; looks at no image."""
        return cls(folder, read_manifest(folder).releases, checks)

    @property
    def products(self) -> CentralProductsList | None:
        """The Central Products List that it is held against."""
        return self._checks.products

    def check_usable(self) -> None:
        """Return: a folder that was opened serves for good."""

    def ends_soon(self) -> None:
        """Say None, for the same reason."""

    def ends(self) -> None:
        """Say None, for the same reason."""

    def models(self) -> tuple[DeviceModel, ...]:
        """Return the models that the manifest lists releases for, in order."""
        return tuple(sorted({release.model for release in self._releases}))

    def releases(self, model: DeviceModel) -> tuple[Release, ...]:
        """Return every release of the model, withdrawn ones too, highest version first."""
        of_model = (release for release in self._releases if release.model == model)
        return tuple(sorted(of_model, key=lambda release: release.version, reverse=True))

    def latest(self, model: DeviceModel, kind: DeviceKind = DeviceKind.HUB) -> Release:
        """Return the model's latest production release for devices of this kind. Raises NoRelease."""
        return latest_production(self._releases, model, kind)

    def plan(
        self,
        model: DeviceModel,
        from_version: FirmwareVersion,
        hardware_version: str,
        kind: DeviceKind,
        devices: Collection[Eui64] = (),
    ) -> Plan:
        """Plan the way to the model's latest production release. Raises PlanError."""
        return plan_upgrade(self._releases, model, from_version, hardware_version, kind, devices)

    def load(self, release: Release) -> FirmwareImage:
        """Return the release's checked image, one object however often it is asked for. Raises CatalogError."""
        return self._loading.do(release, lambda: self._load(release))

    def _load(self, release: Release) -> FirmwareImage:
        image = self._images.get(release)
        if image is None:
            image = self._images[release] = read_release_image(self._folder, release, self._checks)
        return image

    def verify(self) -> tuple[CatalogError, ...]:
        """Read every image afresh, withdrawn ones too; return what is wrong, in the manifest's order."""
        problems: list[CatalogError] = []
        for release in self._releases:
            try:
                read_release_image(self._folder, release, self._checks)
            except CatalogError as problem:
                problems.append(problem)
        return tuple(problems)


def standing(catalog: Catalog, model: DeviceModel) -> Iterator[Release]:
    """Yield the model's releases that may be given to a hub now. Raises CatalogError.

    A production release stands no more where the Central Products List does not have it as active.
    """
    products = catalog.products
    for release in catalog.releases(model):
        if release.status is ReleaseStatus.PRODUCTION and (
            products is None
            or products.has_active(model, release.version, bytes.fromhex(release.payload_sha256))
        ):
            yield release
