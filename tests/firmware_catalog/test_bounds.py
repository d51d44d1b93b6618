"""What a ZigBee OTA file narrows its firmware to binds its release, from the file to the plan for a hub."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from benches.ota_files import ota
from benches.signed_catalogues import SignedCatalogue
from firmware_catalog.bounds import UNBOUND, Bounds, HardwareRange, read_hardware_version
from firmware_catalog.catalog import FolderCatalog
from firmware_catalog.devices import DeviceKind
from firmware_catalog.editing import add_release
from firmware_catalog.errors import ImageUnsuitable, ManifestError, ReleaseInvalid
from firmware_catalog.formats import read_image
from firmware_catalog.identity import DeviceModel, Eui64, FirmwareVersion, IdentityError
from firmware_catalog.image import ImageFormatError, ImageKind
from firmware_catalog.new_release import Statement
from firmware_catalog.release import (
    HardwareVersionMismatch,
    NoPermittedPath,
    NoRelease,
    Plan,
    Release,
    VersionRange,
)
from firmware_catalog.trust.facts import from_target, to_target
from firmware_catalog.trust.releasing import add_signed_release

HUB = DeviceKind.HUB

MODEL = DeviceModel("10A3", "0BADCAFE")
CHF = Eui64.parse("88-73-84-00-00-00-00-01")
GPF = Eui64.parse("88-73-84-00-00-00-00-02")
OTHERS = (Eui64.parse("88-73-84-00-00-00-00-03"), Eui64.parse("88-73-84-00-00-00-00-04"))
OLD = FirmwareVersion(1)
HARDWARE = HardwareRange(0x0100, 0x0103)


def bound(image: bytes, *, device: Eui64 | None = None, hardware: tuple[int, int] | None = None) -> bytes:
    """A distribution file with the optional fields of the ZigBee Cluster Library."""
    control, extra = 0, b""
    if device is not None:
        control, extra = control | 2, extra + device.value.to_bytes(8, "little")
    if hardware is not None:
        control |= 4
        extra += b"".join(number.to_bytes(2, "little") for number in hardware)
    return ota(image, control=control, extra=extra)


@pytest.fixture
def add(catalog_folder: Path, tmp_path: Path, imgtool_image):
    def add_bound(**options: object) -> Release:
        path = tmp_path / "hub.ota"
        bounds = {name: options.pop(name) for name in ("device", "hardware") if name in options}
        path.write_bytes(bound(imgtool_image(), **bounds))
        return add_release(catalog_folder, path, **options)

    return add_bound


def plan(folder: Path, hardware: str, devices: tuple[Eui64, ...] = (CHF, GPF)) -> Plan:
    return FolderCatalog.open(folder).plan(MODEL, OLD, hardware, HUB, devices)


@pytest.mark.parametrize("device", [CHF, GPF])
def test_a_file_for_one_device_is_planned_for_its_hub_alone(catalog_folder: Path, add, device: Eui64) -> None:
    release = add(device=device)
    assert release.only_for == Bounds(device=device)
    assert plan(catalog_folder, "1.0").target == release
    for others in (OTHERS, ()):
        with pytest.raises(NoRelease, match="each of its releases is for another device alone"):
            plan(catalog_folder, "1.0", others)


def test_what_one_device_is_given_takes_nothing_from_the_others(
    catalog_folder: Path, tmp_path: Path, imgtool_image
) -> None:
    common, own = tmp_path / "common.bin", tmp_path / "own.ota"
    common.write_bytes(imgtool_image("0.2.0"))
    own.write_bytes(bound(imgtool_image(), device=CHF))
    for_all, for_one = add_release(catalog_folder, common), add_release(catalog_folder, own)
    assert plan(catalog_folder, "A", OTHERS).target == for_all
    assert plan(catalog_folder, "A").target == for_one
    assert FolderCatalog.open(catalog_folder).latest(MODEL) == for_all


def test_no_step_on_the_way_is_another_devices(catalog_folder: Path, tmp_path: Path, imgtool_image) -> None:
    step, last = tmp_path / "step.ota", tmp_path / "last.bin"
    step.write_bytes(bound(imgtool_image(), device=CHF))
    last.write_bytes(imgtool_image("0.3.0"))
    between = add_release(catalog_folder, step)
    only = (VersionRange(lowest=between.version, highest=between.version),)
    target = add_release(catalog_folder, last, permitted_from=only)
    assert [each.release for each in plan(catalog_folder, "A").steps] == [between, target]
    with pytest.raises(NoPermittedPath):
        plan(catalog_folder, "A", OTHERS)


def test_a_file_for_a_range_of_hardware_is_planned_within_it(catalog_folder: Path, add) -> None:
    release = add(hardware=(0x0100, 0x0103))
    assert release.only_for == Bounds(hardware=HARDWARE)
    for within in ("1.0", "1.2", "1.3"):
        assert plan(catalog_folder, within).target == release
    for outside in ("0.255", "1.4", "2.1"):
        with pytest.raises(HardwareVersionMismatch, match=rf"for hardware 1\.0-1\.3, not {outside}$"):
            plan(catalog_folder, outside)
    for wording in ("", "B", "1", "0102", "1.02", "1.2a", "1.2.0", "1.256", "\N{ARABIC-INDIC DIGIT ONE}.2"):
        with pytest.raises(
            HardwareVersionMismatch, match="which cannot be compared; have it released with --hardware"
        ):
            plan(catalog_folder, wording)


def test_a_person_may_say_how_hubs_word_the_range_and_not_widen_it(catalog_folder: Path, add) -> None:
    with pytest.raises(ReleaseInvalid, match=r"hardware 1\.4 is not among the image's own, 1\.0-1\.3"):
        add(hardware=(0x0100, 0x0103), hardware_versions=("rev B", "1.4"))
    add(hardware=(0x0100, 0x0103), hardware_versions=("rev B", "1.2"))
    for said in ("rev B", "1.2"):
        assert plan(catalog_folder, said).steps
    for other in ("rev C", "1.3"):
        with pytest.raises(HardwareVersionMismatch, match=rf"for hardware rev B, 1\.2, not {other}$"):
            plan(catalog_folder, other)


@pytest.mark.parametrize(
    ("bounds", "says"),
    [
        ({"hardware": (3, 1)}, "for hardware 0x0003 at least and 0x0001 at most, which is none"),
        ({"device": Eui64(0)}, r"for one device and names none \(0000000000000000\)"),
        ({"device": Eui64((1 << 64) - 1)}, r"for one device and names none \(FFFFFFFFFFFFFFFF\)"),
    ],
)
def test_a_file_for_nothing_is_refused_when_it_is_added(catalog_folder: Path, add, bounds, says: str) -> None:
    with pytest.raises(ImageUnsuitable, match=says) as caught:
        add(**bounds)
    assert "\n" not in str(caught.value)
    assert not (catalog_folder / "catalog.json").exists()


def test_the_bounds_as_they_stand_in_the_manifest(catalog_folder: Path, add) -> None:
    add(device=CHF, hardware=(0x0100, 0x0103))
    (entry,) = json.loads((catalog_folder / "catalog.json").read_text())["releases"]
    assert entry["only_for"] == {"device": "88-73-84-00-00-00-00-01", "hardware": "1.0-1.3"}
    assert FolderCatalog.open(catalog_folder).verify() == ()


def test_a_manifest_that_leaves_the_bounds_out_is_read_and_its_image_refused(
    catalog_folder: Path, add
) -> None:
    release = add(device=CHF)
    manifest = catalog_folder / "catalog.json"
    content = json.loads(manifest.read_text())
    del content["releases"][0]["only_for"]
    manifest.write_text(json.dumps(content))
    catalog = FolderCatalog.open(catalog_folder)
    (problem,) = catalog.verify()
    assert f"for device {CHF} alone on hardware of any version" in str(problem)
    assert "\n" not in str(problem)
    with pytest.raises(ImageUnsuitable, match="is stated for any device on hardware of any version"):
        catalog.load(catalog.latest(MODEL))
    assert release.only_for.device == CHF


@pytest.mark.parametrize(
    "only_for",
    [
        None,
        {"hardware": "1.3-1.0"},
        {"hardware": "1-2"},
        {"hardware": [1, 2]},
        {"device": "1"},
        {"devices": []},
        {"region": "North"},
    ],
)
def test_bounds_that_are_not_understood_are_not_passed_over(
    catalog_folder: Path, add, only_for: object
) -> None:
    add(device=CHF)
    manifest = catalog_folder / "catalog.json"
    content = json.loads(manifest.read_text())
    content["releases"][0]["only_for"] = only_for
    manifest.write_text(json.dumps(content))
    with pytest.raises(ManifestError, match="only_for"):
        FolderCatalog.open(catalog_folder)


def test_a_release_without_bounds_is_written_as_it_always_was(catalog_folder: Path, add) -> None:
    release = add()
    assert release.only_for == UNBOUND
    assert "only_for" not in (catalog_folder / "catalog.json").read_text()
    assert "only_for" not in to_target(release).custom


def test_a_signed_catalogue_carries_the_bounds_to_its_stations(tmp_path: Path, imgtool_image) -> None:
    catalogue = SignedCatalogue(tmp_path / "signed", imgtool_image)
    catalogue.folder.mkdir()
    catalogue.found()
    path = tmp_path / "hub.ota"
    path.write_bytes(bound(imgtool_image(key=catalogue.image_key), device=CHF, hardware=(0x0100, 0x0103)))
    signers = catalogue.makers[MODEL.manufacturer].signers
    release = add_signed_release(catalogue.folder, path, Statement(), signers)
    catalogue.publish()
    served = catalogue.station().refresh()
    assert served.releases(MODEL) == (release,)
    assert from_target(to_target(release), "manufacturer") == release
    assert served.plan(MODEL, OLD, "1.3", HUB, (CHF, GPF)).target == release
    assert served.verify() == ()
    with pytest.raises(HardwareVersionMismatch):
        served.plan(MODEL, OLD, "1.4", HUB, (CHF, GPF))
    with pytest.raises(NoRelease):
        served.plan(MODEL, OLD, "1.3", HUB, OTHERS)


numbers = st.integers(0, 0xFFFF)


@given(numbers, numbers, numbers)
def test_a_range_permits_what_the_file_says_and_nothing_else(lowest: int, highest: int, hub: int) -> None:
    data = bound(b"\1\2\3\4", hardware=(lowest, highest))
    if lowest > highest:
        with pytest.raises(ImageFormatError, match="which is none"):
            read_image(data, ImageKind.ZIGBEE_OTA, None)
        return
    span = read_image(data, ImageKind.ZIGBEE_OTA, None).only_for.hardware
    assert span == HardwareRange(lowest, highest) == HardwareRange.parse(str(span))
    assert Bounds(hardware=span).permit_hardware(f"{hub >> 8}.{hub & 0xFF}") is (lowest <= hub <= highest)


@given(st.text(max_size=12))
def test_a_wording_is_compared_only_where_it_is_read_back_as_it_stands(text: str) -> None:
    number = read_hardware_version(text)
    assert number is None or text == f"{number >> 8}.{number & 0xFF}"
    try:
        span = HardwareRange.parse(text)
    except IdentityError:
        return
    assert str(span) == text


def test_no_range_is_upside_down_or_out_of_sixteen_bits() -> None:
    for lowest, highest in ((2, 1), (-1, 1), (0, 1 << 16)):
        with pytest.raises(IdentityError):
            HardwareRange(lowest, highest)
    with pytest.raises(ValidationError):
        Bounds(hardware="1.0")
