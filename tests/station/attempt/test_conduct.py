"""One visit after the other: who is left alone, what is taken up again, and that each attempt has one result."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benches.conducting import conducting, ordered_hub
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
from drivers.errors import HubAction, NoAnswer
from drivers.smp.plugin import PLUGIN
from drivers.smp.settings import SmpSettings
from firmware_catalog.catalog import FolderCatalog
from firmware_catalog.editing import add_release
from firmware_catalog.identity import Eui64
from firmware_catalog.mcuboot import load_image
from firmware_catalog.release import VersionRange
from station.attempt.conduct import StillSeated
from station.attempt.history import Left
from station.attempt.parts import LeftOpen
from station.domain.device_status import DeviceStatus
from station.domain.label import ScannedLabel
from station.domain.outcome import Code, Disposition, Outcome, Stage
from station.domain.reason import Reason
from station.domain.slot_name import SlotName
from station.records.chain import RecordedEvent
from station.records.facts.attempts import (
    AttemptClosed,
    AttemptOpened,
    AttemptPlanned,
    AttemptResumed,
    HubLost,
    StageEnded,
    StageStarted,
)
from station.records.facts.unlocks import UnlockUsed
from station.unlocking.key_file import KeyFileAuthority

PLACE = slot(1)
STRANGER = Eui64.parse("88-73-84-FF-FF-FF-FF-FF")


async def test_a_hub_that_runs_the_release_is_left_as_it_is(bench: Bench, tmp_path: Path) -> None:
    async with ordered_hub(bench, tmp_path, "new") as (at, hub):
        result = await at.result(PLACE)
        assert (result.outcome, result.stage) == (Outcome.ALREADY_CURRENT, Stage.AUTHORISE)
        assert result.firmware_read_back == version("new")
        assert (
            result.message
            == f"{PLACE}: already runs the latest firmware; take it out, nothing had to be done"
        )
        assert not at.of(UnlockUsed)
    await bench.assert_untouched(hub)


async def _unlock(bench: Bench, place: SlotName) -> None:
    driver = await PLUGIN.open(bench.port(place), SmpSettings(**DRIVER_SETTINGS))
    try:
        hub = await driver.wait_for_hub()
        await driver.unlock(hub.device, KeyFileAuthority.load(bench.unlock_key))
    finally:
        await driver.close()


@pytest.mark.parametrize("locks", [True, False], ids=["locks", "stays open"])
async def test_a_current_hub_that_is_open_is_booted_and_goes_home_only_if_that_locks_it(
    bench: Bench, tmp_path: Path, locks: bool
) -> None:
    async with ordered_hub(bench, tmp_path, "new") as (at, hub):
        await _unlock(bench, PLACE)
        faults = [] if locks else [{"name": "never_relocks", "on": "boot", "times": 9}]
        result = await at.result(PLACE, *faults)
        if locks:
            assert (result.outcome, result.stage) == (Outcome.ALREADY_CURRENT, Stage.AUTHORISE)
            assert (await bench.look(hub))["boots"] == 2
        else:
            assert (result.outcome, result.code) == (Outcome.FAILED, Code.NOT_LOCKED)
            assert (result.disposition, result.unsettled) == (Disposition.REWORK, "is not locked")
        assert not at.of(UnlockUsed)
        assert len((await bench.look(hub))["slots"]) == 1
    if locks:
        await bench.assert_runs(hub, "new")


async def test_a_label_of_another_that_comes_late_keeps_a_current_hub_from_going_home(
    bench: Bench, tmp_path: Path
) -> None:
    async with ordered_hub(bench, tmp_path, "new") as (at, _):

        def late() -> ScannedLabel | None:
            return ScannedLabel(STRANGER) if at.of(StageStarted) else None

        result = await at.result(PLACE, label=late)
        assert (result.outcome, result.scanned_id) == (Outcome.ALREADY_CURRENT, STRANGER)
        assert result.message == (
            f"{PLACE}: already runs the latest firmware, but the scanned label is another hub's; "
            "put it aside for the supervisor"
        )


async def test_of_two_labels_scanned_for_a_hub_at_work_the_last_is_in_its_result(
    bench: Bench, tmp_path: Path
) -> None:
    async with ordered_hub(bench, tmp_path, "new") as (at, hub):

        def scanned() -> ScannedLabel:
            return ScannedLabel(STRANGER if at.of(StageStarted) else hub.gpf)

        assert (await at.result(PLACE, label=scanned)).scanned_id == STRANGER


@pytest.mark.parametrize("role", ["CHF", "GPF", None])
async def test_a_silent_hub_with_a_label_has_its_attempts_counted_as_any_other(
    bench: Bench, tmp_path: Path, role: Any
) -> None:
    silent = NoAnswer("nothing is heard", action=HubAction.WAIT, state_known=True)

    hub = bench.hub()
    label = ScannedLabel(hub.gpf if role == "GPF" else hub.chf, role)
    async with conducting(bench, tmp_path) as at:
        await import_order(at.journal, order_csv(hub), "jig1")
        said = []
        for place in (slot(1), slot(1), slot(2)):
            result, _ = await at.conductor.unidentified(place, label, silent)
            assert (result.code, result.scanned_id) == (Code.HUB_UNIDENTIFIED, label.device_id)
            said.append((result.number, result.disposition))
        assert said == [
            (1, Disposition.RETRY_OTHER_SLOT),
            (2, Disposition.RETRY_OTHER_SLOT),
            (3, Disposition.SCRAP),
        ]
        (line,) = await at.journal.order_lines("WO-1")
        assert line.outcome is Outcome.FAILED
        # A rested hub may speak after all.
        await bench.seat(hub, PLACE)
        passed = await at.result(PLACE)
        assert (passed.outcome, passed.number) == (Outcome.PASSED, 4)


async def test_silent_hubs_without_a_label_are_nobodys_and_count_for_nobody(
    bench: Bench, tmp_path: Path
) -> None:
    silent = NoAnswer("nothing is heard", action=HubAction.WAIT, state_known=True)

    async with conducting(bench, tmp_path) as at:
        await import_order(at.journal, order_csv(bench.hub()), "jig1")
        for place in (slot(1), slot(2)):
            result, _ = await at.conductor.unidentified(place, None, silent)
            assert (result.number, result.disposition) == (1, Disposition.RETRY_OTHER_SLOT)


def _only_for_hardware_2(bench: Bench, folder: Path) -> FolderCatalog:
    folder.mkdir()
    add_release(folder, bench.firmware("new"), hardware_versions=("2.0",))
    return FolderCatalog.open(folder)


def _only_over_what_is_missing(bench: Bench, folder: Path) -> FolderCatalog:
    folder.mkdir()
    between = version("chained-between")
    permitted = (VersionRange(lowest=between, highest=between),)
    add_release(folder, bench.firmware("chained-new"), permitted_from=permitted)
    return FolderCatalog.open(folder)


def _with_an_image_that_was_changed(bench: Bench, folder: Path) -> FolderCatalog:
    shutil.copytree(bench.catalogue, folder)
    for image in folder.glob("*.bin"):
        content = bytearray(image.read_bytes())
        content[-1] ^= 1
        image.write_bytes(content)
    return FolderCatalog.open(folder)


Case = tuple[str, dict[str, str], dict[str, Any], Callable[[Bench, Path], FolderCatalog] | None]
REJECTED: dict[Code, Case] = {
    Code.NOT_ON_ORDER: ("old", {"chf_id": str(STRANGER), "gpf_id": "88-73-84-FF-FF-FF-FF-FE"}, {}, None),
    Code.IDS_DISAGREE: ("old", {"gpf_id": str(STRANGER)}, {}, None),
    Code.NOT_PENDING: ("old", {"inventory_status": DeviceStatus.COMMISSIONED}, {}, None),
    Code.MODEL_DISAGREES: ("old", {"model": CHAINED.model}, {}, None),
    Code.LABEL_DISAGREES: ("old", {}, {"label": lambda: ScannedLabel(STRANGER)}, None),
    Code.IN_TWO_SLOTS: ("old", {}, {"seen_elsewhere": slot(2)}, None),
    Code.NO_RELEASE: ("unlisted-old", {}, {}, None),
    Code.NEWER_THAN_RELEASE: ("newer", {}, {}, None),
    Code.HARDWARE_VERSION_MISMATCH: ("old", {}, {}, _only_for_hardware_2),
    Code.NO_PERMITTED_PATH: ("chained-old", {}, {}, _only_over_what_is_missing),
    Code.CATALOGUE_UNAVAILABLE: ("old", {}, {}, _with_an_image_that_was_changed),
}


@pytest.mark.parametrize("code", REJECTED)
async def test_a_rejected_hub_is_never_unlocked_and_never_written(
    bench: Bench, tmp_path: Path, code: Code
) -> None:
    firmware, line, visit, make_catalogue = REJECTED[code]

    hub = bench.hub(firmware)
    changes = {}
    if make_catalogue is not None:
        catalogue = make_catalogue(bench, tmp_path / "catalogue")
        changes["catalogue"] = lambda: catalogue
    async with conducting(bench, tmp_path / "journal", **changes) as at:
        await import_order(at.journal, order_csv(hub, **line), "jig1")
        await bench.seat(hub, PLACE)
        result = await at.result(PLACE, **visit)
        assert (result.outcome, result.code, result.disposition) == (Outcome.REJECTED, code, None)
        assert result.firmware_read_back == version(firmware)
        assert result.message.startswith("jig1 slot 1: ")
        assert "\n" not in result.message
        assert not at.of(UnlockUsed)
        assert not at.of(StageStarted)
    await bench.assert_untouched(hub)


async def test_a_jig_without_an_order_touches_no_hub(bench: Bench, tmp_path: Path) -> None:
    hub = bench.hub()
    async with conducting(bench, tmp_path) as at:
        await import_order(at.journal, order_csv(hub), "jig2")
        await bench.seat(hub, PLACE)
        result = await at.result(PLACE)
        assert (result.outcome, result.code) == (Outcome.REJECTED, Code.NO_OPEN_ORDER)
        assert "assign an order to the jig" in result.message
    await bench.assert_untouched(hub)


def test_a_release_stopped_before_or_after_the_flash_is_not_activated(bench: Bench, tmp_path: Path) -> None:
    async def work(answers: list[Code | None], outcome: Outcome) -> None:
        hub = bench.hub()
        folder = tmp_path / outcome
        # Once it says no it says so for good.
        veto = lambda *_: answers.pop(0) if len(answers) > 1 else answers[0]  # noqa: E731
        async with conducting(bench, folder, veto=veto) as at:
            await import_order(at.journal, order_csv(hub), "jig1")
            await bench.seat(hub, PLACE)
            result = await at.result(PLACE)
            assert (result.outcome, result.code) == (outcome, Code.RELEASE_STOPPED)
            assert result.stage is (Stage.ACTIVATE if outcome is Outcome.FAILED else Stage.AUTHORISE)
        await bench.unseat(PLACE)
        await bench.assert_runs(hub, "old")

    asyncio.run(work([Code.RELEASE_STOPPED], Outcome.REJECTED))
    # Before it is planned, unlocked and answered it may be given; before it is activated it may not.
    asyncio.run(work([None, None, None, Code.RELEASE_STOPPED], Outcome.FAILED))


async def test_a_hub_that_passed_is_not_flashed_again_for_its_order(bench: Bench, tmp_path: Path) -> None:
    async with ordered_hub(bench, tmp_path) as (at, hub):
        assert (await at.result(PLACE)).outcome is Outcome.PASSED
        await bench.unseat(PLACE)
        await bench.seat(hub, PLACE)
        again = await at.result(PLACE)
        assert (again.outcome, again.code, again.number) == (Outcome.REJECTED, Code.ALREADY_PASSED, 2)
        when = r"\d{4}-\d\d-\d\d \d\d:\d\d UTC"
        said = (
            rf"{PLACE}: the hub passed before in this order \({when}, {PLACE}\); put it with the passed hubs"
        )
        assert re.fullmatch(said, again.message)
        assert len(again.message) <= 120
        # It is shown so for as long as it sits there, also after a restart.
        still = await at.visit(PLACE)
        assert isinstance(still, StillSeated)
        assert f"({still.detail})" in again.message
        (state,) = await at.journal.order_lines("WO-1")
        assert state.outcome is Outcome.PASSED
        assert len(at.of(UnlockUsed)) == 1
    await bench.assert_runs(hub, "new")


async def test_a_hub_that_never_left_after_its_result_gets_no_second_one(
    bench: Bench, tmp_path: Path
) -> None:
    hub = bench.hub()
    await bench.seat(hub, PLACE)
    async with conducting(bench, tmp_path / "journal") as at:
        await import_order(at.journal, order_csv(hub), "jig1")
        first = await at.result(PLACE)
    # The daemon starts again while the hub is still in its slot.
    async with conducting(bench, tmp_path / "journal") as at:
        still = await at.visit(PLACE)
        assert isinstance(still, StillSeated)
        assert (still.last.attempt, still.last.outcome) == (first.attempt, Outcome.PASSED)
        given = load_image(bench.firmware("new").read_bytes())
        assert still.left == Left(given.version, given.image_hash.hex())
        assert at.of(AttemptOpened) == []


async def test_scrap_is_said_when_a_hub_failed_by_itself_in_two_slots(bench: Bench, tmp_path: Path) -> None:
    hub = bench.hub()
    worn = {"name": "flash_fault", "times": 99}
    said = []
    async with conducting(bench, tmp_path) as at:
        await import_order(at.journal, order_csv(hub), "jig1")
        for number in (1, 2):
            await bench.seat(hub, slot(number))
            said.append((await at.result(slot(number), worn)).disposition)
            await bench.unseat(slot(number))
    assert said == [Disposition.RETRY_OTHER_SLOT, Disposition.SCRAP]
    await bench.assert_runs(hub, "old")


PULLED = {"name": "unplug_hub", "on": "upload", "at_byte": 12_000}


@pytest.mark.parametrize("place", [slot(1), slot(3, jig=2)], ids=str)
async def test_a_hub_pulled_while_it_is_written_goes_on_wherever_it_is_seated_again(
    bench: Bench, tmp_path: Path, place: Any
) -> None:
    async with ordered_hub(bench, tmp_path) as (at, hub):
        ending = await at.visit(PLACE, PULLED)
        assert isinstance(ending, LeftOpen)
        assert [event.stage for event in at.of(HubLost)] == [Stage.FLASH]
        (waiting,) = await at.journal.open_attempts()
        assert waiting.lost
        assert not at.of(AttemptClosed)

        await bench.seat(hub, place)
        result = await at.result(place)
        assert (result.outcome, result.place, result.attempt) == (Outcome.PASSED, place, waiting.attempt)
        assert result.order == "WO-1"
        assert [event.place for event in at.of(AttemptResumed)] == [place]
        assert len(at.of(AttemptOpened)) == len(at.of(AttemptClosed)) == 1
    await bench.assert_runs(hub, "new")


async def test_a_hub_pulled_before_it_could_be_authorised_has_not_failed(
    bench: Bench, tmp_path: Path
) -> None:
    async with ordered_hub(bench, tmp_path) as (at, hub):
        ending = await at.visit(PLACE, {"name": "unplug_hub", "on": "state"})
        assert isinstance(ending, LeftOpen)
        assert [event.stage for event in at.of(HubLost)] == [Stage.AUTHORISE]
        await bench.seat(hub, slot(2))
        result = await at.result(slot(2))
        assert (result.outcome, result.number) == (Outcome.PASSED, 1)
    await bench.assert_runs(hub, "new")


async def test_another_hub_in_the_slot_gets_its_own_attempt(bench: Bench, tmp_path: Path) -> None:
    pulled, other = bench.hub(), bench.hub()
    async with conducting(bench, tmp_path) as at:
        await import_order(at.journal, order_csv(pulled, other), "jig1")
        await bench.seat(pulled, PLACE)
        assert isinstance(await at.visit(PLACE, PULLED), LeftOpen)
        await bench.seat(other, PLACE)
        result = await at.result(PLACE)
        assert (result.outcome, result.chf) == (Outcome.PASSED, other.chf)
        assert [attempt.hub.chf for attempt in await at.journal.open_attempts()] == [pulled.chf]
    await bench.assert_runs(other, "new")
    await bench.assert_runs(pulled, "old")


async def test_a_hub_exchanged_during_its_boot_leaves_its_attempt_open(bench: Bench, tmp_path: Path) -> None:
    async with ordered_hub(bench, tmp_path) as (at, _):
        ending = await at.visit(PLACE, {"name": "another_hub", "on": "boot"})
        assert isinstance(ending, LeftOpen)
        assert ending.why is Reason.ANOTHER_ANSWERS
        assert len(await at.journal.open_attempts()) == 1
        assert not at.of(AttemptClosed)


async def test_a_wrong_label_on_a_hub_that_waits_is_rejected_and_the_hub_still_waits(
    bench: Bench, tmp_path: Path
) -> None:
    async with ordered_hub(bench, tmp_path) as (at, hub):
        assert isinstance(await at.visit(PLACE, PULLED), LeftOpen)
        await bench.seat(hub, PLACE)
        rejected = await at.result(PLACE, label=lambda: ScannedLabel(STRANGER))
        assert (rejected.outcome, rejected.code) == (Outcome.REJECTED, Code.LABEL_DISAGREES)
        assert rejected.scanned_id == STRANGER
        assert len(await at.journal.open_attempts()) == 1
        passed = await at.result(PLACE, label=lambda: ScannedLabel(hub.gpf, "GPF"))
        assert (passed.outcome, passed.scanned_role) == (Outcome.PASSED, "GPF")
    await bench.assert_runs(hub, "new")


async def test_an_image_that_vanished_between_crash_and_restart_ends_the_attempt(
    bench: Bench, tmp_path: Path
) -> None:
    folder = tmp_path / "catalogue"
    shutil.copytree(bench.catalogue, folder)

    async with ordered_hub(bench, tmp_path / "journal") as (at, hub):
        assert isinstance(await at.visit(PLACE, PULLED), LeftOpen)
    image = next(folder.glob(f"{version('new')}*"))
    image.unlink()
    catalogue = FolderCatalog.open(folder)
    async with conducting(bench, tmp_path / "journal", catalogue=lambda: catalogue) as at:
        await bench.seat(hub, PLACE)
        result = await at.result(PLACE)
        assert (result.outcome, result.code, result.disposition) == (
            Outcome.FAILED,
            Code.CATALOGUE_UNAVAILABLE,
            Disposition.RETRY_HERE,
        )
    await bench.assert_runs(hub, "old")


STAGES = (Stage.UNLOCK, Stage.FLASH, Stage.ACTIVATE, Stage.VERIFY, Stage.CONFIRM, Stage.CHECK)
CRASHES = [
    (AttemptOpened, None),
    (AttemptPlanned, None),
    *((kind, stage) for stage in STAGES for kind in (StageStarted, StageEnded)),
][:-1]  # with the end of the last stage there is the result


@pytest.mark.parametrize(
    ("kind", "stage"), CRASHES, ids=[f"{kind.__name__} {stage or ''}".strip() for kind, stage in CRASHES]
)
async def test_a_crash_anywhere_ends_in_exactly_one_true_result(
    bench: Bench, tmp_path: Path, kind: type, stage: Stage | None
) -> None:
    async def crash(hub: StockHub) -> None:
        async with conducting(bench, tmp_path) as at:
            await import_order(at.journal, order_csv(hub), "jig1")
            visiting = asyncio.create_task(at.visit(PLACE))

            def hear(recorded: RecordedEvent) -> None:
                if isinstance(recorded.event, kind) and getattr(recorded.event, "stage", None) is stage:
                    visiting.cancel()

            at.journal.subscribe(hear)
            await asyncio.wait((visiting,))
            assert visiting.cancelled()
            assert not at.of(AttemptClosed)

    hub = bench.hub()
    await bench.seat(hub, PLACE)
    await crash(hub)
    async with conducting(bench, tmp_path) as at:
        result = await at.result(PLACE)
        assert result.outcome is Outcome.PASSED, result.message
        assert result.firmware_before == version("old")
        assert result.firmware_read_back == version("new")
        history = await at.journal.hub_history(hub.chf)
        assert [(attempt.number, attempt.outcome) for attempt in history.attempts] == [(1, Outcome.PASSED)]
        waiting = await at.journal.outbox_batch(9)
        results = [message for message in waiting if message.topic.endswith("/result")]
        assert [sent.ordering_key for sent in results] == [str(hub.chf)]
    await bench.assert_runs(hub, "new")
