"""Whether the firmware is there, and is the firmware that was released."""

from __future__ import annotations

import tempfile
from pathlib import Path

from drivers.threads import apart
from firmware_catalog.catalog import Catalog
from firmware_catalog.cpl import CentralProductsList
from firmware_catalog.errors import CatalogError
from firmware_catalog.release import ReleaseStatus
from station.catalogue.sources import open_source
from station.doctor.report import Finding, fault, ok, warning
from station.domain.config_error import ConfigError
from station.domain.counted import counted
from station.settings import StationSettings


async def check_catalogue(settings: StationSettings) -> list[Finding]:
    """Fetch the catalogue from its source and check it, every image too. Leaves what the daemon keeps alone."""
    chosen = settings.catalogue
    where = f"catalogue {chosen.place or chosen.folder}"
    with tempfile.TemporaryDirectory(prefix="reflash-") as store:

        def check() -> tuple[Catalog, tuple[CatalogError, ...]]:
            production = settings.mode == "production"
            products = CentralProductsList.load(chosen.products) if chosen.products else None
            catalogue = open_source(chosen, Path(store), products, production=production).refresh()
            return catalogue, catalogue.verify()

        try:
            catalogue, problems = await apart("doctor", check)
        except (CatalogError, ConfigError) as error:
            return [fault(where, str(error))]
    if problems:
        return [fault(where, str(problem)) for problem in problems]
    released = [
        release
        for model in catalogue.models()
        for release in catalogue.releases(model)
        if release.status is ReleaseStatus.PRODUCTION
    ]
    if (soon := catalogue.ends_soon()) is not None:
        return [warning(where, soon)]
    if not released:
        return [warning(where, "has no production release", "add one: reflash catalog add")]
    return [ok(where, f"{counted(len(released), 'production release')}, every image as it was released")]
