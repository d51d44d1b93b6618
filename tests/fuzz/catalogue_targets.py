"""What comes from makers of images and from the catalogue's source."""

from __future__ import annotations

import gzip
import hashlib
import json
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from securesystemslib.signer import CryptoSigner
from target import Opener, Target, stateless
from tuf.api.exceptions import DownloadHTTPError
from tuf.api.metadata import TargetFile
from tuf.ngclient import FetcherInterface

from firmware_catalog.bounds import Bounds
from firmware_catalog.containers import find_container
from firmware_catalog.cpl import CentralProductsList, ProductColumns, import_products
from firmware_catalog.dfu_suffix import split_suffix
from firmware_catalog.errors import CatalogError
from firmware_catalog.formats import read_image, recognise
from firmware_catalog.identity import FirmwareVersion, IdentityError
from firmware_catalog.image import FirmwareImage, ImageFormatError, ImageKind
from firmware_catalog.manifest import MANIFEST_NAME, read_manifest
from firmware_catalog.mcuboot import load_image, parse_layout
from firmware_catalog.mcuboot_signature import check_signature
from firmware_catalog.new_release import Statement
from firmware_catalog.trust.checking import check
from firmware_catalog.trust.errors import CatalogMalformed
from firmware_catalog.trust.facts import from_target, to_target
from firmware_catalog.trust.founding import delegate, found_catalog
from firmware_catalog.trust.publishing import refresh_catalog
from firmware_catalog.trust.releasing import add_signed_release
from firmware_catalog.trust.signing import RoleKeys
from firmware_catalog.trust.store import TrustStore
from firmware_catalog.zigbee_ota import parse_ota
from simulators.firmware import FirmwareSpec, make_firmware

_MAKER = ec.generate_private_key(ec.SECP256R1())
_IMAGE = make_firmware(FirmwareSpec("0.2.303", "10A8", "00000011", size=64), _MAKER)
_SMALL = _IMAGE[:4] + _IMAGE[4:8] + struct.pack("<H", 32) + _IMAGE[10:32] + _IMAGE[0x200:]
"""The same with the smallest header, so that changes hit what is read; its hash is then wrong."""


def _mcuboot(data: bytes) -> None:
    """The bytes as they are; then with the hash that fits them."""
    for each in (data, _with_its_hash(data)):
        with suppress(ImageFormatError, IdentityError):
            image = load_image(each)
            assert image.data is each
        with suppress(ImageFormatError):
            check_signature(each, [_MAKER.public_key()])


def _with_its_hash(data: bytes) -> bytes:
    with suppress(ImageFormatError):
        layout = parse_layout(data)
        for record in layout.unprotected:
            if record.type == 0x10 and len(record.value) == 32:
                digest = hashlib.sha256(data[: layout.hashed_size]).digest()
                return data.replace(record.value, digest)
    return data


def _ota(image: bytes, control: int = 0) -> bytes:
    optional = (bytes(1), bytes(8), struct.pack("<HH", 1, 2))
    fields = b"".join(field for bit, field in enumerate(optional) if control & 1 << bit)
    length = 56 + len(fields)
    fixed = (0x0BEEF11E, 0x0100, length, control, 0x10A8, 1, 0x0002012F, 2, b"hub", length + len(image) + 66)
    return struct.pack("<IHHHHHIH32sI", *fixed) + fields + image + bytes.fromhex("0040") + bytes(64)


def _zigbee_ota(data: bytes) -> None:
    with suppress(ImageFormatError):
        file = parse_ota(data)
        assert len(file.manufacturer_image) < len(data)
        assert file.header.text.isascii()
        bounds = file.header.bounds()
        assert Bounds.model_validate_json(bounds.model_dump_json()) == bounds
    _read_as(ImageKind.ZIGBEE_OTA, data)


