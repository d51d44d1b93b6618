"""The catalogue's manifest: one JSON file beside the images that says what each of them is and pins its content.

`catalog.json` holds `{"format": "reflash-catalog-1", "releases": [...]}`; `release.Release` documents an entry.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from firmware_catalog.errors import ManifestError
from firmware_catalog.files import read_regular_file, replace_file
from firmware_catalog.release import Release

MANIFEST_NAME: Final = "catalog.json"

_MAX_MANIFEST_SIZE: Final = 16 * 1024 * 1024
"""Bytes: tens of thousands of releases."""


class Manifest(BaseModel):
    """What `catalog.json` holds."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal["reflash-catalog-1"] = "reflash-catalog-1"
    releases: tuple[Release, ...] = ()

    @model_validator(mode="after")
    def _each_version_once(self) -> Self:
        seen: set[tuple[object, object]] = set()
        for release in self.releases:
            if (release.model, release.version) in seen:
                raise ValueError(f"release {release} is listed twice")
            seen.add((release.model, release.version))
        return self


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of the catalogue in `folder`. Raises ManifestError."""
    path = folder / MANIFEST_NAME
    try:
        text = read_regular_file(path, _MAX_MANIFEST_SIZE)
    except FileNotFoundError:
        raise ManifestError(
            f"{path} does not exist", "name the catalogue's folder, or found one with 'reflash catalog add'"
        ) from None
    except OSError as error:
        raise ManifestError(f"{path} cannot be read: {error.strerror}", "put that right first") from error
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        raise ManifestError(
            f"{path} is no catalogue manifest: {first_fault(error)}",
            "restore it from its last good copy, "
            "or add its images to a new folder with 'reflash catalog add'",
        ) from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest as one act, releases ordered by model and version. Raises OSError."""
    ordered = Manifest(releases=tuple(sorted(manifest.releases, key=lambda each: (each.model, each.version))))
    replace_file(folder / MANIFEST_NAME, ordered.model_dump_json(indent=2).encode() + b"\n")


def first_fault(error: ValidationError) -> str:
    """Put what pydantic found into one line: the first fault, and how many more there are."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    place = ".".join(str(part) for part in faults[0]["loc"])
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return f"{place + ': ' if place else ''}{faults[0]['msg']}{more}"
