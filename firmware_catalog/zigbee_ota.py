"""ZigBee OTA distribution files, as firmware for smart-metering devices is handed over.

Layout: the header of the ZigBee Cluster Library's OTA Upgrade cluster (little endian), the Manufacturer Image, the
bytes `00 40`, and an ECDSA P-256 signature of 64 bytes (r, then s). The Manufacturer Image is found by the header's
length and the end of the file: the header's total size is wrong in files that are in use, so nothing relies on it.

What the trailing signature covers, and whose key makes it, is not published here; it is read and not judged.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final

from firmware_catalog.bounds import Bounds, HardwareRange
from firmware_catalog.identity import Eui64
from firmware_catalog.image import MAX_IMAGE_SIZE, ImageFormatError

OTA_MAGIC: Final = 0x0BEEF11E
OTA_HEADER_VERSION: Final = 0x0100

_SIGNATURE_MARK: Final = bytes.fromhex("0040")
_SIGNATURE_SIZE: Final = 64
_TAIL_SIZE: Final = len(_SIGNATURE_MARK) + _SIGNATURE_SIZE

# magic, header version, header length, field control, manufacturer, image type, file version, stack version,
# string, total size
_FIXED: Final = struct.Struct("<IHHHHHIH32sI")
OTA_HEADER_SIZE: Final = _FIXED.size
"""Bytes, without the optional fields."""
_CREDENTIAL: Final = struct.Struct("<B")
_DESTINATION: Final = struct.Struct("<Q")
_HARDWARE: Final = struct.Struct("<HH")

_HAS_CREDENTIAL: Final = 0x01
_HAS_DESTINATION: Final = 0x02
_HAS_HARDWARE: Final = 0x04
_NO_DEVICE: Final = frozenset({0, (1 << 64) - 1})


@dataclass(frozen=True, slots=True)
class OtaHeader:
    """What the header says. Numbers as they stand; the optional ones are None where the header has none."""

    length: int
    """As it says itself: where the Manufacturer Image begins."""
    manufacturer: int
    image_type: int
    file_version: int
    stack_version: int
    text: str
    """The header string without its filling; what is not ASCII is shown as escapes."""
    claimed_total_size: int
    """Bytes, as claimed: may be wrong."""
    security_credential_version: int | None
    destination: int | None
    """EUI-64 of the one device that the file is for."""
    hardware_versions: tuple[int, int] | None
    """Lowest and highest, the lowest never above the highest."""

    def bounds(self) -> Bounds:
        """Return to what the file narrows its firmware."""
        return Bounds(
            device=None if self.destination is None else Eui64(self.destination),
            hardware=None if self.hardware_versions is None else HardwareRange(*self.hardware_versions),
        )


@dataclass(frozen=True, slots=True)
class OtaFile:
    """One distribution file, taken apart."""

    header: OtaHeader
    manufacturer_image: bytes = field(repr=False)
    signature: bytes
    """r and s, 32 bytes each."""


def parse_ota(data: bytes) -> OtaFile:
    """Take a distribution file apart. Raises ImageFormatError for bytes that are not one whole file."""
    if len(data) > MAX_IMAGE_SIZE:
        raise ImageFormatError(
            f"{len(data)} bytes are more than an image may have ({MAX_IMAGE_SIZE}); check that this is the image"
        )
    if len(data) < _FIXED.size:
        raise ImageFormatError(
            f"{len(data)} bytes are no ZigBee OTA file, whose header alone has {_FIXED.size}; get the file again"
        )
    (magic, version, header_length, control, maker, image_type, file_version, stack, text, total_size) = (
        _FIXED.unpack_from(data)
    )
    if magic != OTA_MAGIC:
        raise ImageFormatError(
            f"this is no ZigBee OTA file: it starts with {data[:4].hex()} instead of "
            f"{struct.pack('<I', OTA_MAGIC).hex()}; get the distribution file"
        )
    if version != OTA_HEADER_VERSION:
        raise ImageFormatError(
            f"the ZigBee OTA header has version {version:#06x}, only {OTA_HEADER_VERSION:#06x} is known; "
            "ask its maker for a file of that version"
        )
    image_end = len(data) - _TAIL_SIZE
    if header_length >= image_end:
        raise ImageFormatError(
            f"the ZigBee OTA header claims {header_length} bytes, which leaves no Manufacturer Image in a file of "
            f"{len(data)}; get the file again"
        )
    optional = _OptionalFields(data, header_length)
    credential = optional.read(_CREDENTIAL) if control & _HAS_CREDENTIAL else None
    destination = optional.read(_DESTINATION) if control & _HAS_DESTINATION else None
    hardware = optional.read(_HARDWARE) if control & _HAS_HARDWARE else None
    if header_length < optional.position:
        raise ImageFormatError(
            f"the ZigBee OTA header claims {header_length} bytes and has {optional.position}; get the file again"
        )
    if hardware is not None and hardware[0] > hardware[1]:
        raise ImageFormatError(
            f"the ZigBee OTA header is for hardware {hardware[0]:#06x} at least and {hardware[1]:#06x} at most, which is "
            "none; ask its maker for another"
        )
    if destination is not None and destination[0] in _NO_DEVICE:
        raise ImageFormatError(
            f"the ZigBee OTA header is for one device and names none ({destination[0]:016X}); ask its maker for another"
        )
    mark = data[image_end : image_end + len(_SIGNATURE_MARK)]
    if mark != _SIGNATURE_MARK:
        raise ImageFormatError(
            f"byte {image_end} should announce the signature with {_SIGNATURE_MARK.hex()}, it holds {mark.hex()}: "
            "the ZigBee OTA file is unsigned, cut short or has bytes after its end; get the file again"
        )
    return OtaFile(
        header=OtaHeader(
            length=header_length,
            manufacturer=maker,
            image_type=image_type,
            file_version=file_version,
            stack_version=stack,
            text=text.rstrip(b"\0").decode("ascii", "backslashreplace"),
            claimed_total_size=total_size,
            security_credential_version=credential[0] if credential else None,
            destination=destination[0] if destination else None,
            hardware_versions=(hardware[0], hardware[1]) if hardware else None,
        ),
        manufacturer_image=data[header_length:image_end],
        signature=data[-_SIGNATURE_SIZE:],
    )


class _OptionalFields:
    """Reads the fields that follow the fixed header, in their order, and no further than the header reaches."""

    def __init__(self, data: bytes, header_length: int) -> None:
        self._data = data
        self._end = header_length
        self.position = _FIXED.size

    def read(self, layout: struct.Struct) -> tuple[int, ...]:
        start, self.position = self.position, self.position + layout.size
        if self.position > self._end:
            raise ImageFormatError(
                f"the ZigBee OTA header claims {self._end} bytes, its optional fields need {self.position}; "
                "get the file again"
            )
        return layout.unpack_from(self._data, start)
