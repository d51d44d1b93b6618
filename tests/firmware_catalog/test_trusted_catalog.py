from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benches.signed_catalogues import MAKER, OTHER_MAKER, SignedCatalogue, in_days, version
from benches.standing_releases import is_released
from firmware_catalog.catalog import Catalog
from firmware_catalog.devices import DeviceKind
from firmware_catalog.errors import (
    CatalogError,
    ImageNotByItsMaker,
    ReleaseExists,
    ReleaseUnknown,
)
from firmware_catalog.identity import DeviceModel
from firmware_catalog.new_release import Statement
from firmware_catalog.release import NoRelease, ReleaseStatus, VersionRange
from firmware_catalog.trust.catalog import TrustedCatalog
from firmware_catalog.trust.errors import CatalogExpired, CatalogMalformed, CatalogUnreachable
from firmware_catalog.trust.keeper import CatalogKeeper, read_first_root
from firmware_catalog.trust.releasing import add_signed_release

HUB = DeviceKind.HUB

MODEL = DeviceModel(MAKER, "0BADCAFE")


@pytest.fixture
def catalogue(tmp_path: Path, imgtool_image) -> SignedCatalogue:
    return SignedCatalogue(tmp_path / "catalogue", imgtool_image).found()


def test_from_image_file_through_signatures_to_a_plan(catalogue: SignedCatalogue) -> None:
    catalogue.add("0.1.0", hardware_versions=("A", "B"), notes="first of its line")
    span = VersionRange(lowest=version("00010000"), highest=version("0001FFFF"))
    added = catalogue.add("0.2.303", permitted_from=(span,))
    catalogue.publish()
    served: Catalog = catalogue.station().refresh()
    assert served.models() == (MODEL,)
    assert [str(each.version) for each in served.releases(MODEL)] == ["0002012F", "00010000"]
    assert served.latest(MODEL) == added
    assert served.releases(MODEL)[1].notes == "first of its line"
    plan = served.plan(MODEL, version("00000005"), "B", HUB)
    assert [str(step.release.version) for step in plan.steps] == ["00010000", "0002012F"]
    image = served.load(plan.target)
    assert image.file_sha256.hex() == added.manufacturer_image_hash == added.image.sha256
    assert served.load(plan.target) is image
    assert is_released(served, MODEL, image)


def test_a_release_counts_once_it_is_published(catalogue: SignedCatalogue) -> None:
    station = catalogue.station()
    catalogue.publish()
    catalogue.add("0.1.0")
    assert station.refresh().models() == ()
    catalogue.publish()
    assert station.refresh().models() == (MODEL,)


def test_makers_sign_each_for_their_own(catalogue: SignedCatalogue) -> None:
    catalogue.add("0.1.0")
    catalogue.add("0.1.0", OTHER_MAKER)
    catalogue.publish()
    assert catalogue.station().refresh().models() == (DeviceModel(OTHER_MAKER, "0BADCAFE"), MODEL)


@pytest.mark.parametrize("by", ["owner", "maker"])
def test_a_withdrawn_release_is_not_planned_any_more(catalogue: SignedCatalogue, by: str) -> None:
    station = catalogue.station()
    release = catalogue.add("0.1.0")
    catalogue.publish()
    image = station.refresh().load(release)
    party = catalogue.targets if by == "owner" else catalogue.makers[MAKER]
    withdrawn = catalogue.withdraw(release, party)
    assert catalogue.withdraw(release, party) == withdrawn
    catalogue.publish()
    served = station.refresh()
    assert served.releases(MODEL) == (withdrawn,)
    assert withdrawn.status is ReleaseStatus.WITHDRAWN
    assert not is_released(served, MODEL, image)
    with pytest.raises(NoRelease, match="withdrawn"):
        served.plan(MODEL, version("00000001"), "A", HUB)
    assert served.load(withdrawn).data == image.data


def test_what_may_be_added_and_withdrawn(catalogue: SignedCatalogue) -> None:
    release = catalogue.add("0.1.0")
    with pytest.raises(ReleaseExists, match="lists release 10A3/0BADCAFE 00010000 already"):
        catalogue.add("0.1.0")
    unknown = release.model_copy(update={"version": version("00990000")})
    with pytest.raises(ReleaseUnknown, match="no release 10A3/0BADCAFE 00990000"):
        catalogue.withdraw(unknown, catalogue.targets)
    stranger = catalogue.image_file("0.3.0", DeviceModel("FFFF", "1"))
    with pytest.raises(CatalogError, match="delegates nothing to manufacturer FFFF"):
        add_signed_release(catalogue.folder, stranger, Statement(), catalogue.owner_signers)


