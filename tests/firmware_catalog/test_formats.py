"""Images of every kind, from the file to what a hub is given."""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imgtool.keys import ECDSA256P1

from benches.ota_files import ota
from firmware_catalog.catalog import FolderCatalog
from firmware_catalog.checks import ImageChecks
from firmware_catalog.cpl import CentralProductsList
from firmware_catalog.editing import add_release
from firmware_catalog.errors import (
    ImageHashMismatch,
    ImageNotByItsMaker,
    ImageUnsuitable,
    ManifestError,
    ProductNotActive,
)
from firmware_catalog.formats import read_image, recognise
from firmware_catalog.identity import DeviceModel, FirmwareVersion
from firmware_catalog.image import MAX_IMAGE_SIZE, ImageFormatError, ImageKind

VERSION = FirmwareVersion.parse("0002012F")
MODEL = DeviceModel("10A3", "0BADCAFE")


def dfu(firmware: bytes) -> bytes:
    """Add the suffix of USB DFU 1.1, appendix B: any device, any vendor, DFU 1.0, length 16."""
    body = firmware + bytes.fromhex("ffffffffffff0001") + b"UFD\x10"
    return body + (zlib.crc32(body) ^ 0xFFFFFFFF).to_bytes(4, "little")


def test_each_kind_is_known_by_its_marks(imgtool_image) -> None:
    image = imgtool_image()
    assert recognise(image) is ImageKind.MCUBOOT
    assert recognise(ota(image)) is ImageKind.ZIGBEE_OTA
    assert recognise(dfu(image)) is ImageKind.DFU
    assert recognise(dfu(b"raw")) is ImageKind.DFU
    assert recognise(dfu(image)[:-1] + b"\xaa") is ImageKind.MCUBOOT
    assert recognise(b"raw bytes") is recognise(b"") is ImageKind.RAW


def test_a_dfu_file_is_given_without_its_suffix(imgtool_image) -> None:
    inner = imgtool_image()
    image = read_image(dfu(inner), ImageKind.DFU, None)
    assert (image.data, image.kind, image.version) == (inner, ImageKind.DFU, VERSION)
    raw = read_image(dfu(b"raw"), ImageKind.DFU, VERSION)
    assert (raw.data, raw.version, raw.file_sha256) == (b"raw", VERSION, hashlib.sha256(b"raw").digest())
    with pytest.raises(ImageFormatError, match="does not state its version"):
        read_image(dfu(b"raw"), ImageKind.DFU, None)
    with pytest.raises(ImageFormatError, match="no DFU suffix"):
        read_image(inner, ImageKind.DFU, None)


def test_a_raw_image_needs_its_version_and_no_other_name(imgtool_image) -> None:
    raw = read_image(b"raw", ImageKind.RAW, VERSION)
    assert (raw.data, raw.version_text, raw.image_hash) == (
        b"raw",
        "0002012F",
        hashlib.sha256(b"raw").digest(),
    )
    with pytest.raises(ImageFormatError, match="does not state its version"):
        read_image(b"raw", ImageKind.RAW, None)
    for other in (imgtool_image(), ota(b"image"), dfu(b"raw")):
        with pytest.raises(ImageFormatError, match="not raw but of kind"):
            read_image(other, ImageKind.RAW, VERSION)
    with pytest.raises(ImageFormatError, match="empty"):
        read_image(b"", ImageKind.RAW, VERSION)
    with pytest.raises(ImageFormatError, match="more than an image may have"):
        read_image(bytes(MAX_IMAGE_SIZE + 1), ImageKind.RAW, VERSION)


@given(st.binary(max_size=200), st.sampled_from(ImageKind))
def test_any_bytes_are_read_or_refused_in_one_line(data: bytes, kind: ImageKind) -> None:
    try:
        image = read_image(data, kind, VERSION)
    except ImageFormatError as error:
        line = str(error)
    else:
        line = ""
        assert image.kind is kind
        assert image.data in data
    assert "\n" not in line


@pytest.mark.parametrize("wrap", [ota, dfu])
def test_a_wrapped_image_goes_through_the_catalogue(
    catalog_folder: Path, tmp_path: Path, imgtool_image, wrap
) -> None:
    inner = imgtool_image()
    path = tmp_path / "wrapped.bin"
    path.write_bytes(wrap(inner))
    release = add_release(catalog_folder, path, notes="as delivered")
    assert release.image.sha256 == hashlib.sha256(wrap(inner)).hexdigest()
    assert release.payload_sha256 == release.manufacturer_image_hash == hashlib.sha256(inner).hexdigest()
    catalog = FolderCatalog.open(catalog_folder)
    assert catalog.latest(MODEL) == release
    assert catalog.load(release).data == inner
    manifest = catalog_folder / "catalog.json"
    text = manifest.read_text()
    manifest.write_text(text.replace(release.payload_sha256, "0" * 64))
    (problem,) = FolderCatalog.open(catalog_folder).verify()
    assert isinstance(problem, ImageHashMismatch)
    manifest.write_text(text.replace(f'"{release.payload_sha256}"', "null"))
    with pytest.raises(ManifestError, match="needs its manufacturer_image_hash"):
        FolderCatalog.open(catalog_folder)


def test_a_raw_image_goes_through_the_catalogue(catalog_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "raw.bin"
    path.write_bytes(b"raw firmware")
    with pytest.raises(ImageUnsuitable, match="state the version of a raw image"):
        add_release(catalog_folder, path, model=MODEL)
    with pytest.raises(ImageUnsuitable, match="state manufacturer and model"):
        add_release(catalog_folder, path, version=VERSION)
    release = add_release(catalog_folder, path, model=MODEL, version=VERSION)
    assert FolderCatalog.open(catalog_folder).load(release).data == b"raw firmware"


def test_a_stated_version_may_not_contradict_the_image(
    catalog_folder: Path, tmp_path: Path, imgtool_image
) -> None:
    path = tmp_path / "image.bin"
    path.write_bytes(imgtool_image())
    with pytest.raises(ImageUnsuitable, match="holds version 0002012F, not 00000001"):
        add_release(catalog_folder, path, version=FirmwareVersion(1))


@pytest.mark.parametrize("wrap", [bytes, ota, dfu])
def test_a_folders_images_are_checked_by_their_makers_keys(
    catalog_folder: Path, tmp_path: Path, imgtool_image, wrap
) -> None:
    key = ECDSA256P1.generate()
    path = tmp_path / "image.bin"
    path.write_bytes(wrap(imgtool_image(key=key)))
    release = add_release(catalog_folder, path)
    of_maker = {MODEL.manufacturer: (key.key.public_key(),)}
    FolderCatalog.open(catalog_folder, ImageChecks(of_maker)).load(release)
    for keys in ({}, {MODEL.manufacturer: (ECDSA256P1.generate().key.public_key(),)}):
        with pytest.raises(ImageNotByItsMaker, match="not signed by any key"):
            FolderCatalog.open(catalog_folder, ImageChecks(keys)).load(release)


def test_a_folders_images_are_checked_by_the_products_list(
    catalog_folder: Path, tmp_path: Path, imgtool_image
) -> None:
    path = tmp_path / "image.bin"
    path.write_bytes(imgtool_image())
    release = add_release(catalog_folder, path)
    with pytest.raises(ProductNotActive):
        FolderCatalog.open(catalog_folder, ImageChecks(products=CentralProductsList(products=()))).load(
            release
        )
