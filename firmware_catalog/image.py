"""A firmware image as the rest of the station handles it: bytes held once, and what they were checked to be."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from firmware_catalog.bounds import UNBOUND, Bounds
from firmware_catalog.identity import DeviceModel, FirmwareVersion

MAX_IMAGE_SIZE: Final = 64 * 1024 * 1024
"""Bytes. Far above any hub's flash; keeps a wrong file from filling the memory."""


class ImageFormatError(ValueError):
    """The bytes are no image that may be flashed. The message says what is wrong and what to do, in one line."""


class ImageKind(StrEnum):
    """The container format an image file is in."""

    MCUBOOT = "mcuboot"
    ZIGBEE_OTA = "zigbee_ota"
    """A ZigBee OTA distribution file; a hub is given the Manufacturer Image that it holds."""
    DFU = "dfu"
    """A USB DFU file with its suffix; a hub is given what comes before the suffix."""
    RAW = "raw"
    """Bytes that say nothing of themselves; a hub is given them as they are."""


@dataclass(frozen=True, slots=True)
class FirmwareImage:
    """One checked image. Made by a catalogue or by `formats.read_image`; never edited."""

    data: bytes = field(repr=False)
    """What a hub is given: the file's bytes, or what its container holds. One object however many slots flash it."""
    kind: ImageKind
    """What the file is."""
    version: FirmwareVersion
    version_text: str
    """The version as the format writes it, and as the hub reports it in its state (`0.2.303`)."""
    image_hash: bytes
    """What a hub reports in its state: MCUboot's SHA-256 TLV; for other bytes, SHA-256 over `data`."""
    file_sha256: bytes
    """SHA-256 over `data`, which an SMP upload announces. For a distribution file: the Manufacturer Image Hash."""
    model: DeviceModel | None
    """The model that the image itself claims to be for, where it does."""
    only_for: Bounds = UNBOUND
    """What its file narrows it to within its model."""

    def __len__(self) -> int:
        return len(self.data)