def _dfu(firmware: bytes) -> bytes:
    unsealed = firmware + struct.pack("<HHHH3sB", 0x0100, 1, 0x1209, 0x0110, b"UFD", 16)
    return unsealed + struct.pack("<I", zlib.crc32(unsealed) ^ 0xFFFF_FFFF)


def _dfu_suffix(data: bytes) -> None:
    """The bytes as they are; then with the CRC that fits them."""
    for each in (data, data[:-4] + struct.pack("<I", zlib.crc32(data[:-4]) ^ 0xFFFF_FFFF)):
        with suppress(ImageFormatError):
            assert len(split_suffix(each).firmware) <= len(each)
        _read_as(ImageKind.DFU, each)


def _image_file(data: bytes) -> None:
    """A file of whatever kind its marks make it, and as a raw image: what is taken lies in it as it stands."""
    for kind in (recognise(data), ImageKind.RAW):
        image = _read_as(kind, data)
        if image is not None:
            assert image.data in data
            assert kind is ImageKind.ZIGBEE_OTA or find_container(image.data) is None


_FOREIGN = (
    b"DfuSe\1" + bytes(5) + b"\1Target" + bytes(269),
    b"\x7fELF\1\1\1" + bytes(45),
    bytes.fromhex("5546320a 57515d9e") + bytes(496) + bytes.fromhex("306fb10a"),
    b":10010000214601360121470136007EFE09D2190140\n:00000001FF\n",
    b"S1137AF00A0A0D0000000000000000000000000061\nS9030000FC\n",
    b"Release notes of the firmware\n",
    gzip.compress(b"firmware"),
    b"PK\3\4" + bytes(26),
    bytes(16) + _ota(_SMALL),
    bytes(16) + _IMAGE,
    _ota(struct.pack("<HI", 0, len(_IMAGE)) + _IMAGE),
    _dfu(_dfu(b"firmware")),
)
"""Files that are no firmware."""
_MARKS = (
    b"DfuSe",
    b"\x7fELF",
    b"UF2\n",
    b"\x1f\x8b\x08",
    b"PK\3\4",
    b"UFD\x10",
    b"\xff\xfe",
    b"\x1e\xf1\xee\x0b\0\1",
    b"\x3d\xb8\xf3\x96",
)


def _read_as(kind: ImageKind, data: bytes) -> FirmwareImage | None:
    recognise(data)
    with suppress(ImageFormatError, IdentityError):
        return read_image(data, kind, FirmwareVersion(1))
    return None


_ENTRY = {
    "model": {"manufacturer": "10A8", "model": "00000011"},
    "version": "0002012F",
    "status": "production",
    "permitted_from": [{"lowest": "00010000", "highest": "0002012E"}],
    "hardware_versions": ["1.2"],
    "only_for": {"device": "88-73-84-00-00-00-00-01", "hardware": "1.0-1.3"},
    "image": {"file": "a.bin", "sha256": "ab" * 32, "size": 1},
    "notes": "",
}
_JSON_WORDS = (
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"null",
    b"true",
    b"1e999",
    b"NaN",
    b"-",
    b"\\ud800",
    b'"format":',
)
_NESTED = b'{"a":' * 3000


@contextmanager
def _manifest(folder: Path) -> Iterator[Target]:
    def read(data: bytes) -> None:
        (folder / MANIFEST_NAME).write_bytes(data)
        with suppress(CatalogError):
            read_manifest(folder)

    good = json.dumps({"format": "reflash-catalog-1", "releases": [_ENTRY]}).encode()
    yield Target(read, (good, b"[" * 5000, _NESTED), _JSON_WORDS)


