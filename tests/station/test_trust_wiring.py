"""A station in production: it flashes what a signed catalogue releases, and unlocks by a key that stays in its HSM."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

import station.bench.slot_parts
import station.catalogue.keeping
from benches import brokers
from benches.conducting import conducting
from benches.cpl_samples import listing
from benches.sentences import line_of
from benches.signed_bench import Signed
from benches.soft_hsm import PIN, SoftHsm
from benches.station_bench import MODEL, Bench, at_broker, give_order, import_order, order_csv, slot, version
from benches.station_config import write_config
from benches.station_daemon import events_of, running_daemon, starting_daemon, working
from drivers.hub import UnlockChallenge
from drivers.smp.driver import SmpHubDriver
from firmware_catalog.cpl import ProductStatus
from firmware_catalog.errors import CatalogError
from firmware_catalog.identity import Eui64
from firmware_catalog.trust.catalog import ImageShelf, TrustedCatalog
from firmware_catalog.trust.checking import check
from firmware_catalog.trust.draft import Lifetimes
from firmware_catalog.trust.fetchers import FolderFetcher
from firmware_catalog.trust.store import TrustStore
from station.catalogue.keeping import StationCatalogue
from station.domain.config_error import ConfigError
from station.domain.outcome import Code, Outcome
from station.domain.phase import SlotPhase
from station.records.facts.attempts import AttemptClosed, StageEnded, StageStarted
from station.records.facts.unlocks import UnlockUsed
from station.settings import StationSettings
from station.settings_file import load_settings
from station.unlocking.authority import unlock_authority
from station.unlocking.key_file import UnlockKeyError

FIRST, SECOND = slot(1), slot(2)


@pytest.fixture
def facts(
    bench: Bench, signed: Signed, soft_hsm: SoftHsm, shared_broker: brokers.Mosquitto
) -> dict[str, Any]:
    """A production station's settings, all that changes left to the test."""
    soft_hsm.import_key(bench.unlock_key)
    return {
        "mode": "production",
        **at_broker(shared_broker.port),
        "catalogue": signed.settings,
        "unlock": {"hsm": soft_hsm.settings().model_dump(mode="json", exclude_none=True)},
    }


@pytest.fixture
def settings(bench: Bench, tmp_path: Path, facts: dict[str, Any]) -> StationSettings:
    return bench.station_settings(tmp_path / "state", {"jig1": [1, 2]}, **facts)


