"""Taking an attempt up is authorised as beginning one is; and whoever gives up settles the hub first."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from benches.conducting import conducting, ordered_hub
from benches.desk_client import THE_ACCOUNT, desk_of_orders, request
from benches.interference import Interfered, link_lost, refused
from benches.station_bench import (
    CHAINED,
    DRIVER_SETTINGS,
    Bench,
    StockHub,
    import_order,
    order_csv,
    slot,
    version,
)
from drivers.smp.device import open_device
from drivers.smp.settings import SmpSettings
from firmware_catalog.catalog import FolderCatalog
from firmware_catalog.checks import ImageChecks
from firmware_catalog.cpl import CentralProductsList, Product, ProductStatus
from firmware_catalog.editing import add_release
from firmware_catalog.identity import Eui64
from firmware_catalog.mcuboot import load_image
from firmware_catalog.release import Release
from station.attempt.conduct import Concluded, StillSeated
from station.attempt.failure import MAX_TRIES
from station.attempt.parts import LeftOpen
from station.attempt.release_gate import GateThresholds, ReleaseGate
from station.by_hand.devices import SerialDevice
from station.by_hand.flashing import HandFlash, NoOrder, flash_by_hand
from station.domain.label import ScannedLabel
from station.domain.outcome import Code, Disposition, Outcome, Stage
from station.packing.belonging import belongs
from station.records.facts.attempts import AttemptResumed, StageStarted
from station.records.facts.known_hubs import hubs_named, known_hub
from station.records.facts.orders import OrderAssigned, OrderClosed
from station.records.facts.unlocks import UnlockUsed
from station.records.journal import Journal
from station.unlocking.counted_answers import CountedAnswers
from station.unlocking.key_file import KeyFileAuthority

PLACE = slot(1)
PULLED = {"name": "unplug_hub", "on": "upload", "at_byte": 12_000}


def lost_at(stage: str) -> Any:
    """Lose the adapter for good right before a driver is to do this."""

    async def lose(call: str, _: int) -> None:
        if call == stage:
            raise link_lost()

    return lambda driver: Interfered(driver, lose)


async def leave_open(bench: Bench, folder: Path, hub: StockHub, call: str) -> None:
    """Have an attempt on the hub go as far as this call of its driver, and no further."""
    async with conducting(bench, folder) as at:
        await import_order(at.journal, order_csv(hub), "jig1")
        await bench.seat(hub, PLACE)
        assert isinstance(await at.visit(PLACE, wrap=lost_at(call)), LeftOpen)


@pytest.mark.parametrize("code", [Code.RELEASE_WITHDRAWN, Code.RELEASE_STOPPED])
async def test_a_hub_on_test_of_a_release_that_was_withdrawn_goes_back_instead_of_being_confirmed(
    bench: Bench, tmp_path: Path, code: Code
) -> None:
    hub = bench.hub()
    await leave_open(bench, tmp_path, hub, "confirm")
    assert (await bench.look(hub))["firmware"] == str(version("new"))
    async with conducting(bench, tmp_path, veto=lambda *_: code) as at:
        result = await at.result(PLACE)
        assert (result.outcome, result.code, result.stage) == (Outcome.FAILED, code, Stage.CONFIRM)
        assert result.firmware_read_back == version("old")
        assert (result.disposition, result.unsettled) == (Disposition.RETRY_HERE, None)
    await bench.assert_runs(hub, "old")


async def test_a_release_withdrawn_between_test_boot_and_confirmation_is_not_confirmed(
    bench: Bench, tmp_path: Path
) -> None:
    withdrawn: list[Code] = []

    async def withdraw(call: str, _: int) -> None:
        if call == "verify":
            withdrawn.append(Code.RELEASE_WITHDRAWN)

    async with ordered_hub(bench, tmp_path, veto=lambda *_: withdrawn[0] if withdrawn else None) as (at, hub):
        result = await at.result(PLACE, wrap=lambda driver: Interfered(driver, withdraw))
        assert (result.outcome, result.code) == (Outcome.FAILED, Code.RELEASE_WITHDRAWN)
    await bench.assert_runs(hub, "old")


async def test_a_confirmed_hub_whose_release_was_withdrawn_does_not_go_home(
    bench: Bench, tmp_path: Path
) -> None:
    hub = bench.hub()

    confirmed = False

    async def lose(call: str, _: int) -> None:
        nonlocal confirmed
        confirmed = confirmed or call == "confirm"
        if call == "verify" and confirmed:  # the one of *check*
            raise link_lost()

    async with conducting(bench, tmp_path) as at:
        await import_order(at.journal, order_csv(hub), "jig1")
        await bench.seat(hub, PLACE)
        ending = await at.visit(PLACE, wrap=lambda driver: Interfered(driver, lose))
        assert isinstance(ending, LeftOpen)
        assert ending.stage is Stage.CHECK
    async with conducting(bench, tmp_path, veto=lambda *_: Code.RELEASE_WITHDRAWN) as at:
        result = await at.result(PLACE)
        assert (result.outcome, result.code) == (Outcome.FAILED, Code.RELEASE_WITHDRAWN)
        assert result.disposition is Disposition.REWORK
        assert result.unsettled == f"runs {version('new')}, which may not stay"
        assert "which may not stay; put it in the rework crate" in result.message
    await bench.assert_runs(hub, "new")


@pytest.mark.parametrize(
    ("call", "runs"), [("flash", "old"), ("activate", "old"), ("confirm", "old")], ids=str
)
async def test_a_hub_whose_image_is_gone_is_settled_before_its_attempt_ends(
    bench: Bench, tmp_path: Path, call: str, runs: str
) -> None:
    hub = bench.hub()
    await leave_open(bench, tmp_path / "journal", hub, call)
    folder = tmp_path / "catalogue"
    shutil.copytree(bench.catalogue, folder)
    for image in folder.glob("*.bin"):
        image.write_bytes(b"x")
    catalogue = FolderCatalog.open(folder)
    async with conducting(bench, tmp_path / "journal", catalogue=lambda: catalogue) as at:
        result = await at.result(PLACE)
        assert (result.outcome, result.code) == (Outcome.FAILED, Code.CATALOGUE_UNAVAILABLE)
        assert (result.firmware_read_back, result.unsettled) == (version(runs), None)
    await bench.assert_runs(hub, runs)


async def test_a_step_that_is_behind_and_active_no_more_ends_the_attempt_as_withdrawn(
    bench: Bench, tmp_path: Path
) -> None:
    """Its image cannot be had any more, and nothing is wrong with the catalogue."""
    confirms = 0

    async def lose_at_the_second_confirm(call: str, _: int) -> None:
        nonlocal confirms
        confirms += call == "confirm"
        if confirms == 2:
            raise link_lost()

    def product(release: Release, status: ProductStatus) -> Product:
        return Product(
            model=release.model, version=release.version, image_hash=release.payload_sha256, status=status
        )

    async with ordered_hub(bench, tmp_path, "chained-old") as (at, hub):
        ending = await at.visit(PLACE, wrap=lambda driver: Interfered(driver, lose_at_the_second_confirm))
        assert isinstance(ending, LeftOpen)
    last, between = FolderCatalog.open(bench.catalogue).releases(CHAINED)
    products = CentralProductsList(
        products=(product(last, ProductStatus.ACTIVE), product(between, ProductStatus.EXPIRED))
    )
    catalogue = FolderCatalog.open(bench.catalogue, ImageChecks(products=products))
    gate = ReleaseGate((), lambda: catalogue, lambda: GateThresholds(10, 5))
    async with conducting(bench, tmp_path, catalogue=lambda: catalogue, veto=gate.veto) as at:
        result = await at.result(PLACE)
        assert (result.outcome, result.code) == (Outcome.FAILED, Code.RELEASE_WITHDRAWN)
        assert "this release was withdrawn; it runs" in result.message
    await bench.assert_runs(hub, "chained-between")


async def test_what_cannot_be_settled_is_said_and_kept_apart(bench: Bench, tmp_path: Path) -> None:
    hub = bench.hub()
    await leave_open(bench, tmp_path, hub, "flash")
    async with conducting(bench, tmp_path, veto=lambda *_: Code.RELEASE_WITHDRAWN) as at:
        result = await at.result(PLACE, {"name": "never_relocks", "on": "boot", "times": 9})
        assert (result.outcome, result.code) == (Outcome.FAILED, Code.RELEASE_WITHDRAWN)
        assert (result.disposition, result.unsettled) == (Disposition.REWORK, "is not locked")
        assert result.message == (
            f"{PLACE}: this release was withdrawn; it is not locked; put it in the rework crate"
        )
        history = await at.journal.hub_history(hub.chf)
        assert history.attempts[-1].unsettled == "is not locked"


async def test_a_device_that_cannot_go_back_is_not_booted_further_on_and_what_is_true_is_said(
    bench: Bench, tmp_path: Path
) -> None:
    class ForwardOnly:
        can_revert = False

        def __init__(self, driver: Any) -> None:
            self.driver = driver

        def __getattr__(self, name: str) -> Any:
            return getattr(self.driver, name)

    hub = bench.hub()
    await leave_open(bench, tmp_path, hub, "confirm")
    boots = (await bench.look(hub))["boots"]
    async with conducting(bench, tmp_path, veto=lambda *_: Code.RELEASE_WITHDRAWN) as at:
        result = await at.result(PLACE, wrap=ForwardOnly)
        assert (result.outcome, result.code) == (Outcome.FAILED, Code.RELEASE_WITHDRAWN)
        assert result.unsettled == "runs 1.2.303 unconfirmed and cannot go back"
        assert (await bench.look(hub))["boots"] == boots


async def test_a_release_that_is_for_other_hardware_now_is_not_gone_on_with(
    bench: Bench, tmp_path: Path
) -> None:
    hub = bench.hub()
    await leave_open(bench, tmp_path / "journal", hub, "activate")
    folder = tmp_path / "catalogue"
    folder.mkdir()
    add_release(folder, bench.firmware("new"), hardware_versions=("2.0",))
    catalogue = FolderCatalog.open(folder)
    async with conducting(bench, tmp_path / "journal", catalogue=lambda: catalogue) as at:
        result = await at.result(PLACE)
        assert (result.outcome, result.code) == (Outcome.FAILED, Code.HARDWARE_VERSION_MISMATCH)
    await bench.assert_runs(hub, "old")


async def flash_elsewhere(bench: Bench, folder: Path, hub: StockHub, firmware: str) -> None:
    async with (
        Journal.open(folder, site="site", station="bench") as journal,
        CountedAnswers(journal, ()) as answers,
    ):
        await bench.seat(hub, slot(2))
        device = SerialDevice(await open_device(bench.port(slot(2)), SmpSettings(**DRIVER_SETTINGS)))
        try:
            image = load_image(bench.firmware(firmware).read_bytes())
            request = HandFlash(image=image, supervisor="s", reason="r", station_version="0")
            key = KeyFileAuthority.load(bench.unlock_key)
            result = await flash_by_hand(request, device, journal, key, answers, NoOrder(), lambda _: None)
            assert result.outcome is Outcome.PASSED
        finally:
            await device.close()
        await bench.unseat(slot(2))


async def test_a_hub_that_was_brought_further_elsewhere_is_not_taken_back(
    bench: Bench, tmp_path: Path
) -> None:
    async with ordered_hub(bench, tmp_path / "journal") as (at, hub):
        assert isinstance(await at.visit(PLACE, PULLED), LeftOpen)
        await flash_elsewhere(bench, tmp_path / "by-hand", hub, "newer")
        await bench.seat(hub, PLACE)
        result = await at.result(PLACE)
        assert (result.outcome, result.code) == (Outcome.FAILED, Code.NEWER_THAN_RELEASE)
        assert result.firmware_read_back == version("newer")
        assert len(at.of(UnlockUsed)) == 1
    await bench.assert_runs(hub, "newer")


async def test_an_attempt_whose_order_is_closed_while_its_hub_is_seated_again_is_not_gone_on_with(
    bench: Bench, tmp_path: Path
) -> None:
    async with ordered_hub(bench, tmp_path) as (at, hub):
        assert isinstance(await at.visit(PLACE, PULLED), LeftOpen)
        await bench.seat(hub, PLACE)
        look_up = at.journal.hub_history

        async def closed_meanwhile(*ids: Any) -> Any:
            at.journal.hub_history = look_up  # type: ignore[method-assign]
            close = request("close_order", order="WO-1", reason="done", incomplete_accepted=True)
            await desk_of_orders(at.journal, "jig1", "jig2").answer(close, THE_ACCOUNT)
            return await look_up(*ids)

        at.journal.hub_history = closed_meanwhile  # type: ignore[method-assign]
        result = await at.result(PLACE)
        assert (result.outcome, result.code) == (Outcome.REJECTED, Code.NO_OPEN_ORDER)
        assert at.of(AttemptResumed) == []
    await bench.unseat(PLACE)
    await bench.assert_runs(hub, "old")


async def test_a_jig_given_another_order_while_a_hub_is_planned_for_begins_nothing(
    bench: Bench, tmp_path: Path
) -> None:
    """Once an attempt is open the journal refuses that: here none is yet."""
    hub, other = bench.hub(), bench.hub()
    asked: list[str | None] = []
    async with conducting(bench, tmp_path) as at:
        await import_order(at.journal, order_csv(hub), "jig1")
        await import_order(at.journal, order_csv(other, order="WO-2"))
        await bench.seat(hub, PLACE)
        look_up = at.journal.jig_order

        async def changed_meanwhile(jig: str) -> str | None:
            asked.append(await look_up(jig))
            if len(asked) == 1:  # the first time that the opening asks; the visit's own look was before
                await at.journal.append(OrderAssigned(order="WO-2", jig="jig1"))
            return asked[-1]

        at.journal.jig_order = changed_meanwhile  # type: ignore[method-assign]
        result = await at.result(PLACE)
        assert (result.outcome, result.code, result.order) == (
            Outcome.REJECTED,
            Code.NOT_ON_ORDER,
            "WO-2",
        )
        assert not at.of(StageStarted)
    await bench.assert_untouched(hub)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"label": True}, Code.LABEL_DISAGREES),
        ({"hindrance": "no room"}, Code.SLOT_FAULT),
        ({"veto": Code.RELEASE_WITHDRAWN}, Code.RELEASE_WITHDRAWN),
    ],
    ids=["label", "hindrance", "release"],
)
async def test_what_changes_while_the_answer_is_signed_keeps_it_from_being_given(
    bench: Bench, tmp_path: Path, change: dict[str, Any], code: Code
) -> None:
    hub = bench.hub()
    signed = False

    class Slow:
        name = "slow"

        async def sign(self, challenge: Any) -> bytes:
            nonlocal signed
            signed = True
            return await KeyFileAuthority.load(bench.unlock_key).sign(challenge)

    def now(what: str) -> Any:
        return change.get(what) if signed else None

    facts: dict[str, Any] = {
        "authority": Slow(),
        "veto": lambda *_: now("veto"),
        "hindrance": lambda: now("hindrance"),
    }
    async with conducting(bench, tmp_path, **facts) as at:
        await import_order(at.journal, order_csv(hub), "jig1")
        await bench.seat(hub, PLACE)
        label = ScannedLabel(Eui64(1))
        result = await at.result(PLACE, label=lambda: label if now("label") else None)
        assert (result.outcome, result.code) == (Outcome.REJECTED, code)
        assert await at.journal.wrong_unlock_answers(hub.chf) == 0
    await bench.assert_untouched(hub)


async def test_a_hub_that_never_says_what_it_holds_is_booted_once_and_judged(
    bench: Bench, tmp_path: Path
) -> None:
    drivers: list[Interfered] = []

    async def refuse(call: str, _: int) -> None:
        if call in {"state", "verify", "confirm"}:
            raise refused("say what it holds")

    def refusing(driver: Any) -> Any:
        drivers.append(Interfered(driver, refuse))
        return drivers[-1]

    async with ordered_hub(bench, tmp_path) as (at, hub):
        ending = await at.visit(PLACE, wrap=refusing)
        assert isinstance(ending, Concluded)
        result = ending.result
        assert (result.outcome, result.code) == (Outcome.FAILED, Code.PROTOCOL_ERROR)
        assert (result.disposition, result.unsettled) == (
            Disposition.REWORK,
            "does not say what it holds",
        )
        assert drivers[-1].calls.count("reboot") == 1
        # The slot knows the boot for the station's own: it is no new visit.
        assert ending.hub.boots == result.boots == 2
        assert isinstance(await at.visit(PLACE, wrap=refusing), StillSeated)
    await bench.assert_runs(hub, "old")


async def test_a_hub_that_does_not_say_what_it_holds_once_it_runs_the_release_goes_back(
    bench: Bench, tmp_path: Path
) -> None:
    drivers: list[Interfered] = []

    async def refuse(call: str, _: int) -> None:
        if call in {"state", "verify", "confirm"}:
            hub = await drivers[-1].driver.identify()
            if hub.firmware == version("new"):
                raise refused("say what it holds")

    def refusing(driver: Any) -> Any:
        drivers.append(Interfered(driver, refuse))
        return drivers[-1]

    async with ordered_hub(bench, tmp_path) as (at, hub):
        result = await at.result(PLACE, wrap=refusing)
        assert (result.outcome, result.stage, result.unsettled) == (Outcome.FAILED, Stage.VERIFY, None)
        assert result.disposition is Disposition.RETRY_OTHER_SLOT
        assert drivers[-1].calls.count("reboot") <= 2 * MAX_TRIES
    await bench.assert_runs(hub, "old")


async def test_a_hub_that_is_not_on_the_order_is_not_booted_though_it_does_not_say_what_it_holds(
    bench: Bench, tmp_path: Path
) -> None:
    async def refuse(call: str, _: int) -> None:
        if call == "state":
            raise refused("say what it holds")

    hub, listed = bench.hub(), bench.hub()
    async with conducting(bench, tmp_path) as at:
        await import_order(at.journal, order_csv(listed), "jig1")
        await bench.seat(hub, PLACE)
        result = await at.result(PLACE, wrap=lambda driver: Interfered(driver, refuse))
        assert (result.outcome, result.code) == (Outcome.REJECTED, Code.NOT_ON_ORDER)
        assert result.detail == f"hub {hub.chf} is not on order WO-1"
        await bench.assert_untouched(hub)
        await import_order(at.journal, order_csv(hub, order="WO-2"), "jig2")
        await bench.unseat(PLACE)
        await bench.seat(hub, PLACE)
        result = await at.result(PLACE)
        told = f"hub {hub.chf} is of order WO-2 on jig2, not of WO-1"
        assert (result.code, result.detail) == (Code.NOT_ON_ORDER, told)
        (named,) = await at.journal.ask(hubs_named, ScannedLabel(hub.gpf))
        assert named.orders == ("WO-2", "WO-1"), "where it was only met it is a stranger"
        known = await at.journal.ask(known_hub, hub.chf, hub.gpf, named.orders[0], ())
        assert belongs(known).to is None, "it goes into a slot of a jig that works on its order"
        await at.journal.append(OrderClosed(order="WO-2", reason="r"))
        await bench.unseat(PLACE)
        await bench.seat(hub, PLACE)
        result = await at.result(PLACE)
        assert result.detail == f"hub {hub.chf} is of order WO-2, which is closed, not of WO-1"
    await bench.assert_runs(hub, "old")
