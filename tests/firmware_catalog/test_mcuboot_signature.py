from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from imgtool.image import Image, VerifyResult
from imgtool.keys import ECDSA256P1, ECDSA256P1Public
from imgtool.keys.ed25519 import Ed25519

from firmware_catalog.image import ImageFormatError
from firmware_catalog.mcuboot import load_image, parse_layout
from firmware_catalog.mcuboot_signature import (
    ImageSignatureInvalid,
    MakerKeyError,
    check_signature,
    load_maker_key,
    read_maker_key,
)

GOLDEN_KEY = b"""-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt
6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==
-----END PUBLIC KEY-----
"""
"""The base point of P-256 (FIPS 186-4, D.1.2.3), whose private key is 1."""


def public(key: ECDSA256P1) -> ec.EllipticCurvePublicKey:
    return key.key.public_key()


@pytest.fixture(scope="module")
def maker() -> ECDSA256P1:
    return ECDSA256P1.generate()


@pytest.fixture(scope="module")
def signed(maker: ECDSA256P1, imgtool_image) -> bytes:
    return imgtool_image(key=maker, body=bytes(range(200)))


def test_what_the_maker_signed_passes(maker: ECDSA256P1, signed: bytes) -> None:
    check_signature(signed, [public(maker)])
    check_signature(signed, [public(ECDSA256P1.generate()), public(maker)])


def test_a_signature_filled_up_with_zeros_passes(maker: ECDSA256P1, imgtool_image) -> None:
    filled = ECDSA256P1(maker.key)
    filled.pad_sig = True
    check_signature(imgtool_image(key=filled), [public(maker)])


def test_imgtools_own_key_file_is_read(maker: ECDSA256P1, signed: bytes, tmp_path: Path) -> None:
    path = tmp_path / "maker.pub"
    ECDSA256P1Public(public(maker)).export_public(str(path))
    check_signature(signed, [read_maker_key(path)])


def test_another_key_or_none_does_not_pass(signed: bytes, imgtool_image) -> None:
    for keys in ([], [public(ECDSA256P1.generate())]):
        with pytest.raises(ImageSignatureInvalid, match="not signed by any key"):
            check_signature(signed, keys)
    with pytest.raises(ImageSignatureInvalid, match="no ECDSA P-256 signature"):
        check_signature(imgtool_image(), [])
    with pytest.raises(ImageSignatureInvalid, match="no ECDSA P-256 signature"):
        check_signature(imgtool_image(key=Ed25519.generate()), [])


def test_two_signatures_are_one_too_many(maker: ECDSA256P1, signed: bytes) -> None:
    # The signature is imgtool's last record: write it once more, and let the area's head say so.
    start = signed.rindex(bytes.fromhex("2200"))
    record = signed[start:]
    head = signed.rindex(bytes.fromhex("0769"), 0, start)
    size = int.from_bytes(signed[head + 2 : head + 4], "little") + len(record)
    doubled = signed[: head + 2] + size.to_bytes(2, "little") + signed[head + 4 :] + record
    load_image(doubled)
    with pytest.raises(ImageSignatureInvalid, match="carries 2 signatures"):
        check_signature(doubled, [public(maker)])


def test_no_changed_byte_passes_for_the_makers_image(maker: ECDSA256P1, signed: bytes) -> None:
    key = public(maker)
    for position in range(parse_layout(signed).hashed_size):
        changed = bytearray(signed)
        changed[position] ^= 0x40
        with pytest.raises(ImageFormatError):
            check_signature(bytes(changed), [key])


@given(st.data())
def test_what_passes_passes_imgtool_too(maker: ECDSA256P1, signed: bytes, tmp_path: Path, data) -> None:
    """Whatever is done to a signed image, nothing is taken for it that the makers' own tool refuses."""
    changed = bytearray(signed)
    for _ in range(data.draw(st.integers(0, 3))):
        changed[data.draw(st.integers(0, len(signed) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "changed.bin"
    path.write_bytes(changed)
    try:
        load_image(bytes(changed))
        check_signature(bytes(changed), [public(maker)])
    except ImageFormatError:
        return
    assert Image.verify(str(path), maker)[0] is VerifyResult.OK


@given(st.binary(max_size=80))
def test_hostile_signatures_are_refused(imgtool_image, value: bytes) -> None:
    data = imgtool_image(custom_tlvs={})
    head = data.rindex(bytes.fromhex("0769"))
    size = int.from_bytes(data[head + 2 : head + 4], "little") + 4 + len(value)
    forged = (
        data[: head + 2]
        + size.to_bytes(2, "little")
        + data[head + 4 :]
        + bytes.fromhex("2200")
        + len(value).to_bytes(2, "little")
        + value
    )
    with pytest.raises(ImageSignatureInvalid):
        check_signature(forged, [load_maker_key(GOLDEN_KEY, "golden")])


def test_a_makers_key_is_a_public_key_on_p_256(tmp_path: Path) -> None:
    point = load_maker_key(GOLDEN_KEY, "golden").public_numbers()
    assert f"{point.x:x}".startswith("6b17d1f2e12c4247")
    for key in (ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP384R1())):
        pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        with pytest.raises(MakerKeyError, match="here is no ECDSA P-256 key"):
            load_maker_key(pem, "here")
    with pytest.raises(MakerKeyError, match="here is no public key in PEM"):
        load_maker_key(b"", "here")
    with pytest.raises(MakerKeyError, match="cannot be read"):
        read_maker_key(tmp_path / "none.pem")
