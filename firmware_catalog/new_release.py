"""Stating a new release from an image file: what the file says of itself, and what a person adds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from firmware_catalog.containers import find_container
from firmware_catalog.devices import DeviceKind
from firmware_catalog.errors import ImageUnavailable, ImageUnsuitable, ReleaseInvalid
from firmware_catalog.files import read_named_file
from firmware_catalog.formats import read_image, recognise
from firmware_catalog.identity import DeviceModel, FirmwareVersion
from firmware_catalog.image import MAX_IMAGE_SIZE, FirmwareImage, ImageFormatError, ImageKind
from firmware_catalog.manifest import first_fault
from firmware_catalog.release import (
    ANY_LOWER,
    HardwareVersion,
    ImageReference,
    Release,
    ReleaseStatus,
    VersionRange,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a person states of an image that is to become a release."""

    model: DeviceModel | None = None
    """May be left out for an image that names its model, and may not contradict it."""
    version: FirmwareVersion | None = None
    """Only for a raw image; the others state their own."""
    permitted_from: Literal["any_lower"] | tuple[VersionRange, ...] = ANY_LOWER
    hardware_versions: tuple[HardwareVersion, ...] = ()
    made_for: DeviceKind = DeviceKind.HUB
    """No image says that of itself."""
    notes: str = ""


def read_new_release(
    path: Path, statement: Statement, file_name: Callable[[FirmwareVersion, str], str]
) -> tuple[Release, bytes]:
    """Read an image file and state it as a production release; return that and the file's bytes.

    `file_name` names the file in the catalogue, from version and SHA-256 in hex. Raises CatalogError.
    """
    try:
        data = read_named_file(path, MAX_IMAGE_SIZE)
    except OSError as error:
        raise ImageUnavailable(f"{path} cannot be read: {error.strerror}", "name the image's file") from error
    kind = recognise(data)
    if kind is ImageKind.RAW and statement.version is None and find_container(data) is None:
        raise ImageUnsuitable(
            f"{path} is no MCUboot image, ZigBee OTA or DFU file",
            "get the file that its maker signed, or state the version of a raw image",
        )
    try:
        image = read_image(data, kind, statement.version)
    except ImageFormatError as error:
        raise ImageUnsuitable(f"{path}: {error}") from error
    if statement.version not in (None, image.version):
        raise ImageUnsuitable(
            f"{path} holds version {image.version}, not {statement.version}", "leave the version to the image"
        )
    sha256 = hashlib.sha256(data).hexdigest()
    try:
        release = Release(
            model=_model(path, image, statement.model),
            version=image.version,
            status=ReleaseStatus.PRODUCTION,
            permitted_from=statement.permitted_from,
            hardware_versions=statement.hardware_versions,
            only_for=image.only_for,
            made_for=statement.made_for,
            image=ImageReference(file=file_name(image.version, sha256), sha256=sha256, size=len(data)),
            kind=kind,
            manufacturer_image_hash=image.file_sha256.hex(),
            notes=statement.notes,
        )
    except ValidationError as error:
        raise ReleaseInvalid(
            f"{path} cannot be a release so: {first_fault(error)}", "state it anew"
        ) from error
    return release, data


def _model(path: Path, image: FirmwareImage, stated: DeviceModel | None) -> DeviceModel:
    model = image.model if stated is None else stated
    if model is None:
        raise ImageUnsuitable(f"{path} does not name the model it is for", "state manufacturer and model")
    if image.model not in (None, model):
        raise ImageUnsuitable(
            f"{path} is for model {image.model}, not {model}", "state its own model, or get the other's image"
        )
    return model
