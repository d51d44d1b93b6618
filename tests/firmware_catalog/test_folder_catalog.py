from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware_catalog.catalog import Catalog, FolderCatalog
from firmware_catalog.devices import DeviceKind
from firmware_catalog.editing import add_release, withdraw_release
from firmware_catalog.errors import (
    CatalogBusy,
    CatalogError,
    ImagePinMismatch,
    ImageUnavailable,
    ImageUnsuitable,
    ManifestError,
    ReleaseExists,
    ReleaseInvalid,
    ReleaseUnknown,
)
from firmware_catalog.files import read_regular_file, replace_file
from firmware_catalog.identity import DeviceModel, FirmwareVersion
from firmware_catalog.release import NoRelease, ReleaseStatus, VersionRange

HUB = DeviceKind.HUB


@pytest.fixture
def image_file(tmp_path: Path, imgtool_image):
    def write(version: str = "0.2.303", **options) -> Path:
        path = tmp_path / f"{version}.signed.bin"
        path.write_bytes(imgtool_image(version, **options))
        return path

    return write


def pins(folder: Path) -> list[dict]:
    return json.loads((folder / "catalog.json").read_text())["releases"]


def one_line(error: BaseException) -> str:
    text = str(error)
    assert "\n" not in text
    assert len(text) < 600
    return text


def test_from_image_file_to_hub(catalog_folder: Path, image_file, model: DeviceModel) -> None:
    add_release(catalog_folder, image_file("0.1.0"), hardware_versions=("A", "B"))
    ranges = (
        VersionRange(lowest=FirmwareVersion.parse("00010000"), highest=FirmwareVersion.parse("0001FFFF")),
    )
    added = add_release(catalog_folder, image_file("0.2.303"), permitted_from=ranges)
    catalog: Catalog = FolderCatalog.open(catalog_folder)
    assert catalog.models() == (model,)
    assert [str(each.version) for each in catalog.releases(model)] == ["0002012F", "00010000"]
    assert catalog.latest(model) == added
    plan = catalog.plan(model, FirmwareVersion.parse("00000005"), "B", HUB)
    assert [str(step.release.version) for step in plan.steps] == ["00010000", "0002012F"]
    image = catalog.load(plan.target)
    assert image.data == image_file("0.2.303").read_bytes()
    assert image.model == model
    assert FolderCatalog.open(catalog_folder).verify() == ()


def test_the_manifest_as_it_stands_on_disk(catalog_folder: Path, image_file) -> None:
    add_release(
        catalog_folder,
        image_file(body=bytes.fromhex("deadbeef")),
        permitted_from=(VersionRange(lowest=FirmwareVersion(1), highest=FirmwareVersion(0x2012E)),),
        hardware_versions=("1.0",),
    )
    assert (catalog_folder / "catalog.json").read_text() == (
        Path(__file__).parent / "golden" / "catalog.json"
    ).read_text()


def test_image_bytes_are_held_once_however_many_slots_ask(catalog_folder: Path, image_file, model) -> None:
    add_release(catalog_folder, image_file())
    catalog = FolderCatalog.open(catalog_folder)
    together = threading.Barrier(8)

    def ask(_: int) -> int:
        together.wait()
        return id(catalog.load(catalog.latest(model)).data)

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1


def test_a_withdrawn_release_stays_listed_and_is_planned_no_more(
    catalog_folder: Path, image_file, model
) -> None:
    add_release(catalog_folder, image_file("0.1.0"))
    add_release(catalog_folder, image_file("0.2.0"))
    newer = FirmwareVersion.from_image_version(0, 2, 0)
    assert withdraw_release(catalog_folder, model, newer).status is ReleaseStatus.WITHDRAWN
    catalog = FolderCatalog.open(catalog_folder)
    assert catalog.latest(model).version == FirmwareVersion.from_image_version(0, 1, 0)
    assert [each.status.value for each in catalog.releases(model)] == ["withdrawn", "production"]
    before = (catalog_folder / "catalog.json").read_bytes()
    withdraw_release(catalog_folder, model, newer)
    assert (catalog_folder / "catalog.json").read_bytes() == before
    with pytest.raises(ReleaseUnknown, match="lists no release 10A3/0BADCAFE 00000007"):
        withdraw_release(catalog_folder, model, FirmwareVersion(7))
    with pytest.raises(NoRelease):
        catalog.latest(DeviceModel("10A3", "00000000"))


