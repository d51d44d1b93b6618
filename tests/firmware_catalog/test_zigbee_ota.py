from __future__ import annotations

import hashlib
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from benches.ota_files import ota
from firmware_catalog.formats import read_image, recognise
from firmware_catalog.identity import FirmwareVersion
from firmware_catalog.image import MAX_IMAGE_SIZE, ImageFormatError, ImageKind
from firmware_catalog.zigbee_ota import parse_ota

GOLDEN = bytes.fromhex(
    "1ef1ee0b"  # magic
    "0001"  # header version 1.0
    "4500"  # header length: 56 + 1 + 8 + 4
    "0700"  # field control: every optional field
    "a310"  # manufacturer 10A3
    "0100"  # image type
    "2f010200"  # file version 0002012F
    "0200"  # stack version: ZigBee PRO
    "636f6d6d732068756220696d6167650000000000000000000000000000000000"  # "comms hub image"
    "ffffffff"  # total size: wrong, as it has been seen
    "02"  # security credential version
    "0100000000847388"  # for 88-73-84-00-00-00-00-01 alone
    "01000300"  # hardware versions 1 to 3
    "deadbeef"  # Manufacturer Image
    "0040"  # a signature of 64 bytes follows
    + "11" * 32  # r
    + "22" * 32  # s
)
"""One whole file, written down from the ZigBee Cluster Library's description of the header."""


def test_golden_bytes() -> None:
    file = parse_ota(GOLDEN)
    assert file.manufacturer_image == bytes.fromhex("deadbeef")
    assert file.signature == bytes.fromhex("11" * 32 + "22" * 32)
    header = file.header
    assert header.manufacturer == 0x10A3
    assert header.image_type == 1
    assert header.file_version == 0x0002012F
    assert header.stack_version == 2
    assert header.text == "comms hub image"
    assert header.claimed_total_size == 0xFFFFFFFF
    assert header.security_credential_version == 2
    assert header.destination == 0x8873840000000001
    assert header.hardware_versions == (1, 3)


@pytest.mark.parametrize("control", range(8))
def test_each_optional_field_is_there_or_not(control: int) -> None:
    fields = [(1, "02"), (2, "0100000000847388"), (4, "01000300")]
    extra = b"".join(bytes.fromhex(raw) for bit, raw in fields if control & bit)
    header = parse_ota(ota(b"image", control=control, extra=extra)).header
    assert header.security_credential_version == (2 if control & 1 else None)
    assert header.destination == (0x8873840000000001 if control & 2 else None)
    assert header.hardware_versions == ((1, 3) if control & 4 else None)


def test_a_longer_header_than_is_known_is_passed_over() -> None:
    file = parse_ota(ota(b"image", control=0xFFF8, extra=bytes(10)))
    assert file.manufacturer_image == b"image"


def with_field(offset: int, raw: str) -> bytes:
    value = bytes.fromhex(raw)
    return GOLDEN[:offset] + value + GOLDEN[offset + len(value) :]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "0 bytes are no ZigBee OTA file"),
        (GOLDEN[:55], "55 bytes are no ZigBee OTA file"),
        (with_field(0, "00000000"), "starts with 00000000 instead of 1ef1ee0b"),
        (with_field(4, "0002"), "version 0x0200"),
        (with_field(6, "0000"), "claims 0 bytes, its optional fields need 57"),
        (with_field(6, "4400"), "claims 68 bytes, its optional fields need 69"),
        (with_field(6, "ffff"), "leaves no Manufacturer Image"),
        (with_field(6, "4900"), "leaves no Manufacturer Image"),
        (GOLDEN[:-1], "unsigned, cut short or has bytes after its end"),
        (GOLDEN + b"\0", "unsigned, cut short or has bytes after its end"),
        (ota(b"")[:56], "leaves no Manufacturer Image"),
        (ota(b"image")[:40] + b"\0" * 20, "leaves no Manufacturer Image"),
        (bytes(MAX_IMAGE_SIZE + 1), "more than an image may have"),
        (struct.pack("<IHHH", 0x0BEEF11E, 0x0100, 20, 0) + bytes(200), "claims 20 bytes and has 56"),
    ],
)
def test_what_is_no_distribution_file_is_told(data: bytes, says: str) -> None:
    with pytest.raises(ImageFormatError, match=says):
        parse_ota(data)


@given(st.binary(max_size=400) | st.binary(max_size=400).map(lambda tail: GOLDEN[:4] + tail))
@example(GOLDEN)
def test_hostile_bytes_are_refused_or_read_within_their_bounds(data: bytes) -> None:
    try:
        file = parse_ota(data)
    except ImageFormatError as error:
        told = str(error)
    else:
        told = ""
        assert file.manufacturer_image
        assert data.endswith(file.manufacturer_image + bytes.fromhex("0040") + file.signature)
    assert "\n" not in told


def test_an_mcuboot_image_is_unwrapped(imgtool_image) -> None:
    inner = imgtool_image("0.2.303")
    data = ota(inner)
    assert recognise(data) is ImageKind.ZIGBEE_OTA
    image = read_image(data, ImageKind.ZIGBEE_OTA, None)
    assert image.data == inner
    assert image.kind is ImageKind.ZIGBEE_OTA
    assert image.file_sha256 == hashlib.sha256(inner).digest()
    assert image.version == FirmwareVersion.parse("0002012F")
    assert image.version_text == "0.2.303"
    with pytest.raises(ImageFormatError, match="header says version 00000001, the image in it 0002012F"):
        read_image(ota(inner, file_version=1), ImageKind.ZIGBEE_OTA, None)


def test_any_other_manufacturer_image_is_taken_as_it_is() -> None:
    image = read_image(GOLDEN, ImageKind.ZIGBEE_OTA, None)
    assert image.data == bytes.fromhex("deadbeef")
    assert image.image_hash == image.file_sha256 == hashlib.sha256(image.data).digest()
    assert image.version_text == "0002012F"
    assert image.model is None
