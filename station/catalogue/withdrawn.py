"""Which hubs run a release that hubs are no longer to be given."""

from __future__ import annotations

from collections.abc import Iterable

from firmware_catalog.catalog import Catalog, standing
from firmware_catalog.errors import CatalogError
from firmware_catalog.identity import DeviceModel, FirmwareVersion
from station.records.facts.packed import Carton


def is_withdrawn(catalogue: Catalog, model: DeviceModel, runs: FirmwareVersion) -> bool:
    """Whether this version is known not to stand: see `withdrawn`. Not where the catalogue cannot be used, which says so itself."""
    try:
        return all(release.version != runs for release in standing(catalogue, model))
    except CatalogError:
        return False


def withdrawn(catalogue: Catalog, cartons: Iterable[Carton]) -> tuple[Carton, ...]:
    """Return the cartons whose release does not stand: withdrawn, not listed, or not active in the products list.

    A hub that runs an older release, which another one has replaced, is none of them. Raises CatalogError.
    """
    stands: dict[DeviceModel, frozenset[FirmwareVersion]] = {}
    recalled = []
    for carton in cartons:
        if carton.contents is None:
            continue
        model = DeviceModel(carton.contents.manufacturer, carton.contents.model)
        if model not in stands:
            stands[model] = frozenset(release.version for release in standing(catalogue, model))
        if carton.contents.firmware not in stands[model]:
            recalled.append(carton)
    return tuple(recalled)
