"""Whether the maker signed an MCUboot image: ECDSA P-256 over SHA-256, in the TLV that the hub's boot loader reads.

The signature covers what the image's hash covers: header, body and protected TLVs (MCUboot, `docs/design.md`,
"Image format"). It is ASN.1 DER, which older versions of imgtool fill up with zeros to 72 bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from firmware_catalog.files import read_regular_file
from firmware_catalog.image import ImageFormatError
from firmware_catalog.mcuboot import TLV_ECDSA_SIGNATURE, parse_layout

MakerKey = ec.EllipticCurvePublicKey
"""The public half of a key with which a maker signs images. On curve P-256."""

_MAX_KEY_FILE_SIZE = 16 * 1024


class ImageSignatureInvalid(ImageFormatError):
    """The image carries no signature by any of the maker's keys."""


class MakerKeyError(Exception):
    """A maker's public key cannot be used; the message says which and why."""


def check_signature(data: bytes, keys: Iterable[MakerKey]) -> None:
    """Return if one of `keys` signed this MCUboot image.

    Raises ImageSignatureInvalid when none did, and ImageFormatError for bytes that are no image.
    """
    layout = parse_layout(data)
    signatures = [record.value for record in layout.unprotected if record.type == TLV_ECDSA_SIGNATURE]
    if not signatures:
        raise ImageSignatureInvalid(
            "the image carries no ECDSA P-256 signature; ask its maker for the signed image"
        )
    if len(signatures) > 1:
        raise ImageSignatureInvalid(
            f"the image carries {len(signatures)} signatures where one is allowed; ask its maker for another"
        )
    signature = _without_filling(signatures[0])
    with memoryview(data) as view, view[: layout.hashed_size] as signed:
        for key in keys:
            try:
                key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
            except InvalidSignature:
                continue
            return
    raise ImageSignatureInvalid(
        "the image is not signed by any key that is known of its maker; get it from its maker again, "
        "or have the maker's key entered"
    )


def load_maker_key(pem: bytes, where: str) -> MakerKey:
    """Read a public key in PEM. Raises MakerKeyError, naming `where`, when it is no ECDSA P-256 public key."""
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise MakerKeyError(f"{where} is no public key in PEM; ask the maker for the image key") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise MakerKeyError(f"{where} is no ECDSA P-256 key; ask the maker for the image key")
    return key


def read_maker_key(path: Path) -> MakerKey:
    """Read a maker's public key from its PEM file. Raises MakerKeyError."""
    try:
        pem = read_regular_file(path, _MAX_KEY_FILE_SIZE)
    except OSError as error:
        raise MakerKeyError(f"{path} cannot be read: {error.strerror}; name the maker's key file") from error
    return load_maker_key(pem, str(path))


def _without_filling(value: bytes) -> bytes:
    """Return the DER signature without the zeros after it; anything else is left to fail as a signature."""
    end = 2 + value[1] if len(value) > 1 else len(value)
    return value[:end] if not any(value[end:]) else value
