from __future__ import annotations

import contextlib
import hashlib
import struct
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from imgtool.image import Image, VerifyResult
from imgtool.keys import ECDSA256P1, ECDSA384P1, ECDSA256P1Public

from firmware_catalog.identity import DeviceModel, FirmwareVersion
from firmware_catalog.image import MAX_IMAGE_SIZE, ImageFormatError, ImageKind
from firmware_catalog.mcuboot import ImageVersion, load_image, parse_layout

GOLDEN = bytes.fromhex(
    "3db8f396"  # magic
    "00000000"  # load address
    "2000"  # header size
    "1800"  # protected TLV area: 4 + (4 + 4) + (4 + 8) bytes
    "04000000"  # body size
    "00000000"  # flags
    "00022f0107000000"  # version 0.2.303+7
    "00000000"
    "deadbeef"  # body
    "08691800"  # protected TLV area
    "a000040031304133"  # manufacturer 10A3
    "a10008003042414443414645"  # model 0BADCAFE
    "07692800"  # TLV area
    "10002000"  # SHA-256
    "2482c2d109fa1fca89829307e8e7b177b40d9db982eef6a82501f079598c2372"
)
"""One whole image, written down from MCUboot's description of the format."""


def test_golden_bytes() -> None:
    image = load_image(GOLDEN)
    assert image.version == FirmwareVersion.parse("0002012F")
    assert image.version_text == "0.2.303.7"
    assert image.kind is ImageKind.MCUBOOT
    assert image.model == DeviceModel("10A3", "0BADCAFE")
    assert image.image_hash == GOLDEN[-32:]
    assert image.file_sha256 == hashlib.sha256(GOLDEN).digest()
    assert len(image) == len(GOLDEN) == 100


def test_imgtool_makes_the_golden_image(imgtool_image) -> None:
    assert imgtool_image("0.2.303+7", body=bytes.fromhex("deadbeef")) == GOLDEN


@pytest.mark.parametrize("header_size", [32, 512])
@pytest.mark.parametrize("model", [None, DeviceModel("10A3", "0BADCAFE")])
def test_what_imgtool_signs_and_verifies_is_accepted(
    imgtool_image, tmp_path: Path, header_size, model
) -> None:
    key = ECDSA256P1.generate()
    data = imgtool_image(
        "1.2.3", key=key, header_size=header_size, model=model, security_counter="auto", body=bytes(5000)
    )
    path = tmp_path / "signed.bin"
    path.write_bytes(data)
    verdict, version, digest, _ = Image.verify(str(path), key)
    assert verdict is VerifyResult.OK
    image = load_image(data)
    assert image.data is data
    assert image.image_hash == digest
    assert image.version == FirmwareVersion.from_image_version(*version[:3])
    assert image.version_text == "1.2.3"
    assert image.model == model


def test_layout_tells_where_and_what_it_is(imgtool_image) -> None:
    layout = parse_layout(imgtool_image(header_size=64, load_addr=0x2000_0000, body=bytes(100)))
    assert (layout.header_size, layout.body_size, layout.hashed_size) == (64, 100, 64 + 100 + 24)
    assert layout.load_address == 0x2000_0000
    assert layout.flags == 0x20
    assert [tlv.type for tlv in layout.protected] == [0xA0, 0xA1]
    assert layout.version == ImageVersion(0, 2, 303, 0)


def test_ram_load_and_rom_fixed_images_are_accepted(imgtool_image) -> None:
    assert load_image(imgtool_image(load_addr=0x2000_0000)).version_text == "0.2.303"
    assert load_image(imgtool_image(rom_fixed=0x0800_0000)).version_text == "0.2.303"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"encrypt_for": ECDSA256P1Public(ECDSA256P1.generate().key.public_key())}, "encrypted"),
        ({"non_bootable": True}, "not bootable"),
        (
            {"create": {"compression_type": "lzma2", "compression_tlvs": {"DECOMP_SIZE": bytes(4)}}},
            "compressed",
        ),
        ({"create": {"user_sha": "512"}}, "--sha 256"),
        ({"key": ECDSA384P1.generate()}, "--sha 256"),
        ({"pad": True, "slot_size": 0x2000}, "without padding"),
        ({"pad": True, "confirm": True, "slot_size": 0x2000}, "without padding"),
        ({"endian": "big"}, "no MCUboot image"),
        ({"model": None, "custom_tlvs": {0xA0: b"10A3"}}, "not both"),
        ({"model": None, "custom_tlvs": {0xA0: b"10A3", 0xA1: b"\xff"}}, "printable ASCII"),
        ({"model": None, "custom_tlvs": {0xA0: b"", 0xA1: b"0BADCAFE"}}, "printable ASCII"),
        ({"body": b""}, "no firmware"),
    ],
)
def test_kinds_of_image_that_no_hub_is_given(imgtool_image, options, says: str) -> None:
    with pytest.raises(ImageFormatError, match=says):
        load_image(imgtool_image(**options))


