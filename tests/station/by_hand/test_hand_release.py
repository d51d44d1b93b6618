"""What may be flashed by hand in production: what the daemon might give the same hub, asked again before each act."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from benches.cpl_samples import listing
from benches.station_bench import CHAINED, MODEL, Bench, version
from drivers.hub import BridgeIdentity, DeviceIdentity, HubIdentity
from firmware_catalog.catalog import Catalog, FolderCatalog
from firmware_catalog.checks import ImageChecks
from firmware_catalog.cpl import ProductStatus
from firmware_catalog.devices import BridgeType, DeviceKind
from firmware_catalog.editing import add_release
from firmware_catalog.identity import DeviceModel, Eui64, FirmwareVersion
from firmware_catalog.image import FirmwareImage
from firmware_catalog.mcuboot import load_image
from firmware_catalog.release import VersionRange
from firmware_catalog.trust.keeper import UnusableCatalog
from station.by_hand.release import HandRelease
from station.domain.outcome import Code
from station.records.facts.releases import ReleaseStopped
from station.records.journal import Journal


def hub(
    model: DeviceModel = MODEL, firmware: FirmwareVersion | None = None, hardware: str = "1.0"
) -> HubIdentity:
    return HubIdentity(
        chf=Eui64(1),
        gpf=Eui64(2),
        model=model,
        hardware_version=hardware,
        variant="DBCH",
        firmware=firmware or version("old"),
        locked=True,
        boots=1,
    )


def image(bench: Bench) -> FirmwareImage:
    return load_image(bench.firmware("new").read_bytes())


def code_of(release: HandRelease, asked: DeviceIdentity, *, untouched: bool = True) -> Code | None:
    rejected = asyncio.run(release.refusal(asked, untouched=untouched))
    return rejected.code if rejected else None


def released(
    bench: Bench, folder: Path, catalogue: Catalog | None = None, hindrance: str | None = None
) -> HandRelease:
    found = catalogue or FolderCatalog.open(bench.catalogue)
    return HandRelease(image(bench), lambda: found, lambda: hindrance, folder / "journal")


def test_a_hub_of_the_releases_model_is_given_it(bench: Bench, tmp_path: Path) -> None:
    release = released(bench, tmp_path)
    assert release.is_released()
    assert code_of(release, hub()) is None
    assert code_of(release, hub(firmware=version("new"))) is None, "the same again mends a hub"


def test_what_the_daemon_would_not_give_it_a_person_does_not_either(bench: Bench, tmp_path: Path) -> None:
    release = released(bench, tmp_path)
    assert code_of(release, hub(CHAINED)) is Code.RELEASE_WITHDRAWN
    assert code_of(release, hub(firmware=version("newer"))) is Code.NEWER_THAN_RELEASE
    folder = tmp_path / "catalogue"
    folder.mkdir()
    between = version("chained-between")
    permitted = (VersionRange(lowest=between, highest=between),)
    add_release(folder, bench.firmware("new"), permitted_from=permitted, hardware_versions=("2.0",))
    strict = released(bench, tmp_path, FolderCatalog.open(folder))
    assert code_of(strict, hub()) is Code.HARDWARE_VERSION_MISMATCH
    assert code_of(strict, hub(hardware="2.0")) is Code.NO_PERMITTED_PATH
    bridge = BridgeIdentity(Eui64(1), BridgeType.B2, MODEL, "1.0", version("old"), locked=True, boots=1)
    assert code_of(release, bridge) is Code.NO_RELEASE, "it is for hubs"
    for_bridges = tmp_path / "for-bridges"
    for_bridges.mkdir()
    add_release(for_bridges, bench.firmware("new"), made_for=DeviceKind.B2)
    of_b2 = released(bench, tmp_path, FolderCatalog.open(for_bridges))
    assert code_of(of_b2, bridge) is None
    assert code_of(of_b2, hub()) is Code.NO_RELEASE


@pytest.mark.parametrize("status", ProductStatus)
def test_the_products_list_has_its_say(bench: Bench, tmp_path: Path, status: ProductStatus) -> None:
    checks = ImageChecks(products=listing(bench, status))
    release = released(bench, tmp_path, FolderCatalog.open(bench.catalogue, checks))
    active = status is ProductStatus.ACTIVE
    assert code_of(release, hub()) is (None if active else Code.RELEASE_WITHDRAWN)
    assert release.is_released() is active
    assert release.may_stay(image(bench).image_hash) is active
    assert release.may_stay(b"another" * 4)


async def test_a_release_that_the_station_stopped_is_stopped_for_hands_too(
    bench: Bench, tmp_path: Path
) -> None:
    stop = ReleaseStopped(
        manufacturer=MODEL.manufacturer, model=MODEL.model, version=version("new"), why="5 of 20 failed"
    )

    release = released(bench, tmp_path)
    assert await release.refusal(hub(), untouched=False) is None
    # The daemon, which goes on writing, is another process: nothing is held but what is read.
    async with Journal.open(tmp_path / "journal", site="site", station="bench") as journal:
        await journal.append(stop)
        rejected = await release.refusal(hub(), untouched=False)
        assert rejected is not None
        assert rejected.code is Code.RELEASE_STOPPED


def test_a_journal_that_cannot_be_read_is_no_journal_without_stops(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "journal-000001.sqlite").write_bytes(b"no database")
    assert code_of(released(bench, tmp_path), hub()) is Code.SLOT_FAULT


def test_without_a_catalogue_no_hub_is_begun_with_and_one_under_way_is_not_activated(
    bench: Bench, tmp_path: Path
) -> None:
    hindered = released(bench, tmp_path, hindrance="the list cannot be read; restore it")
    assert code_of(hindered, hub()) is Code.CATALOGUE_UNAVAILABLE
    assert code_of(hindered, hub(), untouched=False) is None
    gone = released(bench, tmp_path, UnusableCatalog("no catalogue"))
    assert code_of(gone, hub(), untouched=False) is Code.CATALOGUE_UNAVAILABLE
    assert not gone.may_stay(image(bench).image_hash)
