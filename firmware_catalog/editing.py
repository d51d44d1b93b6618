"""Changing a folder catalogue: adding a release and withdrawing one, each as one act that holds or did not happen."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from firmware_catalog.devices import DeviceKind
from firmware_catalog.errors import ReleaseExists, ReleaseUnknown
from firmware_catalog.files import replace_file
from firmware_catalog.identity import DeviceModel, FirmwareVersion
from firmware_catalog.locking import locked
from firmware_catalog.manifest import MANIFEST_NAME, Manifest, read_manifest, write_manifest
from firmware_catalog.new_release import Statement, read_new_release
from firmware_catalog.release import ANY_LOWER, HardwareVersion, Release, ReleaseStatus, VersionRange


def add_release(
    folder: Path,
    image_path: Path,
    *,
    model: DeviceModel | None = None,
    version: FirmwareVersion | None = None,
    permitted_from: Literal["any_lower"] | tuple[VersionRange, ...] = ANY_LOWER,
    hardware_versions: tuple[HardwareVersion, ...] = (),
    made_for: DeviceKind = DeviceKind.HUB,
    notes: str = "",
) -> Release:
    """Copy an image into the catalogue as a production release and pin it. The first release founds the catalogue.

    Its version is the image's own; only a raw image needs it stated. `model` may be left out for an image that names
    its model, and may not contradict it. Raises CatalogError, and changes nothing then.
    """
    statement = Statement(
        model=model,
        version=version,
        permitted_from=permitted_from,
        hardware_versions=hardware_versions,
        made_for=made_for,
        notes=notes,
    )
    release, data = read_new_release(
        image_path, statement, lambda stated, sha256: f"{stated}-{sha256[:16]}.bin"
    )
    with locked(folder):
        manifest = read_manifest(folder) if (folder / MANIFEST_NAME).exists() else Manifest()
        if _find(manifest, release.model, release.version) is not None:
            raise ReleaseExists(
                f"{folder / MANIFEST_NAME} lists release {release} already",
                "give another image another version",
            )
        # The image first: a manifest never names a file that is not there.
        replace_file(folder / release.image.file, data)
        write_manifest(folder, Manifest(releases=(*manifest.releases, release)))
    return release


def withdraw_release(folder: Path, model: DeviceModel, version: FirmwareVersion) -> Release:
    """Mark a release as withdrawn, for good; its image stays. Withdrawing it again changes nothing.

    Raises ReleaseUnknown, or another CatalogError when the catalogue cannot be changed.
    """
    with locked(folder):
        manifest = read_manifest(folder)
        release = _find(manifest, model, version)
        if release is None:
            raise ReleaseUnknown(
                f"{folder / MANIFEST_NAME} lists no release {model} {version}", "see 'reflash catalog list'"
            )
        withdrawn = release.model_copy(update={"status": ReleaseStatus.WITHDRAWN})
        write_manifest(
            folder,
            Manifest(releases=tuple(withdrawn if each == release else each for each in manifest.releases)),
        )
    return withdrawn


def _find(manifest: Manifest, model: DeviceModel, version: FirmwareVersion) -> Release | None:
    return next((each for each in manifest.releases if (each.model, each.version) == (model, version)), None)
