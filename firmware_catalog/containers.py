"""Files that hold firmware for some tool or other and are no firmware themselves, told by their marks.

A hub that is given one as it stands refuses it at best, and the slot is blamed. So what is known is named, and refused.
Sources of the marks: ST UM0391 (DfuSe), USB DFU 1.1 appendix B, ZigBee Cluster Library "OTA Upgrade" (sub-elements),
MCUboot `docs/design.md`, Microsoft's UF2 specification, the ELF specification, Intel's "Hexadecimal Object File Format",
Motorola's S-records, and the formats' own descriptions for archives and compression.
"""

from __future__ import annotations

import codecs
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from firmware_catalog.image import ImageFormatError
from firmware_catalog.mcuboot import HEADER_SIZE, IMAGE_MAGIC, parse_layout
from firmware_catalog.zigbee_ota import OTA_HEADER_SIZE, OTA_HEADER_VERSION, OTA_MAGIC

_FROM_MAKER: Final = "ask its maker for the bare binary image"
_UNPACK: Final = "unpack it, and give the image in it"
_CONVERT: Final = "make a binary of it with objcopy -O binary, or ask its maker for one"

_PACKED: Final = (
    (0, b"\x1f\x8b\x08", "a gzip file"),
    (0, b"PK\x03\x04", "a zip file"),
    (0, b"PK\x05\x06", "an empty zip file"),
    (0, b"\xfd7zXZ\x00", "an xz file"),
    (0, b"BZh", "a bzip2 file"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard file"),
    (0, b"\x04\x22\x4d\x18", "an LZ4 file"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip file"),
    (0, b"Rar!\x1a\x07", "a RAR file"),
    (0, b"MSCF\x00\x00\x00\x00", "a cabinet file"),
    (0, b"!<arch>\n", "an ar archive or Debian package"),
    (257, b"ustar", "a tar archive"),
)
"""Where the mark stands, the mark, and what has it."""

_BUILT: Final = (
    (0, b"DfuSe", "a DfuSe file, whose parts are for addresses of their own", _FROM_MAKER),
    (0, b"\x7fELF", "an ELF file", _CONVERT),
    (0, b"UF2\n\x57\x51\x5d\x9e", "a UF2 file", "make a binary of it, or ask its maker for one"),
)

_INTEL_HEX: Final = re.compile(rb"\s*:[0-9A-Fa-f]{10}(?:[0-9A-Fa-f]{2})*\s")
_S_RECORD: Final = re.compile(rb"\s*S[0-9][0-9A-Fa-f]{8}(?:[0-9A-Fa-f]{2})*\s")

_MCUBOOT_MARK: Final = struct.pack("<I", IMAGE_MAGIC)
_TLV_INFO: Final = struct.Struct("<HH")
"""Magic and size of the records that end an MCUboot image."""
_DFU_MARK: Final = b"UFD\x10"
"""Signature and length of a DFU suffix; the CRC follows and ends the file."""

_TEXT_LOOKED_AT: Final = 4096
_SHORTEST_TEXT: Final = 16
"""Bytes. What is shorter may be text by chance."""
_NOT_IN_TEXT: Final = re.compile(r"[^\t\n\f\r\x1a\x20-\x7e\xa0-\U0010ffff]")

_SEARCHED_MARKS: Final = 64
"""How many occurrences of a mark within a file are looked at: code that handles a format holds its mark too."""


@dataclass(frozen=True, slots=True)
class Container:
    """A file of a known format that is no firmware image."""

    name: str
    """With its article, such as `an ELF file`."""
    remedy: str
    """What to do, as an order."""


def find_container(data: bytes, *, packed: bool = True) -> Container | None:
    """Return what these bytes are, where they are no firmware. None for what has no known mark: it may be firmware.

    `packed`: archives and compressed files, too.
    """
    for offset, mark, name, remedy in _BUILT:
        if data.startswith(mark, offset):
            return Container(name, remedy)
    for offset, mark, name in _PACKED if packed else ():
        if data.startswith(mark, offset):
            return Container(name, _UNPACK)
    return _wrapped(data) or _text(data)


def find_sub_elements(manufacturer_image: bytes) -> Container | None:
    """Return what a Manufacturer Image is that consists of ZigBee sub-elements (tag, length, content) to its end."""
    position = count = 0
    while position + 6 <= len(manufacturer_image) and count < 16:
        _, length = struct.unpack_from("<HI", manufacturer_image, position)
        position += 6 + length
        count += 1
        if length == 0:
            return None
    if count and position == len(manufacturer_image):
        return Container("ZigBee sub-elements instead of one bare image", _FROM_MAKER)
    return None


def find_swallowed(data: bytes, begins: int) -> Container | None:
    """Return what `data` holds from byte `begins` on, where that is the rest of a whole MCUboot image that begins before."""
    for at in _occurrences(data[: begins + len(_MCUBOOT_MARK) - 1], _MCUBOOT_MARK):
        if at < begins and _is_whole_image(data, at):
            name = (
                f"the rest of an MCUboot image that begins at byte {at}, before its header ends at {begins}"
            )
            return Container(name, "ask its maker for another")
    return None


def _wrapped(data: bytes) -> Container | None:
    """Find a ZigBee OTA header (which may be around an image) or a whole MCUboot image that is not where it should be, and a DFU suffix."""
    for at in _occurrences(data, struct.pack("<IH", OTA_MAGIC, OTA_HEADER_VERSION)):
        length = int.from_bytes(data[at + 6 : at + 8], "little")
        if OTA_HEADER_SIZE <= length <= 256 and at + length < len(data):
            name = (
                f"a wrapping around a ZigBee OTA file, which begins at byte {at}"
                if at
                else "a ZigBee OTA file"
            )
            return Container(name, "take the ZigBee OTA file out of it, or ask its maker for it")
    for at in _occurrences(data, _MCUBOOT_MARK):
        if at > 0 and _is_whole_image(data, at):
            return Container(f"something else up to byte {at}, where an MCUboot image begins", _FROM_MAKER)
    if data[-8:-4] == _DFU_MARK:
        return Container("a DFU file", "get the file again if it was damaged, or have it unwrapped")
    return None


def _occurrences(data: bytes, mark: bytes) -> Iterator[int]:
    at = -1
    for _ in range(_SEARCHED_MARKS):
        at = data.find(mark, at + 1)
        if at < 0:
            return
        yield at


def _is_whole_image(data: bytes, at: int) -> bool:
    """Whether a whole MCUboot image begins at this byte. What follows it, such as a swap trailer, does not matter."""
    if at + HEADER_SIZE > len(data):
        return False
    header_size, protected_size, body_size = struct.unpack_from("<HHI", data, at + 8)
    records_at = at + header_size + body_size + protected_size
    if records_at + _TLV_INFO.size > len(data):
        return False  # spares the copy
    _, records_size = _TLV_INFO.unpack_from(data, records_at)
    try:
        parse_layout(data[at : records_at + records_size])
    except ImageFormatError:
        return False
    return True


def _text(data: bytes) -> Container | None:
    if _INTEL_HEX.match(data):
        return Container("an Intel HEX file", _CONVERT)
    if _S_RECORD.match(data):
        return Container("a file of Motorola S-records", _CONVERT)
    if len(data) < _SHORTEST_TEXT:
        return None
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        text = decoder.decode(data[:_TEXT_LOOKED_AT], final=len(data) <= _TEXT_LOOKED_AT)
    except UnicodeDecodeError:
        return None
    if _NOT_IN_TEXT.search(text):
        return None
    return Container("a text", _FROM_MAKER)
