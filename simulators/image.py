"""Reads MCUboot images out of a flash area, as the boot loader and the running application do.

Format: MCUboot's `docs/design.md`, "Image format". Header, body, protected TLVs, TLVs; little endian.
The model that an image is for stands in two protected TLVs of the vendor range: 0x00A0 manufacturer,
0x00A1 model, both text (provisional: the makers' own form is unpublished).
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from simulators.flash import FlashArea

HEADER = struct.Struct("<IIHHIIBBHII")
"""Magic, load address, header size, protected TLV size, image size, flags, version (4 parts), padding."""
HEADER_MAGIC = 0x96F3B83D
FLAG_NON_BOOTABLE = 0x10

TLV = struct.Struct("<HH")
TLV_MAGIC = 0x6907
PROTECTED_TLV_MAGIC = 0x6908
TLV_KEY_HASH = 0x01
TLV_SHA256 = 0x10
TLV_ECDSA = 0x22
TLV_MANUFACTURER = 0x00A0
TLV_MODEL = 0x00A1


class NoImage(Exception):
    """The area holds no MCUboot image that could be read to its end."""


@dataclass(frozen=True, slots=True)
class StoredImage:
    """What an area's header and TLVs say. Not yet whether it is true: see `is_genuine`."""

    version: tuple[int, int, int, int]
    image_hash: bytes
    bootable: bool
    hashed_size: int
    size: int
    """Bytes from the header to the end of the last TLV."""
    manufacturer: str | None
    model: str | None
    key_hash: bytes | None
    signature: bytes | None

    @property
    def version_text(self) -> str:
        """As Zephyr writes it: three parts, and the build number when it is not 0."""
        major, minor, revision, build = self.version
        return f"{major}.{minor}.{revision}" + (f".{build}" if build else "")

    @property
    def version_number(self) -> int:
        """The 4 bytes that a hub tells as its firmware version: major, minor, revision (16 bits)."""
        major, minor, revision, _ = self.version
        return major << 24 | minor << 16 | revision


def _read_tlvs(area: FlashArea, offset: int, magic: int) -> tuple[int, dict[int, bytes]]:
    """Return the block's total size and its TLVs. Raises NoImage."""
    if offset + TLV.size > area.size:
        raise NoImage("TLVs begin past the slot's end")
    found, total = TLV.unpack(area.read(offset, TLV.size))
    if found != magic or total < TLV.size or offset + total > area.size:
        raise NoImage(f"no TLV block {magic:#06x} at {offset}")
    return total, dict(_split_tlvs(area.read(offset + TLV.size, total - TLV.size)))


def _split_tlvs(block: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position < len(block):
        if position + TLV.size > len(block):
            raise NoImage("a TLV is cut short")
        kind, length = TLV.unpack_from(block, position)
        position += TLV.size
        if position + length > len(block):
            raise NoImage("a TLV is longer than its block")
        yield kind, block[position : position + length]
        position += length


def read_image(area: FlashArea) -> StoredImage:
    """Read header and TLVs. Raises NoImage when there is none or it lacks a SHA-256."""
    magic, _, header_size, protected_size, body_size, flags, *version, _ = HEADER.unpack(
        area.read(0, HEADER.size)
    )
    if magic != HEADER_MAGIC or header_size < HEADER.size:
        raise NoImage("no image header")
    offset = header_size + body_size
    protected: dict[int, bytes] = {}
    if protected_size:
        total, protected = _read_tlvs(area, offset, PROTECTED_TLV_MAGIC)
        if total != protected_size:
            raise NoImage("header and protected TLVs disagree about their size")
        offset += total
    total, tlvs = _read_tlvs(area, offset, TLV_MAGIC)
    if len(tlvs.get(TLV_SHA256, b"")) != 32:
        raise NoImage("no SHA-256 among the TLVs")
    major, minor, revision, build = version
    return StoredImage(
        version=(major, minor, revision, build),
        image_hash=tlvs[TLV_SHA256],
        bootable=not flags & FLAG_NON_BOOTABLE,
        hashed_size=offset,
        size=offset + total,
        manufacturer=_text(protected.get(TLV_MANUFACTURER)),
        model=_text(protected.get(TLV_MODEL)),
        key_hash=tlvs.get(TLV_KEY_HASH),
        signature=tlvs.get(TLV_ECDSA),
    )


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else raw.decode("ascii", "replace")


def find_image(area: FlashArea) -> StoredImage | None:
    """Read header and TLVs, or return None where there is no image."""
    try:
        return read_image(area)
    except NoImage:
        return None


def is_genuine(area: FlashArea, image: StoredImage, maker: ec.EllipticCurvePublicKey) -> bool:
    """Whether hash and ECDSA P-256 signature hold for the bytes in the area."""
    content = area.read(0, image.hashed_size)
    public = maker.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if (
        hashlib.sha256(content).digest() != image.image_hash
        or image.key_hash != hashlib.sha256(public).digest()
        or image.signature is None
    ):
        return False
    try:
        maker.verify(image.signature, content, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True
