"""The catalogue in a daemon's hands: a refused change of configuration changes nothing, and the products list is watched."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner

import station.catalogue.keeping
from benches.cpl_samples import listing
from benches.signed_bench import Signed
from benches.standing_releases import is_released
from benches.station_bench import MODEL, Bench
from drivers.threads import Worker
from firmware_catalog.cpl import ProductStatus
from firmware_catalog.errors import CatalogError
from firmware_catalog.trust.catalog import TrustedCatalog
from firmware_catalog.trust.draft import Lifetimes
from firmware_catalog.trust.keeper import CatalogKeeper
from station.catalogue.keeping import StationCatalogue
from station.catalogue.settings import CatalogueSettings
from station.domain.config_error import ConfigError


def content(folder: Path) -> dict[str, object]:
    """Everything in a folder, and when it was written."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_ino, path.lstat().st_mtime_ns)
        for path in folder.rglob("*")
    }


def settings(signed: Signed, **changes: Any) -> CatalogueSettings:
    return CatalogueSettings.model_validate({**signed.settings, **changes})


@asynccontextmanager
async def held_against_a_list(
    signed: Signed, tmp_path: Path, renewed: Callable[[], None] = lambda: None
) -> AsyncIterator[tuple[StationCatalogue, Path]]:
    """Give the catalogue in production, and the list beside it, in which its release is active."""
    products = tmp_path / "products.json"
    listing(signed.bench).save(products)
    catalogue = StationCatalogue(tmp_path / "store", production=True, renewed=renewed)
    await catalogue.choose(settings(signed, products=str(products)))
    async with catalogue.opened():
        yield catalogue, products


@pytest.fixture
def stranger(bench: Bench, tmp_path: Path) -> Signed:
    """Another owner's catalogue."""
    (tmp_path / "stranger").mkdir()
    folder = tmp_path / "stranger" / "signed"
    catalogue = Signed(folder, bench, CryptoSigner.generate_ecdsa(), CryptoSigner.generate_ecdsa())
    catalogue.found()
    catalogue.publish()
    return catalogue


WRONG: dict[str, Callable[[Signed, Signed, Path], CatalogueSettings]] = {
    "another's root, our place": lambda ours, theirs, _: settings(ours, root=str(theirs.root)),
    "our root, another's place": lambda ours, theirs, _: settings(ours, place=str(theirs.folder)),
    "no root": lambda ours, _, junk: settings(ours, root=str(junk)),
    "no list": lambda ours, _, junk: settings(ours, products=str(junk)),
}


@pytest.mark.parametrize("what", WRONG)
async def test_a_refused_reload_changes_nothing_on_disk_or_in_memory(
    signed: Signed, stranger: Signed, tmp_path: Path, what: str
) -> None:
    (tmp_path / "junk").write_text("{}")
    store = tmp_path / "store"

    catalogue = StationCatalogue(store, production=True)
    await catalogue.choose(settings(signed))
    async with catalogue.opened():
        before, serves = content(store), catalogue.current()
        wrong = WRONG[what](signed, stranger, tmp_path / "junk")
        if what == "our root, another's place":
            # What had been accepted under our root serves on, wherever the next would come from.
            await catalogue.replace(wrong)
            assert catalogue.current().releases(MODEL) == serves.releases(MODEL)
        else:
            with pytest.raises((ConfigError, CatalogError)) as refusal:
                await catalogue.replace(wrong)
            assert "\n" not in str(refusal.value)
            assert catalogue.current() is serves
        assert content(store) == before
        assert catalogue.hindrance() is None
    # A restart with the old configuration, without the source.
    signed.folder.rename(tmp_path / "away")
    again = StationCatalogue(store, production=True)
    await again.choose(settings(signed))
    async with again.opened():
        assert again.hindrance() is None


