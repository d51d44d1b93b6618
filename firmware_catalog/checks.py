"""What an image must pass before a hub is given it: its pin, its own word, its maker's signature, the CPL."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from firmware_catalog.cpl import CentralProductsList
from firmware_catalog.errors import (
    ImageHashMismatch,
    ImageNotByItsMaker,
    ImagePinMismatch,
    ImageUnavailable,
    ImageUnsuitable,
)
from firmware_catalog.files import read_regular_file
from firmware_catalog.formats import read_image, recognise
from firmware_catalog.image import MAX_IMAGE_SIZE, FirmwareImage, ImageFormatError, ImageKind
from firmware_catalog.mcuboot_signature import MakerKey, check_signature
from firmware_catalog.release import Release


@dataclass(frozen=True, slots=True)
class ImageChecks:
    """What is checked of every image beyond the pins of its release."""

    maker_keys: Mapping[str, tuple[MakerKey, ...]] | None = None
    """By DeviceManufacturer, the keys one of which must have signed each of its images.

    Where a manufacturer has any, nothing else passes than an MCUboot image that one of them signed. Where it has none,
    or is not named, no MCUboot image of it passes. None: signatures are not asked for.
    """
    products: CentralProductsList | None = None
    """The list that must have each image as active. None: not asked."""


PINS_ONLY: Final = ImageChecks()

_REMEDY: Final = "restore the file, or withdraw the release with 'reflash catalog withdraw'"


def read_release_image(folder: Path, release: Release, checks: ImageChecks) -> FirmwareImage:
    """Read a release's image from its file in `folder` and check it. Raises CatalogError."""
    path = folder / release.image.file
    try:
        data = read_regular_file(path, MAX_IMAGE_SIZE)
    except FileNotFoundError:
        raise ImageUnavailable(f"{path}, the image of release {release}, does not exist", _REMEDY) from None
    except OSError as error:
        raise ImageUnavailable(
            f"{path}, the image of release {release}, cannot be read: {error.strerror}", _REMEDY
        ) from error
    return check_release_image(data, release, str(path), checks)


def check_release_image(data: bytes, release: Release, where: str, checks: ImageChecks) -> FirmwareImage:
    """Hold a file's bytes against what the release says of them. `where` names the file in errors.

    Raises the CatalogError that says what is wrong with it.
    """
    if len(data) != release.image.size:
        raise ImagePinMismatch(
            f"{where} has {len(data)} bytes, release {release} pins {release.image.size}", _REMEDY
        )
    sha256 = hashlib.sha256(data).hexdigest()
    if sha256 != release.image.sha256:
        raise ImagePinMismatch(
            f"{where} has SHA-256 {sha256[:16]}…, release {release} pins {release.image.sha256[:16]}…",
            _REMEDY,
        )
    try:
        image = read_image(data, release.kind, release.version)
    except ImageFormatError as error:
        raise ImageUnsuitable(f"{where}, the image of release {release}: {error}") from error
    if image.version != release.version:
        raise ImageUnsuitable(
            f"{where} holds version {image.version}, not that of release {release}", _REMEDY
        )
    if image.model not in (None, release.model):
        raise ImageUnsuitable(f"{where} is for model {image.model}, not that of release {release}", _REMEDY)
    if image.only_for != release.only_for:
        raise ImageUnsuitable(
            f"{where} is by its own header for {image.only_for}, release {release} is stated for {release.only_for}",
            "withdraw the release, and add the image to a new catalogue",
        )
    if image.file_sha256.hex() != release.payload_sha256:
        raise ImageHashMismatch(
            f"{where} has Manufacturer Image Hash {image.file_sha256.hex()[:16]}…, release {release} states "
            f"{release.payload_sha256[:16]}…",
            _REMEDY,
        )
    if checks.maker_keys is not None:
        _check_maker(image, release, where, checks.maker_keys.get(release.model.manufacturer, ()))
    if checks.products is not None:
        checks.products.check(release.model, release.version, image.file_sha256)
    return image


def _check_maker(image: FirmwareImage, release: Release, where: str, keys: tuple[MakerKey, ...]) -> None:
    """Raises ImageNotByItsMaker."""
    is_mcuboot = recognise(image.data) is ImageKind.MCUBOOT
    if keys and not is_mcuboot:
        raise ImageNotByItsMaker(
            f"{where}, the image of release {release}, is not or does not hold an MCUboot image from its first byte on, "
            f"and only signed ones of manufacturer {release.model.manufacturer} are taken",
            "get the signed image",
        )
    if is_mcuboot:
        try:
            check_signature(image.data, keys)
        except ImageFormatError as error:
            raise ImageNotByItsMaker(f"{where}, the image of release {release}: {error}") from error