@pytest.mark.parametrize("key", [None, "another"])
def test_an_image_that_its_maker_did_not_sign_is_not_added(catalogue: SignedCatalogue, key) -> None:
    other = SignedCatalogue(catalogue.folder, catalogue.make_image)
    path = catalogue.image_file("0.1.0", MODEL, key=other.image_key if key else None)
    with pytest.raises(ImageNotByItsMaker, match=r"not signed by any key|no ECDSA"):
        add_signed_release(catalogue.folder, path, Statement(), catalogue.makers[MAKER].signers)
    assert not list((catalogue.folder / "metadata").glob("*manufacturer*"))


def test_images_stay_when_the_stick_is_taken_away(catalogue: SignedCatalogue, tmp_path: Path) -> None:
    release = catalogue.add("0.1.0")
    catalogue.publish()
    stick = tmp_path / "stick"
    shutil.copytree(catalogue.folder, stick)
    station = catalogue.station(stick)
    assert station.refresh().verify() == ()
    shutil.rmtree(stick)
    with pytest.raises(CatalogUnreachable, match=r"stick cannot be read"):
        station.refresh()
    assert station.current().load(release).version == release.version


def test_a_station_starts_again_with_the_last_good_catalogue(
    catalogue: SignedCatalogue, tmp_path: Path
) -> None:
    release = catalogue.add("0.1.0")
    catalogue.publish()
    catalogue.station().refresh().load(release)
    started_again = catalogue.station(tmp_path / "nowhere")
    with pytest.raises(CatalogError, match="no catalogue has been accepted yet"):
        started_again.current().models()
    started_again.reopen()
    assert started_again.current().latest(MODEL) == release
    assert started_again.current().load(release).version == release.version
    with pytest.raises(CatalogUnreachable):
        started_again.refresh()
    assert started_again.current().latest(MODEL) == release


def test_a_station_that_never_had_a_catalogue_says_so(catalogue: SignedCatalogue, tmp_path: Path) -> None:
    station = catalogue.station(tmp_path / "nowhere")
    station.reopen()
    with pytest.raises(CatalogUnreachable):
        station.refresh()
    current = station.current()
    for ask in (
        current.models,
        lambda: current.releases(MODEL),
        lambda: current.latest(MODEL),
        lambda: current.plan(MODEL, version("00000001"), "", HUB),
        lambda: current.load(catalogue.add("0.1.0")),
    ):
        with pytest.raises(CatalogError, match="nowhere cannot be read"):
            ask()


def test_after_its_time_a_catalogue_plans_nothing_but_serves_what_is_under_way(
    catalogue: SignedCatalogue,
) -> None:
    release = catalogue.add("0.1.0")
    expires = catalogue.publish()
    served = catalogue.station().refresh()
    assert served.state.expires == expires
    late = TrustedCatalog(served.state, served._shelf, clock=lambda: in_days(7.01))
    assert in_days(6.99) < expires < in_days(7.01)
    for ask in (lambda: late.latest(MODEL), lambda: late.plan(MODEL, version("00000001"), "A", HUB)):
        with pytest.raises(CatalogExpired, match=r"time ended at .* UTC"):
            ask()
    assert late.releases(MODEL) == (release,)
    assert late.load(release).version == release.version


def test_a_kept_image_that_was_damaged_is_fetched_again(catalogue: SignedCatalogue) -> None:
    release = catalogue.add("0.1.0")
    catalogue.publish()
    catalogue.station().refresh().load(release)
    (kept,) = (catalogue.folder.parent / "station" / "images").iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(whole[:-1])
    catalogue.station().refresh().load(release)
    assert kept.read_bytes() == whole


def test_the_first_root_is_read_from_the_catalogue_itself(catalogue: SignedCatalogue, tmp_path: Path) -> None:
    assert read_first_root(str(catalogue.folder)) == catalogue.trusted_root()
    with pytest.raises(CatalogUnreachable, match=r"1\.root\.json does not exist"):
        read_first_root(str(tmp_path))


def test_a_root_that_is_none_is_refused(catalogue: SignedCatalogue, tmp_path: Path) -> None:
    for root in (b"", b"{}", (catalogue.folder / "metadata" / "timestamp.json").read_bytes()):
        keeper = CatalogKeeper(str(catalogue.folder), root, tmp_path / "state")
        with pytest.raises(CatalogMalformed):
            keeper.refresh()
