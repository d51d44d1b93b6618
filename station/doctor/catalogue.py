"""Whether the firmware is there, and is the firmware that was released."""

from __future__ import annotations

from pathlib import Path

from firmware_catalog.catalog import FolderCatalog
from firmware_catalog.errors import CatalogError
from firmware_catalog.release import ReleaseStatus
from station.doctor.report import Finding, fault, ok, warning


def check_catalogue(folder: Path) -> list[Finding]:
    """Read the catalogue and every image in it."""
    where = f"catalogue {folder}"
    try:
        catalog = FolderCatalog.open(folder)
        problems = catalog.verify()
    except CatalogError as error:
        return [fault(where, str(error))]
    if problems:
        advice = "add the image anew from its maker's file: reflash catalog add"
        return [fault(where, str(problem), advice) for problem in problems]
    released = [
        release
        for model in catalog.models()
        for release in catalog.releases(model)
        if release.status is ReleaseStatus.PRODUCTION
    ]
    if not released:
        return [warning(where, "has no production release", "add one: reflash catalog add")]
    return [ok(where, f"{len(released)} production releases, every image as it was released")]