def test_a_version_names_one_image_for_good(catalog_folder: Path, image_file, model, other_model) -> None:
    add_release(catalog_folder, image_file())
    with pytest.raises(ReleaseExists, match="lists release 10A3/0BADCAFE 0002012F already"):
        add_release(catalog_folder, image_file(body=b"another"))
    withdraw_release(catalog_folder, model, FirmwareVersion.parse("0002012F"))
    with pytest.raises(ReleaseExists):
        add_release(catalog_folder, image_file(body=b"another"))
    add_release(catalog_folder, image_file(model=other_model))
    assert FolderCatalog.open(catalog_folder).models() == (other_model, model)


def test_whom_an_image_is_for(catalog_folder: Path, image_file, model, other_model) -> None:
    with pytest.raises(ImageUnsuitable, match="does not name the model"):
        add_release(catalog_folder, image_file(model=None))
    with pytest.raises(ImageUnsuitable, match="is for model 10A3/0BADBEEF, not 10A3/0BADCAFE"):
        add_release(catalog_folder, image_file(model=other_model), model=model)
    junk = catalog_folder / "junk.bin"
    junk.write_bytes(bytes(100))
    with pytest.raises(ImageUnsuitable, match="no MCUboot image"):
        add_release(catalog_folder, junk)
    with pytest.raises(ImageUnavailable, match="No such file"):
        add_release(catalog_folder, catalog_folder / "none.bin")
    with pytest.raises(
        ReleaseInvalid, match=r"hardware_versions\.0: String should have at least 1 character"
    ) as caught:
        add_release(catalog_folder, image_file(), hardware_versions=("",))
    one_line(caught.value)
    assert not (catalog_folder / "catalog.json").exists()
    assert add_release(catalog_folder, image_file(model=None), model=model).model == model
    assert FolderCatalog.open(catalog_folder).verify() == ()


@pytest.mark.parametrize(
    ("spoil", "kind", "says"),
    [
        (lambda path: path.unlink(), ImageUnavailable, "does not exist"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), ImagePinMismatch, "399 bytes, .* pins 400"),
        (
            lambda path: path.write_bytes(path.read_bytes() + b"\0"),
            ImagePinMismatch,
            "401 bytes, .* pins 400",
        ),
        (lambda path: path.write_bytes(bytes(400)), ImagePinMismatch, "SHA-256"),
        (lambda path: (path.unlink(), path.mkdir()), ImageUnavailable, "cannot be read"),
        (lambda path: (path.unlink(), os.mkfifo(path)), ImageUnavailable, "not a regular file"),
        (
            lambda path: (path.rename(path.with_suffix(".away")), path.symlink_to(path.with_suffix(".away"))),
            ImageUnavailable,
            "cannot be read",
        ),
    ],
)
def test_an_image_file_that_is_not_the_pinned_one(
    catalog_folder: Path, image_file, model, spoil, kind, says
) -> None:
    release = add_release(catalog_folder, image_file(body=bytes(304)))
    assert release.image.size == 400
    spoil(catalog_folder / release.image.file)
    catalog = FolderCatalog.open(catalog_folder)
    with pytest.raises(kind, match=says) as caught:
        catalog.load(catalog.latest(model))
    assert release.image.file in one_line(caught.value)
    assert [type(problem) for problem in catalog.verify()] == [kind]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"version": "00000009"}, "holds version 0002012F, not that of release 10A3/0BADCAFE 00000009"),
        ({"model": {"manufacturer": "10A3", "model": "FFFFFFFF"}}, "is for model 10A3/0BADCAFE, not that of"),
    ],
)
def test_a_manifest_that_says_other_than_the_image(
    catalog_folder: Path, image_file, change, says: str
) -> None:
    add_release(catalog_folder, image_file())
    manifest = {"format": "reflash-catalog-1", "releases": [pins(catalog_folder)[0] | change]}
    (catalog_folder / "catalog.json").write_text(json.dumps(manifest))
    catalog = FolderCatalog.open(catalog_folder)
    (problem,) = catalog.verify()
    assert isinstance(problem, ImageUnsuitable)
    assert says in one_line(problem)


def test_a_pinned_file_that_is_no_image(catalog_folder: Path, image_file) -> None:
    release = add_release(catalog_folder, image_file())
    forged = bytes(64)
    (catalog_folder / release.image.file).write_bytes(forged)
    image = {"file": release.image.file, "sha256": hashlib.sha256(forged).hexdigest(), "size": 64}
    manifest = {"format": "reflash-catalog-1", "releases": [pins(catalog_folder)[0] | {"image": image}]}
    (catalog_folder / "catalog.json").write_text(json.dumps(manifest))
    (problem,) = FolderCatalog.open(catalog_folder).verify()
    assert "no MCUboot image" in one_line(problem)


