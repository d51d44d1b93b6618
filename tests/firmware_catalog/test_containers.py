"""Files that hold firmware and are none: each is named and refused, whoever states what of it."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benches.ota_files import ota
from firmware_catalog.catalog import FolderCatalog
from firmware_catalog.containers import find_container, find_sub_elements
from firmware_catalog.editing import add_release
from firmware_catalog.errors import ImageUnsuitable
from firmware_catalog.formats import read_image, recognise
from firmware_catalog.identity import DeviceModel, FirmwareVersion
from firmware_catalog.image import ImageFormatError, ImageKind

MODEL = DeviceModel("10A3", "0BADCAFE")
VERSION = FirmwareVersion.parse("0002012F")
FIRMWARE = bytes.fromhex("00200020c1010008") + bytes(range(256)) * 4
"""As a Cortex-M's begins: stack pointer, reset vector."""


def with_suffix(firmware: bytes, specification: int = 0x0100) -> bytes:
    body = firmware + struct.pack("<HHHH3sB", 0xFFFF, 0xFFFF, 0xFFFF, specification, b"UFD", 16)
    return body + struct.pack("<I", zlib.crc32(body) ^ 0xFFFFFFFF)


def dfuse() -> bytes:
    element = struct.pack("<II", 0x0800_0000, len(FIRMWARE)) + FIRMWARE
    target = struct.pack("<6sBI255sII", b"Target", 0, 0, b"", len(element), 1) + element
    return struct.pack("<5sBIB", b"DfuSe", 1, 11 + len(target), 1) + target


def uf2() -> bytes:
    head = struct.pack("<8I", 0x0A324655, 0x9E5D5157, 0, 0x0800_0000, 256, 0, 1, 0)
    return head + FIRMWARE[:256].ljust(476, b"\0") + struct.pack("<I", 0x0AB16F30)


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("hub.bin", FIRMWARE)
    return file.getvalue()


def tarred() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        entry = tarfile.TarInfo("hub.bin")
        entry.size = len(FIRMWARE)
        archive.addfile(entry, io.BytesIO(FIRMWARE))
    return file.getvalue()


