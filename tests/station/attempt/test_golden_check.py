"""Checks of a slot with a golden hub: each writes a whole image, and none calls a hub as it was that may hold a part of one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benches.interference import ExchangesHubs
from benches.station_bench import DRIVER_SETTINGS, IMAGE_BYTES, Bench, slot
from drivers.hub import FlashProgress, HubDriver
from drivers.smp.plugin import PLUGIN
from drivers.smp.settings import SmpSettings
from firmware_catalog.catalog import FolderCatalog
from firmware_catalog.devices import DeviceKind
from station.attempt.golden_check import GoldenChecker, NotChecked
from station.attempt.workers import Workers
from station.domain.actor import Actor
from station.records.facts.golden import GoldenCheckEnded, GoldenHub, GoldenHubEnrolled, golden_hubs
from station.records.facts.unlocks import wrong_unlock_answers
from station.records.journal import Journal
from station.unlocking.counted_answers import CountedAnswers
from station.unlocking.key_file import KeyFileAuthority
from station.unlocking.parts import NamedAuthority

PLACE = slot(1)


@dataclass
class Checking:
    """A golden hub in a slot, and what checks with it."""

    journal: Journal
    driver: HubDriver
    checker: GoldenChecker

    async def golden(self) -> GoldenHub:
        (found,) = await self.journal.ask(golden_hubs)
        return found

    async def check(self, on_progress: Callable[[FlashProgress], None] = lambda _: None) -> GoldenCheckEnded:
        hub = await self.driver.wait_for_hub()
        golden = await self.golden()
        return await self.checker.check(
            PLACE, self.driver, hub, (golden.chf, golden.gpf), on_progress, _draws_nothing
        )


async def _draws_nothing() -> None:
    return None


@contextlib.asynccontextmanager
async def checking(
    bench: Bench,
    folder: Path,
    authority: NamedAuthority | None = None,
    catalogue: FolderCatalog | None = None,
) -> AsyncIterator[Checking]:
    hub = bench.hub()
    catalogue = catalogue or FolderCatalog.open(bench.catalogue)
    authority = authority or KeyFileAuthority.load(bench.unlock_key)
    async with (
        Journal.open(folder, site="site", station="bench") as journal,
        CountedAnswers(journal, ()) as wrong_answers,
    ):
        who = Actor(pseudonym="op-7", role="supervisor", where="terminal")
        await journal.append(GoldenHubEnrolled(chf=hub.chf, gpf=hub.gpf, actor=who))
        await bench.seat(hub, PLACE)
        driver = await PLUGIN.open(bench.port(PLACE), SmpSettings(**DRIVER_SETTINGS))
        checker = GoldenChecker(
            journal, lambda: catalogue, lambda _: authority, wrong_answers, Workers(lambda: "op-7")
        )
        try:
            yield Checking(journal, driver, checker)
        finally:
            await driver.close()


async def test_a_write_that_was_cut_off_is_made_anew_by_the_next_check(bench: Bench, tmp_path: Path) -> None:
    """A hub that kept its power would go on with it, and the slot be tried by the rest of an image alone."""
    async with checking(bench, tmp_path) as at:
        sent: list[int] = []

        def cut_off_halfway(progress: FlashProgress) -> None:
            sent.append(progress.sent)
            if progress.sent > IMAGE_BYTES // 2:
                cut_off.cancel()

        cut_off = asyncio.create_task(at.check(cut_off_halfway))
        with pytest.raises(asyncio.CancelledError):
            await cut_off
        assert (await at.golden()).unended is not None
        begun: list[int] = []
        ended = await at.check(lambda progress: begun.append(progress.sent))
        assert begun[0] < sent[-1]
        assert (ended.passed, ended.as_it_was, ended.retries) == (True, True, 0)
        assert (await at.golden()).unended is None
        # Nor does it go on with what others than a check began to write.
        hub, begun = await at.driver.wait_for_hub(), []
        catalogue = FolderCatalog.open(bench.catalogue)
        await at.driver.unlock(hub.device, KeyFileAuthority.load(bench.unlock_key))
        image = catalogue.load(catalogue.releases(hub.model)[0])
        cut_off = asyncio.create_task(at.driver.flash(hub.device, image, cut_off_halfway))
        with pytest.raises(asyncio.CancelledError):
            await cut_off
        ended = await at.check(lambda progress: begun.append(progress.sent))
        assert begun[0] < sent[-1]
        assert (ended.passed, ended.as_it_was, ended.retries) == (True, True, 0)


async def test_what_is_made_for_bridges_is_not_written_to_a_golden_hub(bench: Bench, tmp_path: Path) -> None:
    manifest = tmp_path / "catalogue" / "catalog.json"
    shutil.copytree(bench.catalogue, manifest.parent)
    listed = json.loads(manifest.read_text())
    for release in listed["releases"]:
        release["made_for"] = DeviceKind.B1
    manifest.write_text(json.dumps(listed))
    catalogue = FolderCatalog.open(manifest.parent)
    async with checking(bench, tmp_path / "journal", catalogue=catalogue) as at:
        with pytest.raises(NotChecked, match="no other image for its model"):
            await at.check()


@pytest.mark.parametrize(
    ("fault", "as_it_was"),
    [
        ({"name": "wrong_offset", "times": 1000}, True),  # it stays open, and is erased
        ({"name": "reboot", "times": 20}, False),
    ],
    ids=["open", "locked"],
)
async def test_a_hub_with_a_part_of_an_image_is_not_as_it_was(
    fault: dict[str, Any], as_it_was: bool, bench: Bench, tmp_path: Path
) -> None:
    """It does not list a part: what was written is known to be gone once it was erased."""
    async with checking(bench, tmp_path) as at:
        await at.driver.wait_for_hub()
        await bench.fault(PLACE, **fault, on="upload", at_byte=IMAGE_BYTES // 2)
        ended = await at.check()
        assert (ended.passed, ended.as_it_was) == (False, as_it_was)
        assert "written" not in ended.made
        assert ((await at.golden()).unended is None) is as_it_was
        bench.do_now("disarm")
        ended = await at.check()
        assert (ended.passed, ended.as_it_was) == (True, True)
        assert (await at.golden()).unended is None


async def test_an_answer_that_a_golden_hub_never_got_does_not_count(bench: Bench, tmp_path: Path) -> None:
    """Two that count would keep it from being unlocked ever again."""
    async with checking(bench, tmp_path, ExchangesHubs(bench, PLACE, bench.hub())) as at:
        ended = await at.check()
        assert ended.made == ("identified",)
        assert await at.journal.ask(wrong_unlock_answers, (await at.golden()).chf) == 0
