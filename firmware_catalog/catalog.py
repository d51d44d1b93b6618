"""Which firmware a hub gets: the catalogue that the station asks, and the one that is a folder with a manifest."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Protocol, Self

from firmware_catalog.errors import CatalogError, ImagePinMismatch, ImageUnavailable, ImageUnsuitable
from firmware_catalog.files import read_regular_file
from firmware_catalog.identity import DeviceModel, FirmwareVersion
from firmware_catalog.image import MAX_IMAGE_SIZE, FirmwareImage, ImageFormatError
from firmware_catalog.manifest import read_manifest
from firmware_catalog.mcuboot import load_image
from firmware_catalog.release import Plan, Release, latest_production, plan_upgrade


class Catalog(Protocol):
    """What the station asks of any catalogue, wherever its trust comes from. One state for its whole life."""

    def models(self) -> tuple[DeviceModel, ...]:
        """Return the models that it lists releases for, in order."""
        ...

    def releases(self, model: DeviceModel) -> tuple[Release, ...]:
        """Return every release of the model, withdrawn ones too, highest version first."""
        ...

    def latest(self, model: DeviceModel) -> Release:
        """Return the model's latest production release. Raises NoRelease."""
        ...

    def plan(self, model: DeviceModel, from_version: FirmwareVersion, hardware_version: str) -> Plan:
        """Plan the way to the model's latest production release. Raises PlanError."""
        ...

    def load(self, release: Release) -> FirmwareImage:
        """Return the release's checked image, one object however often it is asked for.

        Reads and hashes a file: call it off the event loop, from any thread. Raises CatalogError.
        """
        ...


class FolderCatalog:
    """A folder whose manifest pins each image's size and SHA-256.

    Trust rests on who may write the folder. An image is read and checked when it is first asked for.
    """

    def __init__(self, folder: Path, releases: tuple[Release, ...]) -> None:
        self._folder = folder
        self._releases = releases
        self._images: dict[Release, FirmwareImage] = {}
        self._loading = threading.Lock()

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Read the manifest in `folder`. Raises ManifestError; looks at no image."""
        return cls(folder, read_manifest(folder).releases)

    def models(self) -> tuple[DeviceModel, ...]:
        """Return the models that the manifest lists releases for, in order."""
        return tuple(sorted({release.model for release in self._releases}))

    def releases(self, model: DeviceModel) -> tuple[Release, ...]:
        """Return every release of the model, withdrawn ones too, highest version first."""
        of_model = (release for release in self._releases if release.model == model)
        return tuple(sorted(of_model, key=lambda release: release.version, reverse=True))

    def latest(self, model: DeviceModel) -> Release:
        """Return the model's latest production release. Raises NoRelease."""
        return latest_production(self._releases, model)

    def plan(self, model: DeviceModel, from_version: FirmwareVersion, hardware_version: str) -> Plan:
        """Plan the way to the model's latest production release. Raises PlanError."""
        return plan_upgrade(self._releases, model, from_version, hardware_version)

    def load(self, release: Release) -> FirmwareImage:
        """Return the release's checked image, one object however often it is asked for. Raises CatalogError."""
        with self._loading:
            image = self._images.get(release)
            if image is None:
                image = self._images[release] = read_release_image(self._folder, release)
            return image

    def verify(self) -> tuple[CatalogError, ...]:
        """Read every image afresh, withdrawn ones too; return what is wrong, in the manifest's order."""
        problems: list[CatalogError] = []
        for release in self._releases:
            try:
                read_release_image(self._folder, release)
            except CatalogError as problem:
                problems.append(problem)
        return tuple(problems)


def read_release_image(folder: Path, release: Release) -> FirmwareImage:
    """Read a release's image and check it against its pin, its version and its model. Raises CatalogError."""
    path = folder / release.image.file
    remedy = "restore the file, or withdraw the release with 'reflash catalog withdraw'"
    try:
        data = read_regular_file(path, MAX_IMAGE_SIZE)
    except FileNotFoundError:
        raise ImageUnavailable(f"{path}, the image of release {release}, does not exist; {remedy}") from None
    except OSError as error:
        raise ImageUnavailable(
            f"{path}, the image of release {release}, cannot be read: {error.strerror}; {remedy}"
        ) from error
    if len(data) != release.image.size:
        raise ImagePinMismatch(
            f"{path} has {len(data)} bytes, release {release} pins {release.image.size}; {remedy}"
        )
    sha256 = hashlib.sha256(data).hexdigest()
    if sha256 != release.image.sha256:
        raise ImagePinMismatch(
            f"{path} has SHA-256 {sha256[:16]}…, release {release} pins {release.image.sha256[:16]}…; {remedy}"
        )
    try:
        image = load_image(data)
    except ImageFormatError as error:
        raise ImageUnsuitable(f"{path}, the image of release {release}: {error}") from error
    if image.version != release.version:
        raise ImageUnsuitable(
            f"{path} holds version {image.version}, not that of release {release}; {remedy}"
        )
    if image.model not in (None, release.model):
        raise ImageUnsuitable(f"{path} is for model {image.model}, not that of release {release}; {remedy}")
    return image
