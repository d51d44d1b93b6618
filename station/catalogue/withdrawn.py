"""Which hubs run a release that hubs are no longer to be given."""

from __future__ import annotations

from collections.abc import Iterable

from firmware_catalog.catalog import Catalog, standing
from firmware_catalog.errors import CatalogError
from firmware_catalog.identity import DeviceModel, FirmwareVersion
from station.records.facts.packed import Carton, RecalledCarton


def is_withdrawn(catalogue: Catalog, model: DeviceModel, runs: FirmwareVersion) -> bool:
    """Whether this version is known not to stand: see `withdrawn`. Not where the catalogue cannot be used, which says so itself."""
    try:
        return all(release.version != runs for release in standing(catalogue, model))
    except CatalogError:
        return False


def withdrawn(catalogue: Catalog, cartons: Iterable[Carton]) -> tuple[RecalledCarton, ...]:
    """Return the cartons that hold a release which does not stand, once for each of such: withdrawn, not listed, or not active in the products list.

    A hub that runs an older release, which another one has replaced, is none of them. Raises CatalogError.
    """
    stands: dict[DeviceModel, frozenset[FirmwareVersion]] = {}
    recalled = []
    for carton in cartons:
        if carton.contents is None:
            continue
        for packed in dict.fromkeys(carton.contents.packed):
            if packed.model not in stands:
                stands[packed.model] = frozenset(
                    release.version for release in standing(catalogue, packed.model)
                )
            if packed.firmware not in stands[packed.model]:
                recalled.append(RecalledCarton(carton, packed.model, packed.firmware))
    return tuple(recalled)
