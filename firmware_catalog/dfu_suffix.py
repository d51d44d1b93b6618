"""The suffix of a DFU file: which device the file is for, and a CRC over all of it.

Source: USB DFU 1.1, appendix B. The suffix is the last 16 bytes, written backwards, so that the signature `UFD`
and the length can be found from the end.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Final

from firmware_catalog.image import ImageFormatError

ANY: Final = 0xFFFF
"""As a vendor, product or device release: any."""
DFUSE: Final = 0x011A
"""bcdDFU of ST's DfuSe (UM0391), whose file is a container of its own."""
KNOWN_SPECIFICATIONS: Final = frozenset({0x0100, 0x0110})
"""bcdDFU of plain files: DFU 1.1 itself writes 1.00."""
_SIGNATURE: Final = b"UFD"
_SUFFIX: Final = struct.Struct("<HHHH3sBI")
"""bcdDevice, idProduct, idVendor, bcdDFU, signature, length, CRC."""


@dataclass(frozen=True, slots=True)
class DfuSuffix:
    """What a suffix says."""

    vendor: int
    product: int
    device_release: int
    """bcdDevice."""
    specification: int = 0x0100
    """bcdDFU."""

    def is_for(self, vendor: int, product: int) -> bool:
        """Whether the file is for a device with these ids."""
        return self.vendor in {ANY, vendor} and self.product in {ANY, product}

    def __str__(self) -> str:
        return f"{_name(self.vendor)}:{_name(self.product)}"


@dataclass(frozen=True, slots=True)
class DfuFile:
    """A file's firmware, and its suffix if it has one."""

    firmware: memoryview
    """The file's bytes without the suffix, not copied."""
    suffix: DfuSuffix | None


def split_suffix(data: bytes) -> DfuFile:
    """Take a file apart. Raises ImageFormatError for a suffix whose length or CRC is wrong."""
    whole = memoryview(data)
    if len(data) < _SUFFIX.size or data[-8:-5] != _SIGNATURE:
        return DfuFile(whole, None)
    release, product, vendor, specification, _, length, crc = _SUFFIX.unpack(data[-_SUFFIX.size :])
    if not _SUFFIX.size <= length <= len(data):
        raise ImageFormatError(f"the DFU suffix claims {length} bytes; get the file again")
    # The CRC is Ethernet's, without its final inversion, over everything before it.
    actual = zlib.crc32(whole[:-4]) ^ 0xFFFF_FFFF
    if actual != crc:
        raise ImageFormatError(
            f"the DFU suffix's CRC is {crc:08X}, the file's {actual:08X}; get the file again"
        )
    return DfuFile(whole[:-length], DfuSuffix(vendor, product, release, specification))


def _name(number: int) -> str:
    return "any" if number == ANY else f"{number:04x}"
