"""Changing a folder catalogue: adding a release and withdrawing one, each as one act that holds or did not happen."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from firmware_catalog.errors import (
    CatalogBusy,
    CatalogError,
    ImageUnavailable,
    ImageUnsuitable,
    ReleaseExists,
    ReleaseInvalid,
    ReleaseUnknown,
)
from firmware_catalog.files import read_regular_file, replace_file
from firmware_catalog.identity import DeviceModel, FirmwareVersion
from firmware_catalog.image import MAX_IMAGE_SIZE, ImageFormatError
from firmware_catalog.manifest import MANIFEST_NAME, Manifest, first_fault, read_manifest, write_manifest
from firmware_catalog.mcuboot import load_image
from firmware_catalog.release import (
    ANY_LOWER,
    HardwareVersion,
    ImageReference,
    Release,
    ReleaseStatus,
    VersionRange,
)


def add_release(
    folder: Path,
    image_path: Path,
    *,
    model: DeviceModel | None = None,
    permitted_from: Literal["any_lower"] | tuple[VersionRange, ...] = ANY_LOWER,
    hardware_versions: tuple[HardwareVersion, ...] = (),
) -> Release:
    """Copy an image into the catalogue as a production release and pin it. The first release founds the catalogue.

    Its version is the image's own. `model` may be left out for an image that names its model, and may not
    contradict it. Raises CatalogError, and changes nothing then.
    """
    try:
        data = read_regular_file(image_path.resolve(), MAX_IMAGE_SIZE)
    except OSError as error:
        raise ImageUnavailable(
            f"{image_path} cannot be read: {error.strerror}; name the image's file"
        ) from error
    try:
        image = load_image(data)
    except ImageFormatError as error:
        raise ImageUnsuitable(f"{image_path}: {error}") from error
    if model is None:
        model = image.model
    if model is None:
        raise ImageUnsuitable(f"{image_path} does not name the model it is for; state manufacturer and model")
    if image.model not in (None, model):
        raise ImageUnsuitable(
            f"{image_path} is for model {image.model}, not {model}; state its own model, or get the other's image"
        )
    sha256 = image.file_sha256.hex()
    reference = ImageReference(file=f"{image.version}-{sha256[:16]}.bin", sha256=sha256, size=len(data))
    try:
        release = Release(
            model=model,
            version=image.version,
            status=ReleaseStatus.PRODUCTION,
            permitted_from=permitted_from,
            hardware_versions=hardware_versions,
            image=reference,
        )
    except ValidationError as error:
        raise ReleaseInvalid(
            f"{image_path} cannot be a release so: {first_fault(error)}; state it anew"
        ) from error
    with _locked(folder):
        manifest = read_manifest(folder) if (folder / MANIFEST_NAME).exists() else Manifest()
        if _find(manifest, release.model, release.version) is not None:
            raise ReleaseExists(
                f"{folder / MANIFEST_NAME} lists release {release} already; give another image another version"
            )
        # The image first: a manifest never names a file that is not there.
        replace_file(folder / release.image.file, data)
        write_manifest(folder, Manifest(releases=(*manifest.releases, release)))
    return release


def withdraw_release(folder: Path, model: DeviceModel, version: FirmwareVersion) -> Release:
    """Mark a release as withdrawn, for good; its image stays. Withdrawing it again changes nothing.

    Raises ReleaseUnknown, or another CatalogError when the catalogue cannot be changed.
    """
    with _locked(folder):
        manifest = read_manifest(folder)
        release = _find(manifest, model, version)
        if release is None:
            raise ReleaseUnknown(
                f"{folder / MANIFEST_NAME} lists no release {model} {version}; see 'reflash catalog list'"
            )
        withdrawn = release.model_copy(update={"status": ReleaseStatus.WITHDRAWN})
        write_manifest(
            folder,
            Manifest(releases=tuple(withdrawn if each == release else each for each in manifest.releases)),
        )
    return withdrawn


def _find(manifest: Manifest, model: DeviceModel, version: FirmwareVersion) -> Release | None:
    return next((each for each in manifest.releases if (each.model, each.version) == (model, version)), None)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other editors out. The lock is the kernel's, on the folder itself: nothing is left behind by a crash."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise CatalogError(
            f"{folder} cannot be opened: {error.strerror}; make the folder, or name the right one"
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CatalogBusy(f"another program is changing {folder}; wait for it and try again") from error
        yield
    except OSError as error:
        raise CatalogError(
            f"{folder} cannot be changed: {error.strerror}; the catalogue is as it was"
        ) from error
    finally:
        os.close(descriptor)