async def test_a_reload_that_is_waited_for_no_longer_accepts_nothing_afterwards(
    signed: Signed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "store"
    go_on, checked = threading.Event(), threading.Event()
    examine = CatalogKeeper.examine

    def slow(keeper: CatalogKeeper) -> Any:
        go_on.wait(20)
        found = examine(keeper)
        checked.set()
        return found

    run = Worker.run

    async def in_no_time(worker: Worker, what: Callable[[], Any], seconds: float) -> Any:
        return await run(worker, what, min(seconds, 0.2))

    catalogue = StationCatalogue(store, production=True)
    await catalogue.choose(settings(signed))
    async with catalogue.opened():
        signed.publish()
        before = content(store)
        monkeypatch.setattr(CatalogKeeper, "examine", slow)
        monkeypatch.setattr(CatalogKeeper, "reopen", lambda _: None)
        monkeypatch.setattr(Worker, "run", in_no_time)
        with pytest.raises(CatalogError, match="was not through"):
            await catalogue.replace(settings(signed))
        go_on.set()
        assert await asyncio.to_thread(checked.wait, 20)
    assert content(store) == before


async def test_the_products_list_is_looked_at_with_the_catalogue_and_vetoes(
    signed: Signed, tmp_path: Path
) -> None:
    async with held_against_a_list(signed, tmp_path) as (catalogue, products):
        before = catalogue.current()
        image = before.load(before.latest(MODEL))
        assert is_released(before, MODEL, image)
        await catalogue.renew()
        for status in (ProductStatus.CANCELLED, ProductStatus.EXPIRED, ProductStatus.WITHDRAWN):
            listing(signed.bench, status).save(products)
            await catalogue.renew()
            assert not is_released(catalogue.current(), MODEL, image)
            with pytest.raises(CatalogError, match=f"as {status}"):
                catalogue.current().load(before.latest(MODEL))
        listing(signed.bench).save(products)
        # Also where the catalogue's own source is away.
        signed.folder.rename(tmp_path / "away")
        await catalogue.renew()
        assert is_released(catalogue.current(), MODEL, image)


@pytest.mark.parametrize("how", ["gone", "damaged", "unreadable"])
async def test_a_list_that_cannot_be_read_goes_on_vetoing_and_no_hub_is_begun_with(
    signed: Signed, tmp_path: Path, how: str
) -> None:
    async with held_against_a_list(signed, tmp_path) as (catalogue, products):
        current = catalogue.current()
        image = current.load(current.latest(MODEL))
        assert catalogue.hindrance() is None
        products.unlink()
        if how == "damaged":
            products.write_text("{")
        elif how == "unreadable":
            products.mkdir()
        await catalogue.renew()
        why = catalogue.hindrance()
        assert why is not None
        assert why.startswith(str(products))
        assert "\n" not in why
        assert is_released(catalogue.current(), MODEL, image), "hubs that have it already may finish"
        products.rmdir() if how == "unreadable" else products.unlink(missing_ok=True)
        listing(signed.bench, ProductStatus.WITHDRAWN).save(products)
        await catalogue.renew()
        assert catalogue.hindrance() is None
        assert not is_released(catalogue.current(), MODEL, image)


async def test_a_plain_folder_is_held_against_the_list_as_well(bench: Bench, tmp_path: Path) -> None:
    products = tmp_path / "products.json"

    listing(bench).save(products)
    catalogue = StationCatalogue(tmp_path / "store", production=False)
    await catalogue.choose(CatalogueSettings(folder=bench.catalogue, products=products))
    async with catalogue.opened():
        image = catalogue.current().load(catalogue.current().latest(MODEL))
        listing(bench, ProductStatus.WITHDRAWN).save(products)
        await catalogue.renew()
        assert not is_released(catalogue.current(), MODEL, image)


async def test_the_time_for_a_source_is_not_the_lists(
    signed: Signed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the source hangs the list is looked at all the same."""
    monkeypatch.setattr(station.catalogue.keeping, "_RENEWAL_SECONDS", 0.05)
    hang = threading.Event()

    async with held_against_a_list(signed, tmp_path) as (catalogue, products):
        image = catalogue.current().load(catalogue.current().latest(MODEL))
        monkeypatch.setattr(CatalogKeeper, "refresh", lambda _: hang.wait(20))
        await catalogue.renew()
        listing(signed.bench, ProductStatus.WITHDRAWN).save(products)
        await catalogue.renew()
        assert not is_released(catalogue.current(), MODEL, image)
        hang.set()


async def test_what_a_list_withdraws_is_told_at_once(
    signed: Signed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hubs are shown green until it is told: a slow source, or a change of configuration, does not keep that."""
    hang, told = threading.Event(), asyncio.Event()
    async with held_against_a_list(signed, tmp_path, told.set) as (catalogue, products):
        await catalogue.renew()
        image = catalogue.current().load(catalogue.current().latest(MODEL))
        told.clear()
        await catalogue.replace(settings(signed, products=str(products)))
        assert told.is_set()
        told.clear()
        monkeypatch.setattr(CatalogKeeper, "refresh", lambda _: hang.wait(60))
        listing(signed.bench, ProductStatus.WITHDRAWN).save(products)
        renewal = asyncio.create_task(catalogue.renew())
        await told.wait()
        assert not renewal.done()
        assert not is_released(catalogue.current(), MODEL, image)
        hang.set()
        await renewal


@pytest.mark.parametrize(
    ("left", "says"), [(timedelta(days=2), "in 1 day"), (timedelta(hours=5), "in 4 hours")]
)
async def test_that_the_catalogues_term_ends_is_said_days_ahead_and_not_after_it_was_renewed(
    signed: Signed, tmp_path: Path, left: timedelta, says: str
) -> None:
    told: list[str | None] = []

    signed.publish(lifetimes=Lifetimes.model_validate({"timestamp": left}))
    catalogue = StationCatalogue(tmp_path / "store", production=True, warn=told.append)
    await catalogue.choose(settings(signed))
    async with catalogue.opened():
        await catalogue.renew()
        assert catalogue.hindrance() is None
        assert len(told) == 1
        assert "the catalogue's timestamp ends at " in str(told[0])
        assert f"{says}; have its owner run 'reflash catalog refresh' before that" in str(told[0])
        signed.publish(lifetimes=Lifetimes.model_validate({"timestamp": timedelta(days=3)}))
        await catalogue.renew()
        assert told[1:] == [None]


def test_what_several_persons_have_to_sign_is_said_weeks_ahead(signed: Signed) -> None:
    now = datetime.now(UTC)
    terms = {"root": now + timedelta(days=20), "timestamp": now + timedelta(days=3)}
    catalogue = CatalogKeeper(
        str(signed.folder), signed.root.read_bytes(), signed.folder.parent / "kept"
    ).refresh()
    soon = TrustedCatalog(replace(catalogue.state, terms=terms), catalogue._shelf)
    assert "the catalogue's root ends at" in soon.ends_soon()
    assert "in 19 days; have its owner run 'reflash catalog rotate-root' before that" in soon.ends_soon()
    over = TrustedCatalog(replace(catalogue.state, terms={"root": now}), catalogue._shelf)
    assert over.ends_soon() is None, "that is said by the hindrance"
