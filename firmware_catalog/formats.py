"""Image files of every kind: what a file is, and what a hub is given of it."""

from __future__ import annotations

import hashlib
import struct
from contextlib import suppress
from dataclasses import replace
from typing import Final

from firmware_catalog.containers import Container, find_container, find_sub_elements, find_swallowed
from firmware_catalog.dfu_suffix import DFUSE, KNOWN_SPECIFICATIONS, split_suffix
from firmware_catalog.identity import FirmwareVersion
from firmware_catalog.image import MAX_IMAGE_SIZE, FirmwareImage, ImageFormatError, ImageKind
from firmware_catalog.mcuboot import IMAGE_MAGIC, load_image
from firmware_catalog.zigbee_ota import OTA_MAGIC, parse_ota

_MAGIC: Final = struct.Struct("<I")


def recognise(data: bytes) -> ImageKind:
    """Tell by its marks what a file is. What has no mark of a known format is raw."""
    with suppress(ImageFormatError):  # chance can put a suffix's mark at the end of any file, but not its CRC
        if split_suffix(data).suffix is not None:
            return ImageKind.DFU
    if len(data) < _MAGIC.size:
        return ImageKind.RAW
    (magic,) = _MAGIC.unpack_from(data)
    return {IMAGE_MAGIC: ImageKind.MCUBOOT, OTA_MAGIC: ImageKind.ZIGBEE_OTA}.get(magic, ImageKind.RAW)


def read_image(data: bytes, kind: ImageKind, version: FirmwareVersion | None) -> FirmwareImage:
    """Read a file of a stated kind. `version` is needed for what does not state its own, and ignored otherwise.

    Raises ImageFormatError when the file is not of that kind, not whole, a container of another kind, or its version
    is known from nowhere.
    """
    match kind:
        case ImageKind.MCUBOOT:
            return load_image(data)
        case ImageKind.ZIGBEE_OTA:
            return _read_ota(data)
        case ImageKind.DFU:
            return _read_dfu(data, version)
        case ImageKind.RAW:
            found = recognise(data)
            if found is not ImageKind.RAW:
                raise ImageFormatError(f"the file is not raw but of kind {found}; state its kind")
            _refuse(find_container(data), "the file is")
            return _raw_image(data, kind, version)


def _read_ota(data: bytes) -> FirmwareImage:
    """Unwrap the Manufacturer Image. Its version is the header's file version, also by its own word if it has one.

    It may be packed: what of it a hub unpacks is its maker's affair.
    """
    ota = parse_ota(data)
    version = FirmwareVersion(ota.header.file_version)
    content = ota.manufacturer_image
    if recognise(content) is ImageKind.MCUBOOT:
        image = load_image(content)
    else:
        begins = ota.header.length
        container = (
            find_container(content, packed=False)
            or find_sub_elements(content)
            or find_swallowed(data[: begins + len(content)], begins)
        )
        _refuse(container, "the ZigBee OTA file holds")
        image = _raw_image(content, ImageKind.ZIGBEE_OTA, version)
    if image.version != version:
        raise ImageFormatError(
            f"the ZigBee OTA header says version {version}, the image in it {image.version}; ask its maker for another"
        )
    return replace(image, kind=ImageKind.ZIGBEE_OTA, only_for=ota.header.bounds())


def _read_dfu(data: bytes, version: FirmwareVersion | None) -> FirmwareImage:
    file = split_suffix(data)
    if file.suffix is None:
        raise ImageFormatError("the file has no DFU suffix; get the file again, or state its kind")
    specification = file.suffix.specification
    if specification not in KNOWN_SPECIFICATIONS:
        form = "a DfuSe file" if specification == DFUSE else "a DFU file of a form that is not known here"
        raise ImageFormatError(
            f"the file is {form} (bcdDFU {specification:04X}); ask its maker for the bare binary image"
        )
    content = bytes(file.firmware)
    if recognise(content) is ImageKind.MCUBOOT:
        return replace(load_image(content), kind=ImageKind.DFU)
    _refuse(find_container(content), "the DFU file holds")
    return _raw_image(content, ImageKind.DFU, version)


def _refuse(container: Container | None, held: str) -> None:
    if container is not None:
        raise ImageFormatError(f"{held} {container.name}, no firmware image; {container.remedy}")


def _raw_image(data: bytes, kind: ImageKind, version: FirmwareVersion | None) -> FirmwareImage:
    if version is None:
        raise ImageFormatError("the image does not state its version; state it")
    if not data:
        raise ImageFormatError("the image is empty; get it again")
    if len(data) > MAX_IMAGE_SIZE:
        raise ImageFormatError(
            f"{len(data)} bytes are more than an image may have ({MAX_IMAGE_SIZE}); check that this is the image"
        )
    sha256 = hashlib.sha256(data).digest()
    return FirmwareImage(
        data=data,
        kind=kind,
        version=version,
        version_text=str(version),
        image_hash=sha256,
        file_sha256=sha256,
        model=None,
    )
