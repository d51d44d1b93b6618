"""Makes signed MCUboot images, byte for byte as imgtool, MCUboot's own tool, makes them; the tests hold them against it.

Format: MCUboot's `docs/design.md`, "Image format"; `simulators.image` reads the same.
"""

from __future__ import annotations

import hashlib
import random
import re
import struct
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from simulators.image import (
    HEADER,
    HEADER_MAGIC,
    PROTECTED_TLV_MAGIC,
    TLV,
    TLV_ECDSA,
    TLV_KEY_HASH,
    TLV_MAGIC,
    TLV_MANUFACTURER,
    TLV_MODEL,
    TLV_SHA256,
)

_HEADER_SIZE: Final = 0x200
"""MCUboot's usual header room on Cortex-M, so that the vector table behind it is aligned."""
_VERSION: Final = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:\+(\d+))?", re.ASCII)
_VERSION_LIMITS: Final = (0xFF, 0xFF, 0xFFFF, 0xFFFF_FFFF)


@dataclass(frozen=True, slots=True)
class FirmwareSpec:
    """What an image is to be."""

    version: str
    """As imgtool takes it: `1.2.303` or `1.2.303+4`."""
    manufacturer: str | None
    model: str | None
    """None for an image that names no model."""
    size: int = 128 * 1024
    """Bytes of body; the file is about 700 bytes longer."""
    seed: int = 0
    """Decides the body's bytes."""


class FirmwareError(Exception):
    """An image cannot be made as asked. One line."""


def make_firmware(spec: FirmwareSpec, maker: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a signed image file. The same arguments give the same body and hash, with a new signature.

    Raises FirmwareError for a version that no image can have.
    """
    body = random.Random(f"{spec.seed} {spec.version} {spec.model}").randbytes(spec.size)
    claims = {TLV_MANUFACTURER: spec.manufacturer, TLV_MODEL: spec.model}
    texts = {kind: text.encode("ascii") for kind, text in claims.items() if text is not None}
    protected = _tlvs(PROTECTED_TLV_MAGIC, texts) if texts else b""
    header = HEADER.pack(
        HEADER_MAGIC, 0, _HEADER_SIZE, len(protected), spec.size, 0, *_version(spec.version), 0
    )
    hashed = header.ljust(_HEADER_SIZE, b"\xff") + body + protected
    public = maker.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashed + _tlvs(
        TLV_MAGIC,
        {
            TLV_SHA256: hashlib.sha256(hashed).digest(),
            TLV_KEY_HASH: hashlib.sha256(public).digest(),
            TLV_ECDSA: maker.sign(hashed, ec.ECDSA(hashes.SHA256())),
        },
    )


def _tlvs(magic: int, values: dict[int, bytes]) -> bytes:
    records = b"".join(TLV.pack(kind, len(value)) + value for kind, value in values.items())
    return struct.pack("<HH", magic, TLV.size + len(records)) + records


def _version(text: str) -> tuple[int, ...]:
    if found := _VERSION.fullmatch(text):
        parts = tuple(int(part or 0) for part in found.groups())
        if all(part <= most for part, most in zip(parts, _VERSION_LIMITS, strict=True)):
            return parts
    raise FirmwareError(f"{text!r} is no image version (such as 1.2.303)")