def _with(entry: dict, **change: object) -> dict:
    return {"format": "reflash-catalog-1", "releases": [entry | change]}


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (b"{", "Invalid JSON"),
        (b"[]", "Input should be an object"),
        (b"\xff\xfe", "Invalid JSON"),
        (b"[" * 100_000, "Invalid JSON"),
        (b'{"format": "reflash-catalog-2", "releases": []}', "format"),
        (b'{"format": "reflash-catalog-1", "releases": [], "key": 1}', "key: Extra inputs"),
        (lambda entry: {"format": "reflash-catalog-1", "releases": [entry, entry]}, "listed twice"),
        (lambda entry: _with(entry, version="2.0"), "releases.0.version"),
        (lambda entry: _with(entry, status="beta"), "releases.0.status"),
        (lambda entry: _with(entry, image=entry["image"] | {"file": "../x.bin"}), "releases.0.image.file"),
        (lambda entry: _with(entry, image=entry["image"] | {"size": "400"}), "releases.0.image.size"),
        (lambda entry: _with(entry, model={"manufacturer": "", "model": ""}), "(and 1 more)"),
    ],
)
def test_a_manifest_that_is_none(catalog_folder: Path, image_file, spoil, says: str) -> None:
    add_release(catalog_folder, image_file())
    content = spoil if isinstance(spoil, bytes) else json.dumps(spoil(pins(catalog_folder)[0])).encode()
    (catalog_folder / "catalog.json").write_bytes(content)
    with pytest.raises(ManifestError) as caught:
        FolderCatalog.open(catalog_folder)
    assert says in one_line(caught.value)
    assert "catalog.json" in str(caught.value)


def test_no_catalogue_there(tmp_path: Path, catalog_folder: Path, image_file) -> None:
    with pytest.raises(ManifestError, match="does not exist"):
        FolderCatalog.open(catalog_folder)
    with pytest.raises(CatalogError, match="cannot be opened"):
        add_release(tmp_path / "nowhere", image_file())
    (catalog_folder / "catalog.json").mkdir()
    with pytest.raises(ManifestError, match="cannot be read"):
        FolderCatalog.open(catalog_folder)


def test_two_editors_do_not_undo_each_other(catalog_folder: Path, image_file) -> None:
    add_release(catalog_folder, image_file("0.1.0"))
    folder = os.open(catalog_folder, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        with pytest.raises(CatalogBusy, match="another program is changing"):
            add_release(catalog_folder, image_file("0.2.0"))
    finally:
        os.close(folder)
    add_release(catalog_folder, image_file("0.2.0"))
    assert len(pins(catalog_folder)) == 2


def test_a_folder_that_cannot_be_written_keeps_its_catalogue(catalog_folder: Path, image_file) -> None:
    add_release(catalog_folder, image_file("0.1.0"))
    before = (catalog_folder / "catalog.json").read_bytes()
    (catalog_folder / ".catalog.json.new").mkdir()  # even root cannot write here
    with pytest.raises(CatalogError, match="the catalogue is as it was"):
        add_release(catalog_folder, image_file("0.2.0"))
    assert (catalog_folder / "catalog.json").read_bytes() == before
    assert FolderCatalog.open(catalog_folder).verify() == ()


def test_replacing_takes_over_what_a_crash_left(tmp_path: Path) -> None:
    (tmp_path / ".file.new").write_bytes(b"half")
    replace_file(tmp_path / "file", b"whole")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"whole"
    assert (tmp_path / "file").stat().st_mode & 0o400


def test_a_replacement_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(IsADirectoryError):
        replace_file(tmp_path / "file", b"whole")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_reading_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(11))
    assert len(read_regular_file(tmp_path / "file", 11)) == 11
    with pytest.raises(OSError, match="more than 10 bytes") as caught:
        read_regular_file(tmp_path / "file", 10)
    assert caught.value.errno == errno.EFBIG


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["format", "releases", "model", "image"]), inner, max_size=3)
    ),
)


@given(content=st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_manifest_is_read_or_refused_in_one_line(catalog_folder: Path, content: bytes) -> None:
    (catalog_folder / "catalog.json").write_bytes(content)
    try:
        assert FolderCatalog.open(catalog_folder).verify() == ()
    except ManifestError as error:
        one_line(error)