INTEL_HEX = b":10010000214601360121470136007EFE09D2190140\r\n:00000001FF\r\n"
S_RECORDS = b"S00F000068656C6C6F202020202000003C\nS11F00007C0802A6900100049421FFF07C6C1B787C8C23783C6000003863000026\n"
FOREIGN: dict[str, tuple[bytes, str]] = {
    "DfuSe": (dfuse(), "a DfuSe file"),
    "ELF": (b"\x7fELF\x01\x01\x01" + bytes(9) + FIRMWARE, "an ELF file"),
    "UF2": (uf2(), "a UF2 file"),
    "Intel HEX": (INTEL_HEX, "an Intel HEX file"),
    "Intel HEX after a blank line": (b"\r\n" + INTEL_HEX, "an Intel HEX file"),
    "S-records": (S_RECORDS, "a file of Motorola S-records"),
    "text": (b"Release notes of 0002012F\r\n\r\nFaster.\r\n", "a text"),
    "text of another language": ("Версия 0002012F: быстрее".encode(), "a text"),
    "a long text": ("größer ".encode() * 4000, "a text"),
    "UTF-16": ("Release notes of 0002012F\r\n".encode("utf-16"), "a text"),
    "a web page": (b"<!DOCTYPE html>\n<title>404 Not Found</title>\n", "a text"),
    "gzip": (gzip.compress(FIRMWARE), "a gzip file"),
    "zip": (zipped(), "a zip file"),
    "an empty zip": (b"PK\x05\x06" + bytes(18), "an empty zip file"),
    "xz": (lzma.compress(FIRMWARE), "an xz file"),
    "bzip2": (bz2.compress(FIRMWARE), "a bzip2 file"),
    "Zstandard": (bytes.fromhex("28b52ffd") + FIRMWARE, "a Zstandard file"),
    "LZ4": (bytes.fromhex("04224d18") + FIRMWARE, "an LZ4 file"),
    "7-Zip": (b"7z\xbc\xaf\x27\x1c" + FIRMWARE, "a 7-Zip file"),
    "RAR": (b"Rar!\x1a\x07\x01\x00" + FIRMWARE, "a RAR file"),
    "cabinet": (b"MSCF\0\0\0\0" + FIRMWARE, "a cabinet file"),
    "tar": (tarred(), "a tar archive"),
    "Debian package": (b"!<arch>\ndebian-binary   " + FIRMWARE, "an ar archive"),
    "wrapped OTA": (
        b"NGIS" + bytes(20) + ota(FIRMWARE),
        "a wrapping around a ZigBee OTA file, which begins at byte 24",
    ),
    "damaged DFU": (with_suffix(FIRMWARE)[:-1] + b"\xaa", "a DFU file"),
}
PACKED = {
    "gzip",
    "zip",
    "an empty zip",
    "xz",
    "bzip2",
    "Zstandard",
    "LZ4",
    "7-Zip",
    "RAR",
    "cabinet",
    "tar",
    "Debian package",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_known_container_is_named_and_refused(name: str, catalog_folder: Path, tmp_path: Path) -> None:
    data, what = FOREIGN[name]
    path = tmp_path / "file"
    path.write_bytes(data)
    for version in (VERSION, None):
        with pytest.raises(ImageUnsuitable, match=what) as caught:
            add_release(catalog_folder, path, model=MODEL, version=version)
        told = str(caught.value)
        assert "no firmware image; " in told
        assert "\n" not in told
    assert not (catalog_folder / "catalog.json").exists()
    with pytest.raises(ImageFormatError, match=f"the file is {what}"):
        read_image(data, ImageKind.RAW, VERSION)
    with pytest.raises(ImageFormatError, match=f"the DFU file holds {what}"):
        read_image(with_suffix(data), ImageKind.DFU, VERSION)


@pytest.mark.parametrize("name", FOREIGN)
def test_a_distribution_file_holds_an_image_that_may_be_packed(name: str) -> None:
    data, what = FOREIGN[name]
    if name in PACKED:
        assert read_image(ota(data), ImageKind.ZIGBEE_OTA, None).data == data
    else:
        with pytest.raises(ImageFormatError, match=f"the ZigBee OTA file holds {what}"):
            read_image(ota(data), ImageKind.ZIGBEE_OTA, None)


@pytest.mark.parametrize(
    ("specification", "says"),
    [(0x011A, r"a DfuSe file \(bcdDFU 011A\)"), (0x0200, r"a form that is not known here \(bcdDFU 0200\)")],
)
def test_a_dfu_file_is_of_plain_dfu(
    specification: int, says: str, catalog_folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "hub.dfu"
    path.write_bytes(with_suffix(FIRMWARE, specification))
    with pytest.raises(ImageUnsuitable, match=says):
        add_release(catalog_folder, path, model=MODEL, version=VERSION)
    for plain in (0x0100, 0x0110):
        assert read_image(with_suffix(FIRMWARE, plain), ImageKind.DFU, VERSION).data == FIRMWARE


def sub_elements(image: bytes) -> bytes:
    return struct.pack("<HI", 0, len(image)) + image


def header_short_by_4(image: bytes) -> bytes:
    """The header's length leaves out its last field, so the image seems to begin before it does."""
    whole = ota(image, control=0, extra=bytes(4))
    return whole[:6] + struct.pack("<H", 56) + whole[8:]


def header_long_by(count: int) -> Callable[[bytes], bytes]:
    """The header's length takes in the image's first bytes, so the image seems to begin behind its mark."""

    def wrap(image: bytes) -> bytes:
        whole = ota(image)
        return whole[:6] + struct.pack("<H", 56 + count) + whole[8:]

    return wrap


MISPLACED = {
    "sub-element tag": (
        lambda image: ota(sub_elements(image)),
        "up to byte 6, where an MCUboot image begins",
    ),
    "header length short by 4": (header_short_by_4, "up to byte 4, where an MCUboot image begins"),
    "header length over by 2": (
        header_long_by(2),
        "the rest of an MCUboot image that begins at byte 56, before",
    ),
    "header length over by 200": (header_long_by(200), "the rest of an MCUboot image that begins at byte 56"),
    "OTA in OTA": (lambda image: ota(ota(image)), "the ZigBee OTA file holds a ZigBee OTA file"),
    "raw with an offset": (lambda image: bytes(512) + image, "up to byte 512, where an MCUboot image begins"),
    "a flash's content, the slot filled up": (
        lambda image: bytes(512) + image + b"\xff" * 4096,
        "up to byte 512, where an MCUboot image begins",
    ),
    "sub-elements, another one after it": (
        lambda image: ota(sub_elements(image) + sub_elements(FIRMWARE) + b"\0"),
        "up to byte 6, where an MCUboot image begins",
    ),
    "DFU in DFU": (lambda image: with_suffix(with_suffix(image)), "the DFU file holds a DFU file"),
    "OTA in DFU": (lambda image: with_suffix(ota(image)), "the DFU file holds a ZigBee OTA file"),
    "DFU in OTA": (lambda image: ota(with_suffix(image)), "the ZigBee OTA file holds a DFU file"),
}


@pytest.mark.parametrize("name", MISPLACED)
def test_an_image_that_is_not_where_a_hub_looks_for_it(
    name: str, catalog_folder: Path, tmp_path: Path, imgtool_image
) -> None:
    wrap, says = MISPLACED[name]
    path = tmp_path / "file"
    path.write_bytes(wrap(imgtool_image()))
    with pytest.raises(ImageUnsuitable, match=says):
        add_release(catalog_folder, path, model=MODEL, version=VERSION)


def test_zigbee_sub_elements_are_no_bare_image() -> None:
    with pytest.raises(ImageFormatError, match="the ZigBee OTA file holds ZigBee sub-elements"):
        read_image(ota(sub_elements(FIRMWARE)), ImageKind.ZIGBEE_OTA, None)
    several = sub_elements(FIRMWARE) + struct.pack("<HI", 1, 50) + bytes(50)
    assert find_sub_elements(several) is not None
    for image in (b"", bytes(6), bytes(600), FIRMWARE, several + b"\0", several[:-1]):
        assert find_sub_elements(image) is None


def test_code_that_handles_a_format_is_not_taken_for_a_file_of_it(imgtool_image) -> None:
    image = imgtool_image()
    marks = image[:4], ota(image)[:6], b"UFD", b"DfuSe", b"\x7fELF", b"PK\x03\x04"
    firmware = FIRMWARE + b"".join(mark + bytes(8) for mark in marks) + FIRMWARE + b"\0"
    assert find_container(firmware) is None
    assert read_image(firmware, ImageKind.RAW, VERSION).data == firmware


@pytest.mark.parametrize(
    "data", [FIRMWARE, b"short text", bytes(100), b"\xff" * 100, b":10 no record\0" * 9, b"S1\0" * 9]
)
def test_what_has_no_known_mark_may_be_firmware(data: bytes) -> None:
    assert find_container(data) is None


def test_a_catalogue_made_earlier_gives_no_container_to_a_hub(catalog_folder: Path, tmp_path: Path) -> None:
    raw = tmp_path / "raw.bin"
    raw.write_bytes(FIRMWARE)
    release = add_release(catalog_folder, raw, model=MODEL, version=VERSION)
    foreign = gzip.compress(FIRMWARE)
    before = release.image
    image = before.model_copy(update={"sha256": hashlib.sha256(foreign).hexdigest(), "size": len(foreign)})
    (catalog_folder / before.file).write_bytes(foreign)
    manifest = catalog_folder / "catalog.json"
    text = manifest.read_text().replace(before.sha256, image.sha256)
    manifest.write_text(text.replace(f'"size": {before.size}', f'"size": {image.size}'))
    catalog = FolderCatalog.open(catalog_folder)
    (problem,) = catalog.verify()
    assert "a gzip file, no firmware image; unpack it" in str(problem)
    with pytest.raises(ImageUnsuitable, match="a gzip file"):
        catalog.load(catalog.latest(MODEL))


@given(st.binary(max_size=300), st.integers(0, 20), st.sampled_from(sorted(FOREIGN)))
def test_any_bytes_are_looked_at_within_their_bounds(data: bytes, cut: int, name: str) -> None:
    foreign = FOREIGN[name][0]
    for each in (data, foreign[:cut] + data, data + foreign[-cut:], foreign[: len(foreign) - cut]):
        recognise(each)
        for container in (find_container(each), find_container(each, packed=False), find_sub_elements(each)):
            assert container is None or "\n" not in container.name + container.remedy
