"""What tests ask of a catalogue."""

from __future__ import annotations

from firmware_catalog.catalog import Catalog, standing
from firmware_catalog.identity import DeviceModel
from firmware_catalog.image import FirmwareImage


def is_released(catalogue: Catalog, model: DeviceModel, image: FirmwareImage) -> bool:
    """Whether a release of the model still stands for exactly these bytes."""
    return image.file_sha256.hex() in {release.payload_sha256 for release in standing(catalogue, model)}
