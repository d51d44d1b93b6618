"""A golden check while everything changes around it: the hub, who works there, and whether it is a golden hub at all."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benches.interference import Interfered
from benches.station_bench import DRIVER_SETTINGS, Bench, StockHub, import_order, order_csv, slot
from drivers.errors import HubAction, NoAnswer, UnlockAuthorityFailed
from drivers.hub import FlashProgress, ProgressListener
from drivers.smp.plugin import PLUGIN
from drivers.smp.settings import SmpSettings
from firmware_catalog.catalog import FolderCatalog
from station.attempt.golden_check import GoldenChecker, NoGoldenHub
from station.attempt.workers import Workers
from station.bench.duty import Duty
from station.domain.actor import Actor
from station.records.errors import NotAsExpected
from station.records.facts.golden import (
    GoldenCheckEnded,
    GoldenCheckStarted,
    GoldenHubEnrolled,
    GoldenHubRetired,
    golden_hubs,
)
from station.records.facts.people import SignedOn
from station.records.journal import Journal
from station.unlocking.counted_answers import CountedAnswers
from station.unlocking.key_file import KeyFileAuthority

PLACE = slot(1)
WHO = Actor(pseudonym="op-7", role="supervisor", where="terminal")

Before = Callable[[str, int], Awaitable[None]]


async def nothing(_method: str, _number: int) -> None:
    pass


async def _unmeasured() -> None:
    return None


@dataclass
class Checking:
    """Checks one slot with hubs of the bench, on a journal of its own."""

    bench: Bench
    journal: Journal
    checker: GoldenChecker

    async def enrolled(self) -> StockHub:
        """Seat a golden hub."""
        hub = self.bench.hub()
        await self.journal.append(GoldenHubEnrolled(chf=hub.chf, gpf=hub.gpf, actor=WHO))
        await self.bench.seat(hub, PLACE)
        return hub

    async def check(
        self, hub: StockHub, before: Before = nothing, on_progress: ProgressListener = lambda _: None
    ) -> GoldenCheckEnded:
        """Check the slot with whoever sits there; `before` is done before each call of the driver, in 20 s."""
        driver = await PLUGIN.open(self.bench.port(PLACE), SmpSettings(**DRIVER_SETTINGS))
        interfered: Any = Interfered(driver, before)
        try:
            seen = await driver.wait_for_hub()
            return await self.checker.check(
                PLACE, interfered, seen, (hub.chf, hub.gpf), on_progress, _unmeasured
            )
        finally:
            await driver.close()

    async def retire(self, hub: StockHub) -> None:
        """Let somebody take it as it is, and order it."""
        await self.journal.append(GoldenHubRetired(chf=hub.chf, reason="worn", as_it_is=True, actor=WHO))
        await import_order(self.journal, order_csv(hub), "jig1")

    async def is_as_it_was(self) -> list[bool]:
        """Say of each golden hub whether it is known to be as it was."""
        return [each.unended is None for each in await self.journal.ask(golden_hubs)]


@contextlib.asynccontextmanager
async def checking(bench: Bench, folder: Path, workers: Workers | None = None) -> AsyncIterator[Checking]:
    async with (
        Journal.open(folder, site="site", station="bench") as journal,
        CountedAnswers(journal, ()) as wrong_answers,
    ):
        catalogue, authority = FolderCatalog.open(bench.catalogue), KeyFileAuthority.load(bench.unlock_key)
        checker = GoldenChecker(
            journal, lambda: catalogue, lambda _: authority, wrong_answers, workers or Workers(lambda: "op-1")
        )
        yield Checking(bench, journal, checker)


async def test_whoever_signs_on_in_that_very_moment_is_named_in_the_check(
    bench: Bench, tmp_path: Path
) -> None:
    """The bench's memory is behind the journal, for the moment that a commit takes."""
    asked, duty = [], Duty()

    def late(jig: str) -> str | None:
        asked.append(jig)
        return "op-gone" if len(asked) == 1 else duty.at(jig)

    async with checking(bench, tmp_path, Workers(lambda: "op-7", late)) as at:
        at.journal.subscribe(duty.hear)
        await at.journal.append(SignedOn(jig=None, actor=Actor(pseudonym="op-a"), proof="badge"))
        begun: list[GoldenCheckStarted] = []
        at.journal.subscribe(
            lambda recorded: (
                begun.append(recorded.event) if isinstance(recorded.event, GoldenCheckStarted) else None
            )
        )
        assert (await at.check(await at.enrolled())).passed
        assert [each.operator for each in begun] == ["op-a"]


