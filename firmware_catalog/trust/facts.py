"""A release as a TUF target: path, size and hash are TUF's own; the other facts are custom metadata of the target."""

from __future__ import annotations

import json
from typing import Any, Final

from pydantic import ValidationError
from tuf.api.metadata import TargetFile

from firmware_catalog.manifest import first_fault
from firmware_catalog.release import Release
from firmware_catalog.trust.errors import CatalogMalformed
from firmware_catalog.trust.names import image_file, target_path

_FORMAT: Final = "reflash-release-1"


def to_target(release: Release) -> TargetFile:
    """Return the target that states this release."""
    facts: dict[str, Any] = {"format": _FORMAT, **release.model_dump(mode="json", exclude={"image"})}
    return TargetFile(
        release.image.size,
        {"sha256": release.image.sha256},
        target_path(release.model, release.version),
        {"custom": facts},
    )


def from_target(target: TargetFile, role: str) -> Release:
    """Read a target back. `role` names who signed it, in errors.

    Raises CatalogMalformed when it does not state a release, or one whose path is another's.
    """
    where = f"target {target.path!r} of role {role}"
    custom = target.custom
    if not isinstance(custom, dict) or custom.get("format") != _FORMAT:
        raise CatalogMalformed(
            f"{where} states no release ({_FORMAT})", "add images with 'reflash catalog add' only"
        )
    facts = {key: value for key, value in custom.items() if key != "format"}
    sha256 = target.hashes.get("sha256", "")
    name = target.path.rpartition("/")[2].removesuffix(".bin")
    facts["image"] = {"file": f"{sha256}.{name}.bin", "sha256": sha256, "size": target.length}
    try:
        release = Release.model_validate_json(json.dumps(facts))
    except (ValidationError, ValueError) as error:
        fault = first_fault(error) if isinstance(error, ValidationError) else str(error)
        raise CatalogMalformed(f"{where} states no release: {fault}", "have its signer correct it") from error
    if target.path != target_path(release.model, release.version) or release.image.file != image_file(
        release.version, sha256
    ):
        raise CatalogMalformed(
            f"{where} states release {release}, whose path is another", "have its signer correct it"
        )
    return release
