"""A firmware image as the rest of the station handles it: bytes held once, and what they were checked to be."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from firmware_catalog.identity import DeviceModel, FirmwareVersion

MAX_IMAGE_SIZE: Final = 64 * 1024 * 1024
"""Bytes. Far above any hub's flash; keeps a wrong file from filling the memory."""


class ImageFormatError(ValueError):
    """The bytes are no image that may be flashed. The message says what is wrong and what to do, in one line."""


class ImageKind(StrEnum):
    """The container format an image file is in."""

    MCUBOOT = "mcuboot"


@dataclass(frozen=True, slots=True)
class FirmwareImage:
    """One checked image. Made by a catalogue or by `mcuboot.load_image`; never edited."""

    data: bytes = field(repr=False)
    """The file's bytes. One object however many slots flash it."""
    kind: ImageKind
    version: FirmwareVersion
    version_text: str
    """The version as the format writes it, and as the hub reports it in its state (`0.2.303`)."""
    image_hash: bytes
    """MCUboot's SHA-256 TLV, which a hub reports in its state."""
    file_sha256: bytes
    """SHA-256 of the file, which an SMP upload announces."""
    model: DeviceModel | None
    """The model that the image itself claims to be for, where it does."""

    def __len__(self) -> int:
        return len(self.data)