def _with_header(field: str, value: int) -> bytes:
    """Return the golden image with one header field changed and its hash made good again."""
    offset, form = {
        "header_size": (8, "<H"),
        "protected_size": (10, "<H"),
        "body_size": (12, "<I"),
        "flags": (16, "<I"),
    }[field]
    data = bytearray(GOLDEN)
    struct.pack_into(form, data, offset, value)
    data[-32:] = hashlib.sha256(data[:-40]).digest()
    return bytes(data)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("header_size", 0, "claims 0 bytes"),
        ("header_size", 31, "claims 31 bytes"),
        ("header_size", 0xFFFF, "cut short"),
        ("body_size", 0, "no firmware"),
        ("body_size", 0xFFFF_FFFF, "cut short"),
        ("body_size", 3, "byte 35 should start the protected TLV area"),
        ("protected_size", 0, "byte 36 should start the TLV area with 0x6907, it holds 0x6908"),
        ("protected_size", 20, "gives the protected TLV area 20 bytes, the area itself 24"),
        ("protected_size", 1, "gives the protected TLV area 1 bytes"),
        ("flags", 0x4000_0000, "flags 0x40000000"),
        ("flags", 0x1, "flags 0x1"),
        ("flags", 0x8, "encrypted"),
    ],
)
def test_lying_headers(field: str, value: int, says: str) -> None:
    with pytest.raises(ImageFormatError, match=says):
        load_image(_with_header(field, value))


def _with_tlvs(area: bytes) -> bytes:
    return GOLDEN[:60] + struct.pack("<HH", 0x6907, 4 + len(area)) + area


def _tlv(kind: int, value: bytes) -> bytes:
    return struct.pack("<HH", kind, len(value)) + value


def test_records_that_overrun_their_area() -> None:
    with pytest.raises(ImageFormatError, match="runs over the end"):
        load_image(_with_tlvs(struct.pack("<HH", 0x10, 33) + bytes(32)))
    with pytest.raises(ImageFormatError, match="runs over the end"):
        load_image(_with_tlvs(_tlv(0x10, bytes(32)) + b"\x01"))
    with pytest.raises(ImageFormatError, match="shorter than its own head"):
        load_image(GOLDEN[:60] + struct.pack("<HH", 0x6907, 3))


def test_two_hashes_or_none() -> None:
    good = _tlv(0x10, GOLDEN[-32:])
    assert load_image(_with_tlvs(good)).data == GOLDEN
    with pytest.raises(ImageFormatError, match="2 times"):
        load_image(_with_tlvs(good + good))
    with pytest.raises(ImageFormatError, match="no SHA-256 hash"):
        load_image(_with_tlvs(b""))


def test_a_hash_of_another_length_is_no_hash() -> None:
    with pytest.raises(ImageFormatError, match="altered"):
        load_image(_with_tlvs(_tlv(0x10, GOLDEN[-32:-1])))


def test_a_model_claimed_outside_the_hash_counts_for_nothing(imgtool_image) -> None:
    data = imgtool_image(model=None)
    hashed = parse_layout(data).hashed_size
    area = data[hashed + 4 :] + _tlv(0xA0, b"10A3") + _tlv(0xA1, b"0BADCAFE")
    assert load_image(data[:hashed] + struct.pack("<HH", 0x6907, 4 + len(area)) + area).model is None


@pytest.mark.parametrize("data", [b"", b"\x7fELF" + bytes(200), bytes(31), b":10000000"])
def test_files_that_are_no_image(data: bytes) -> None:
    with pytest.raises(ImageFormatError, match="no MCUboot image"):
        load_image(data)


def test_a_file_too_large_for_any_hub() -> None:
    with pytest.raises(ImageFormatError, match="more than an image may have"):
        load_image(bytes(MAX_IMAGE_SIZE + 1))


def test_every_truncation_is_refused() -> None:
    for length in range(len(GOLDEN)):
        with pytest.raises(ImageFormatError):
            load_image(GOLDEN[:length])


@given(st.integers(0, len(GOLDEN) - 1), st.integers(1, 255))
def test_every_altered_byte_is_refused(position: int, flipped: int) -> None:
    data = bytearray(GOLDEN)
    data[position] ^= flipped
    with pytest.raises(ImageFormatError) as caught:
        load_image(bytes(data))
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=300))
@example(GOLDEN)
def test_arbitrary_bytes_after_a_true_magic(data: bytes) -> None:
    candidate = GOLDEN[:4] + data
    try:
        image = load_image(candidate)
    except ImageFormatError:
        return
    # Whatever gets through is consistent in itself.
    layout = parse_layout(candidate)
    assert hashlib.sha256(candidate[: layout.hashed_size]).digest() == image.image_hash


@given(
    st.lists(
        st.tuples(st.integers(4, 30), st.sampled_from([0, 1, 4, 32, 0x7FFF, 0xFFFF])), min_size=1, max_size=4
    ),
    st.binary(max_size=64),
)
def test_mutated_headers_raise_only_format_errors(changes: list[tuple[int, int]], tail: bytes) -> None:
    data = bytearray(GOLDEN + tail)
    for offset, value in changes:
        struct.pack_into("<H", data, offset, value)
    with contextlib.suppress(ImageFormatError):
        assert load_image(bytes(data)).data == GOLDEN