async def test_a_hub_that_was_retired_as_its_check_begins_is_a_hub_like_any_other(
    bench: Bench, tmp_path: Path
) -> None:
    async with checking(bench, tmp_path) as at:
        hub = await at.enrolled()

        async def retire(method: str, _: int) -> None:
            if method == "state":
                await at.retire(hub)

        with pytest.raises(NoGoldenHub):
            await at.check(hub, retire)
        begun = GoldenCheckStarted(place=PLACE, chf=hub.chf, image_sha256="00", bytes=1, operator=None)
        with pytest.raises(NotAsExpected, match="no golden hub any more"):
            await at.journal.append(begun)
    await bench.assert_untouched(hub)


@pytest.mark.parametrize(("asked", "made"), [("flash", "unlocked"), ("erase", "read back")])
async def test_a_hub_that_is_retired_in_its_check_is_neither_written_nor_erased_from_then_on(
    bench: Bench, tmp_path: Path, asked: str, made: str
) -> None:
    async with checking(bench, tmp_path) as at:
        hub, retired = await at.enrolled(), []

        async def retire(method: str, number: int) -> None:
            # In the call before the act, so that the act itself has to ask.
            if (method, number) == (("erase", 2) if asked == "flash" else ("state", 4)):
                retired.append(await bench.look(hub))
                await at.retire(hub)

        ended = await at.check(hub, retire)
        assert (ended.passed, ended.made[-1]) == (False, "left as it was" if asked == "flash" else made)
        assert "is no golden hub any more" in (ended.detail or "")
        inside = await bench.look(hub)
        assert len(inside["slots"]) == len(retired[0]["slots"])
        assert inside["locked"]
        await bench.assert_runs(hub, hub.firmware)


async def test_a_part_of_an_image_is_erased_though_no_hub_lists_it(bench: Bench, tmp_path: Path) -> None:
    """By the check that left it there, or else by the next: a write that goes on where an earlier one ended is no whole one."""
    cut_short: list[int] = []

    def cut(progress: FlashProgress) -> None:
        if progress.sent > progress.size // 2:
            cut_short.append(progress.sent)
            raise NoAnswer("cut", action=HubAction.FLASH, state_known=False)

    async def no_key(method: str, _: int) -> None:
        if method == "unlock":
            raise UnlockAuthorityFailed("no key", action=HubAction.UNLOCK, state_known=True)

    async with checking(bench, tmp_path) as at:
        hub = await at.enrolled()
        calls: list[str] = []

        async def note(method: str, _: int) -> None:
            calls.append(method)

        failed = await at.check(hub, note, on_progress=cut)
        assert (failed.passed, failed.as_it_was, len(cut_short)) == (False, True, 3)
        assert calls[-6:-1] == ["identify", "erase", "reboot", "identify", "state"]

        async def vanish(method: str, _: int) -> None:
            if method == "identify":
                await bench.unseat(PLACE)

        gone = await at.check(hub, vanish, on_progress=cut)
        await bench.seat(hub, PLACE)
        assert (gone.as_it_was, await at.is_as_it_was()) == (False, [False])
        locked = await at.check(hub, no_key)
        assert (locked.passed, locked.as_it_was, await at.is_as_it_was()) == (False, False, [False])
        calls.clear()
        whole = await at.check(hub, note)
        assert (whole.passed, await at.is_as_it_was()) == (True, [True])
        assert calls[:3] == ["state", "unlock", "erase"]
    await bench.assert_runs(hub, hub.firmware)


@pytest.mark.parametrize("act", ["flash", "erase", "state"])
async def test_an_ordered_hub_that_takes_its_place_is_left_alone_and_not_taken_for_it(
    bench: Bench, tmp_path: Path, act: str
) -> None:
    async with checking(bench, tmp_path) as at:
        hub, ordered = await at.enrolled(), bench.hub()
        await import_order(at.journal, order_csv(ordered), "jig1")
        calls: list[str] = []

        async def exchange(method: str, _: int) -> None:
            calls.append(method)
            if method == act and (act != "state" or "reboot" in calls):
                await bench.unseat(PLACE)
                await bench.seat(ordered, PLACE)

        ended = await at.check(hub, exchange)
        assert (ended.passed, ended.as_it_was, await at.is_as_it_was()) == (False, False, [False])
    await bench.assert_untouched(ordered)