async def test_a_hub_passes_by_signed_catalogue_and_hsm_and_no_secret_is_written(
    bench: Bench, settings: StationSettings, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
    async with working(bench, settings) as (running, hub):
        await bench.seat(hub, FIRST)
        await running.until(FIRST, SlotPhase.PASSED)
    await bench.assert_runs(hub, "new")
    (used,) = events_of(settings, UnlockUsed)
    assert used.authority == "unlock-token/unlock-key"
    said = "".join(capfd.readouterr()).encode()
    key = bench.unlock_key.read_bytes().split(b"\n")[1]
    files = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert len(files) > 5
    for content in (said, *(path.read_bytes() for path in files)):
        assert PIN.encode() not in content
        assert key not in content


@pytest.fixture
def flashed(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Lets flashing end when it is set: however late this machine is, what the test does falls before that."""
    let_go, flash = asyncio.Event(), SmpHubDriver.flash

    async def held(*arguments: Any) -> None:
        await flash(*arguments)
        await let_go.wait()

    monkeypatch.setattr(SmpHubDriver, "flash", held)
    return let_go


async def test_a_release_withdrawn_while_a_hub_has_it_stops_that_hub_and_the_next(
    bench: Bench, signed: Signed, settings: StationSettings, flashed: asyncio.Event
) -> None:
    async with working(bench, settings, 2) as (running, hub, later):
        await bench.seat(hub, FIRST)
        await running.until_that(lambda: (running.view(FIRST).percent or 0) > 0)
        signed.withdraw()
        await running.daemon.reload(settings)
        flashed.set()
        failed = await running.until(FIRST, SlotPhase.FAILED)
        assert "withdrawn" in line_of(failed)
        await bench.seat(later, SECOND)
        await running.until(SECOND, SlotPhase.REJECTED)
    stopped, rejected = events_of(settings, AttemptClosed)
    assert (stopped.outcome, stopped.code) == (Outcome.FAILED, Code.RELEASE_WITHDRAWN)
    assert (rejected.outcome, rejected.code) == (Outcome.REJECTED, Code.NO_RELEASE)
    stages = {event.stage for event in events_of(settings, StageStarted)}
    assert "flash" in stages
    assert not stages & {"verify", "confirm"}
    inside = await bench.look(hub)
    running = next(each for each in inside["slots"] if each["active"])
    assert inside["firmware"] == str(version("old"))
    assert running["confirmed"]
    assert not any(each["pending"] for each in inside["slots"])
    assert inside["locked"]
    await bench.assert_untouched(later)


async def test_without_a_catalogue_no_hub_is_begun_with_until_there_is_one(
    bench: Bench, signed: Signed, settings: StationSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(station.bench.slot_parts, "ROOM_RETRY_SECONDS", 0.1)
    away = signed.folder.with_name("away")
    signed.folder.rename(away)

    hub = bench.hub()
    await give_order(settings, hub)
    await bench.seat(hub, FIRST)
    async with running_daemon(settings) as running:
        view = await running.until(FIRST, SlotPhase.OUT_OF_USE)
        assert "check the place and the way to it" in line_of(view)
        with pytest.raises(CatalogError, match="check the place"):
            await running.daemon.reload(settings)
        away.rename(signed.folder)
        await running.daemon.reload(settings)
        await running.until(FIRST, SlotPhase.PASSED)


async def test_a_source_that_hangs_does_not_keep_the_station_from_starting(
    bench: Bench, facts: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(station.catalogue.keeping, "_START_SECONDS", 0.2)

    connected: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
    server = await asyncio.start_server(lambda _, writer: connected.put_nowait(writer), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    facts["catalogue"] = facts["catalogue"] | {"place": f"http://{host}:{port}"}
    settings = bench.station_settings(tmp_path / "state", {"jig1": [1]}, **facts)
    async with server, running_daemon(settings) as running:
        view = await running.until(FIRST, SlotPhase.OUT_OF_USE)
        assert line_of(view) == "jig1 slot 1: no catalogue has been accepted yet; see 'reflash doctor'"
        server.close()
        (await connected.get()).transport.abort()


async def test_what_was_accepted_serves_on_without_its_source(
    bench: Bench, signed: Signed, settings: StationSettings, tmp_path: Path
) -> None:
    hub = bench.hub()
    await give_order(settings, hub)
    catalogue = StationCatalogue(tmp_path / "state" / "catalogue", production=True)
    await catalogue.choose(settings.catalogue)
    async with catalogue.opened():
        assert await catalogue.fetch_images() == ()
    signed.folder.rename(signed.folder.with_name("away"))
    await bench.seat(hub, FIRST)
    async with running_daemon(settings) as running:
        await running.until(FIRST, SlotPhase.PASSED)


async def test_after_its_time_a_catalogue_plans_nothing_and_says_so(
    bench: Bench, signed: Signed, tmp_path: Path
) -> None:
    source, store = FolderFetcher(signed.folder), TrustStore(tmp_path / "store")
    state = check(source, "the folder", signed.root.read_bytes(), store).state
    week_later = datetime.now(UTC) + timedelta(days=8)
    expired = TrustedCatalog(state, ImageShelf(source, "the folder", store), clock=lambda: week_later)

    hub = bench.hub()
    async with conducting(bench, tmp_path / "journal", catalogue=lambda: expired) as at:
        await import_order(at.journal, order_csv(hub), "jig1")
        await bench.seat(hub, FIRST)
        result = await at.result(FIRST)
        assert (result.outcome, result.code) == (Outcome.REJECTED, Code.CATALOGUE_UNAVAILABLE)
        assert result.message.endswith("; call the supervisor, then seat it again")
    await bench.assert_untouched(hub)


async def test_an_expired_catalogue_lets_no_hub_begin_until_its_owner_refreshes_it(
    bench: Bench, signed: Signed, settings: StationSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(station.bench.slot_parts, "ROOM_RETRY_SECONDS", 0.1)
    a_month_ago = datetime.now(UTC) - timedelta(days=29)
    signed.publish(now=a_month_ago, lifetimes=Lifetimes(timestamp=timedelta(days=1)))

    hub = bench.hub()
    await give_order(settings, hub)
    await bench.seat(hub, FIRST)
    async with running_daemon(settings) as running:
        view = await running.until(FIRST, SlotPhase.OUT_OF_USE)
        assert "have its owner run 'reflash catalog refresh'" in line_of(view)
        await bench.assert_untouched(hub)
        signed.publish()
        await running.daemon.reload(settings)
        await running.until(FIRST, SlotPhase.PASSED)


async def test_a_version_that_the_products_list_does_not_have_as_active_is_given_to_nobody(
    bench: Bench, facts: dict[str, Any], tmp_path: Path
) -> None:
    listing(bench, ProductStatus.CANCELLED).save(tmp_path / "products.json")
    facts["catalogue"]["products"] = str(tmp_path / "products.json")
    settings = bench.station_settings(tmp_path / "state", {"jig1": [1]}, **facts)

    hub = bench.hub()
    await give_order(settings, hub)
    await bench.seat(hub, FIRST)
    async with running_daemon(settings) as running:
        view = await running.until(FIRST, SlotPhase.REJECTED)
        assert "as Cancelled; " in line_of(view)
    await bench.assert_untouched(hub)


@pytest.mark.parametrize("status", [ProductStatus.CANCELLED, ProductStatus.EXPIRED, ProductStatus.WITHDRAWN])
async def test_an_entry_that_is_active_no_more_stops_a_hub_before_its_activation(
    bench: Bench, facts: dict[str, Any], tmp_path: Path, status: ProductStatus, flashed: asyncio.Event
) -> None:
    products = tmp_path / "products.json"
    listing(bench).save(products)
    facts["catalogue"]["products"] = str(products)
    settings = bench.station_settings(tmp_path / "state", {"jig1": [1]}, **facts)

    async with working(bench, settings) as (running, hub):
        await bench.seat(hub, FIRST)
        await running.until_that(lambda: (running.view(FIRST).percent or 0) > 0)
        listing(bench, status).save(products)
        await running.daemon._catalogue.renew()
        flashed.set()
        await running.until(FIRST, SlotPhase.FAILED)
    (stopped,) = events_of(settings, AttemptClosed)
    assert (stopped.outcome, stopped.code) == (Outcome.FAILED, Code.RELEASE_WITHDRAWN)
    inside = await bench.look(hub)
    active = next(each for each in inside["slots"] if each["active"])
    assert (inside["firmware"], active["confirmed"]) == (str(version("old")), True)
    assert not any(each["pending"] for each in inside["slots"])
    assert inside["locked"]


async def test_a_refused_pin_is_tried_once_over_hubs_slots_and_restarts(
    bench: Bench, settings: StationSettings, soft_hsm: SoftHsm
) -> None:
    soft_hsm.write_pin("not the PIN")

    hubs = [bench.hub(), bench.hub(), bench.hub()]
    await give_order(settings, *hubs)
    async with running_daemon(settings) as running:
        for hub, place in zip(hubs, (FIRST, SECOND), strict=False):
            await bench.seat(hub, place)
            await running.until(place, SlotPhase.FAILED)
    await bench.unseat(FIRST)
    await bench.seat(hubs[2], FIRST)
    async with running_daemon(settings) as running:
        await running.until(FIRST, SlotPhase.FAILED)
    first, *later = [event.detail or "" for event in events_of(settings, StageEnded) if event.code]
    assert "it is not tried again" in first
    assert all("was tried before and not accepted" in detail for detail in later)
    assert [event.code for event in events_of(settings, AttemptClosed)] == [Code.UNLOCK_UNAVAILABLE] * 3
    for hub in hubs:
        inside = await bench.look(hub)
        assert (inside["locked"], inside["wrong_unlock_answers"]) == (True, 0)


async def test_four_and_twenty_hubs_are_signed_for_while_the_loop_turns(
    settings: StationSettings, tmp_path: Path
) -> None:
    challenges = [UnlockChallenge(Eui64(number), bytes(24), MODEL) for number in range(24)]

    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with unlock_authority(settings.unlock, tmp_path, production=True) as authority:
        turning = asyncio.create_task(turn())
        signatures = await asyncio.gather(*(authority.sign(each) for each in challenges))
        turning.cancel()
        await asyncio.gather(turning, return_exceptions=True)
    assert {len(signature) for signature in signatures} == {64}
    assert len(set(signatures)) == 24
    assert turns > 10 * len(challenges)


WRONG: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "key file": (
        {"unlock": {"key_file": "/etc/unlock.pem"}},
        UnlockKeyError,
        (
            "unlock.key_file is not for production: whoever copies the file can unlock every hub; "
            "set unlock.hsm or unlock.token_file"
        ),
    ),
    "plain folder": (
        {"catalogue": {"folder": "/srv/catalogue"}},
        ConfigError,
        (
            "catalogue.folder is not for production: whoever writes the folder decides what is flashed; "
            "set catalogue.place and catalogue.root"
        ),
    ),
    "no root": (
        {"catalogue": {"place": "/srv/catalogue", "root": "/nowhere/root.json"}},
        ConfigError,
        (
            "catalogue.root /nowhere/root.json: No such file or directory; "
            "put the root metadata there that the catalogue's owner gave"
        ),
    ),
    "no products": (
        {"catalogue": {"place": "/srv", "root": "/nowhere/root.json", "products": "/nowhere/cpl.json"}},
        CatalogError,
        "/nowhere/cpl.json cannot be read: No such file or directory; name the right file",
    ),
}


@pytest.mark.parametrize("what", WRONG)
async def test_what_is_not_for_production_is_refused_before_anything_is_touched(
    bench: Bench, facts: dict[str, Any], tmp_path: Path, what: str
) -> None:
    wrong, error, says = WRONG[what]
    settings = bench.station_settings(tmp_path / "state", {"jig1": [1]}, **facts | wrong)

    async with starting_daemon(settings) as running:
        with pytest.raises(error) as refused:
            await running.task
    assert str(refused.value) == says
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ({"catalogue": {}}, "catalogue: state either place, with root, or folder"),
        ({"catalogue": {"folder": "a", "place": "b"}}, "catalogue: state either place, with root, or folder"),
        ({"catalogue": {"place": "b"}}, "catalogue: place and root go together; "),
        ({"unlock": {}}, "unlock: state exactly one of hsm, token_file and key_file"),
        ({"unlock": {"key_file": "a", "token_file": "b"}}, "unlock: state exactly one of hsm, "),
    ],
)
def test_which_catalogue_and_which_key_is_said_exactly_once(
    bench: Bench, tmp_path: Path, section: dict[str, Any], says: str
) -> None:
    file = write_config(
        tmp_path / "station.toml", bench.settings(tmp_path / "state", {"jig1": [1]}, **section)
    )
    with pytest.raises(ConfigError) as refused:
        load_settings(file)
    assert str(refused.value).startswith(f"{file}: {says}")
    assert "\n" not in str(refused.value)
