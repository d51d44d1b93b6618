"""Central Products Lists of the simulated bench's firmware."""

from __future__ import annotations

import hashlib

from benches.station_bench import MODEL, Bench, version
from firmware_catalog.cpl import CentralProductsList, Product, ProductStatus


def listing(bench: Bench, status: ProductStatus = ProductStatus.ACTIVE) -> CentralProductsList:
    """Return a list of the one release, in this state."""
    image_hash = hashlib.sha256(bench.firmware("new").read_bytes()).hexdigest()
    product = Product(model=MODEL, version=version("new"), image_hash=image_hash, status=status)
    return CentralProductsList(products=(product,))