@contextmanager
def _products_list(folder: Path) -> Iterator[Target]:
    file = folder / "cpl"

    def read(data: bytes) -> None:
        file.write_bytes(data)
        for load in (CentralProductsList.load, lambda path: import_products(path, ProductColumns())):
            with suppress(CatalogError):
                load(file)

    header = b"Manufacturer,Model,Firmware Version,Manufacturer Image Hash,Status\r\n"
    row = b"10A8,00000011,0002012F," + b"ab" * 32 + b",Active\r\n"
    good = json.dumps(
        {
            "format": "reflash-cpl-1",
            "products": [
                {
                    "model": _ENTRY["model"],
                    "version": "0002012F",
                    "image_hash": "ab" * 32,
                    "status": "Active",
                }
            ],
        }
    ).encode()
    words = (*_JSON_WORDS, b",", b"\r\n", b'"', row, b"Status", b"\xef\xbb\xbf", b"\0")
    yield Target(read, (header + row, header + row + row, good), words)


def _release_facts(data: bytes) -> None:
    """What a manufacturer signs of a release, in metadata that is whole."""
    try:
        target = TargetFile.from_dict(json.loads(data), "10A8/00000011/0002012F.bin")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return  # python-tuf reads it first, and its own reading is another target's
    with suppress(CatalogMalformed):
        to_target(from_target(target, "manufacturer-10A8"))


_FACTS = json.dumps(
    {
        "length": 1,
        "hashes": {"sha256": "ab" * 32},
        "custom": {
            "format": "reflash-release-1",
            **{name: value for name, value in _ENTRY.items() if name != "image"},
        },
    }
).encode()


class _Source(FetcherInterface):
    """A catalogue in memory, one file of which is in somebody else's hands."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = files
        self.forged: tuple[str, bytes] = ("", b"")

    def _fetch(self, url: str) -> Iterator[bytes]:
        name, content = self.forged
        if url == name:
            yield content
        elif url in self._files:
            yield self._files[url]
        else:
            raise DownloadHTTPError(f"{url} is not there", 404)


@contextmanager
def _metadata(folder: Path) -> Iterator[Target]:
    """A catalogue whose source replaces one file by whatever it likes."""
    files = _sign_a_catalogue(folder / "source")
    source = _Source(files)
    root = files["metadata/1.root.json"]
    names = sorted(name for name in files if name.startswith("metadata/") and "1.root" not in name)

    def read(data: bytes) -> None:
        source.forged = (names[data[0] % len(names)] if data else names[0], data[1:])
        store = TrustStore(folder / "station")
        with suppress(CatalogError):
            check(source, "the source", root, store).accept(store)

    yield Target(read, tuple(bytes([index]) + files[name] for index, name in enumerate(names)), _JSON_WORDS)


def _sign_a_catalogue(folder: Path) -> dict[str, bytes]:
    signer = CryptoSigner.generate_ecdsa()
    keys = RoleKeys((signer.public_key,))
    found_catalog(folder, dict.fromkeys(("root", "targets", "snapshot", "timestamp"), keys), [signer])
    delegate(folder, "10A8", keys, [_MAKER.public_key()], [signer])
    image = folder.parent / "image.bin"
    image.write_bytes(_IMAGE)
    add_signed_release(folder, image, Statement(), [signer])
    refresh_catalog(folder, [signer])
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


CATALOGUE_PARSERS: dict[str, Opener] = {
    "mcuboot": stateless(_mcuboot, (_SMALL, _IMAGE), (b"\x07\x69", b"\x08\x69")),
    "zigbee-ota": stateless(_zigbee_ota, (*(_ota(b"image", control) for control in range(8)), _ota(_SMALL))),
    "dfu-suffix": stateless(_dfu_suffix, (_dfu(b"firmware"), _dfu(_SMALL), b"UFD" + bytes(5))),
    "image-file": stateless(_image_file, (*_FOREIGN, _SMALL, b"\0firmware"), _MARKS),
    "manifest": _manifest,
    "products-list": _products_list,
    "release-facts": stateless(_release_facts, (_FACTS,), _JSON_WORDS),
}

CATALOGUE_BOUNDARIES: dict[str, Opener] = {"tuf-metadata": _metadata}
