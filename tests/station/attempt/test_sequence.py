"""One attempt on a simulated hub: through all stages, and through what hubs do instead of the next stage."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from benches.conducting import conducting, ordered_hub
from benches.station_bench import Bench, import_order, order_csv, slot, version
from simulators.keys import generate_key, save_private_key
from station.attempt.conduct import Concluded
from station.domain.outcome import Code, Disposition, Outcome, Stage
from station.records.facts.attempts import AttemptClosed, AttemptPlanned, StageEnded, StageStarted
from station.records.facts.unlocks import UnlockAnswerDue, UnlockUsed

PLACE = slot(1)
ALL_STAGES = [Stage.UNLOCK, Stage.FLASH, Stage.ACTIVATE, Stage.VERIFY, Stage.CONFIRM]
STAGES = [*ALL_STAGES, Stage.CHECK]
ROWS = StageStarted | StageEnded


async def test_a_hub_goes_all_the_way_each_stage_journalled_before_and_after(
    bench: Bench, tmp_path: Path
) -> None:
    async with ordered_hub(bench, tmp_path) as (at, hub):
        result = await at.result(PLACE)
        assert (result.outcome, result.code, result.disposition) == (Outcome.PASSED, None, None)
        assert (result.firmware_before, result.firmware_target) == (version("old"), version("new"))
        assert result.firmware_read_back == version("new")
        assert result.order == "WO-1"
        assert set(result.seconds) == set(STAGES)
        stages = [(type(event), event.stage) for event in at.events if isinstance(event, ROWS)]
        assert stages == [(kind, at) for at in STAGES for kind in (StageStarted, StageEnded)]
        assert [event.chf for event in at.of(UnlockUsed)] == [hub.chf]
        unlock = [event for event in at.events if isinstance(event, UnlockUsed | UnlockAnswerDue)]
        assert [type(event) for event in unlock] == [UnlockUsed, UnlockAnswerDue], "before the act"
        assert await at.journal.open_attempts() == ()
    await bench.assert_runs(hub, "new")
    assert (await bench.look(hub))["image_file_sha256"] == result.image_sha256


async def test_the_end_of_a_stage_is_durable_in_one_append_with_the_beginning_of_the_next(
    bench: Bench, tmp_path: Path
) -> None:
    kinds = ROWS | AttemptPlanned | AttemptClosed
    async with ordered_hub(bench, tmp_path) as (at, _):
        appends: list[list[tuple[type, Stage | None]]] = []
        append = at.journal.append

        async def noting(*events: Any) -> Any:
            rows = [each for each in events if isinstance(each, kinds)]
            appends.append([(type(each), getattr(each, "stage", None)) for each in rows])
            return await append(*events)

        at.journal.append = noting  # type: ignore[method-assign]
        assert (await at.result(PLACE)).outcome is Outcome.PASSED
    between = [[(StageEnded, ended), (StageStarted, begun)] for ended, begun in pairwise(STAGES)]
    assert list(filter(None, appends)) == [
        [(AttemptPlanned, None), (StageStarted, Stage.UNLOCK)],
        *between,
        [(StageEnded, Stage.CHECK), (AttemptClosed, Stage.CHECK)],
    ]


async def test_a_hub_is_asked_once_what_it_holds_before_it_is_unlocked(bench: Bench, tmp_path: Path) -> None:
    """The look that it is authorised by says where it stands, too; a look again is for what speaks against that."""
    asked: list[str] = []

    def noting(driver: Any) -> Any:
        for question in ("state", "unlock"):
            own = getattr(driver, question)

            async def ask(*about: Any, question: str = question, answer: Any = own) -> Any:
                asked.append(question)
                return await answer(*about)

            setattr(driver, question, ask)
        return driver

    async with ordered_hub(bench, tmp_path) as (at, _):
        assert isinstance(await at.visit(PLACE, wrap=noting), Concluded)
    assert asked[: asked.index("unlock")] == ["state"]


async def test_an_upgrade_chain_is_one_attempt_of_two_steps(bench: Bench, tmp_path: Path) -> None:
    async with ordered_hub(bench, tmp_path, "chained-old") as (at, hub):
        result = await at.result(PLACE)
        (planned,) = at.of(AttemptPlanned)
        assert [step.version for step in planned.steps] == [
            version("chained-between"),
            version("chained-new"),
        ]
        started = [(event.step, event.stage) for event in at.of(StageStarted)]
        steps = [(step, stage) for step in (0, 1) for stage in ALL_STAGES]
        assert started == [*steps, (1, Stage.CHECK)]
        assert (result.outcome, result.firmware_read_back) == (Outcome.PASSED, version("chained-new"))
    await bench.assert_runs(hub, "chained-new")


async def test_a_refused_unlock_is_rework_and_the_third_wrong_answer_is_never_given(
    bench: Bench, tmp_path: Path
) -> None:
    wrong_key = tmp_path / "other.pem"
    save_private_key(generate_key(), wrong_key)

    hub = bench.hub()
    for attempt in (1, 2, 3):
        await bench.seat(hub, PLACE)
        # A new journal process each time: the count outlives the daemon.
        async with conducting(bench, tmp_path / "journal", key=wrong_key) as at:
            if attempt == 1:
                await import_order(at.journal, order_csv(hub), "jig1")
            result = await at.result(PLACE)
            assert (result.outcome, result.stage, result.code, result.disposition) == (
                Outcome.FAILED,
                Stage.UNLOCK,
                Code.UNLOCK_REFUSED,
                Disposition.REWORK,
            )
            assert result.number == attempt
            assert len(at.of(UnlockAnswerDue)) == (attempt < 3)
            assert (await at.journal.hub_history(hub.chf)).wrong_unlock_answers == min(attempt, 2)
        assert (await bench.look(hub))["wrong_unlock_answers"] == min(attempt, 2)
        await bench.unseat(PLACE)
    await bench.assert_runs(hub, "old")
    assert len((await bench.look(hub))["slots"]) == 1


FAULTS = {
    "lies about its version": ({"name": "lying_version", "times": 9}, Code.IMAGE_HASH_MISMATCH),
    "lies about its hash": ({"name": "lying_hash", "times": 9}, Code.IMAGE_HASH_MISMATCH),
    "stays open": ({"name": "never_relocks"}, Code.NOT_LOCKED),
    "worn flash": ({"name": "flash_fault", "times": 99}, Code.FILE_TRANSFER_FAILURE),
}


@pytest.mark.parametrize("how", FAULTS)
async def test_a_hub_that_fails_keeps_its_old_firmware_confirmed_and_locked(
    bench: Bench, tmp_path: Path, how: str
) -> None:
    fault, code = FAULTS[how]

    async with ordered_hub(bench, tmp_path) as (at, hub):
        result = await at.result(PLACE, fault)
        assert (result.outcome, result.code) == (Outcome.FAILED, code), result.message
        rework = code is Code.NOT_LOCKED
        assert result.disposition is (Disposition.REWORK if rework else Disposition.RETRY_OTHER_SLOT)
        assert len(at.of(AttemptClosed)) == 1
    await bench.do("disarm")
    await bench.assert_runs(hub, "old")


async def test_firmware_that_crashes_at_its_start_is_tried_three_times_and_the_old_one_runs_again(
    bench: Bench, tmp_path: Path
) -> None:
    async with ordered_hub(bench, tmp_path) as (at, hub):
        # Each crash is followed by the watchdog's boot, in which the boot loader goes back. A fault counts
        # only the boots that none before it struck.
        crashes = [{"name": "crash", "on": "boot", "at": boot} for boot in (1, 2, 3)]
        result = await at.result(PLACE, *crashes)
        assert (result.outcome, result.stage, result.code, result.disposition) == (
            Outcome.FAILED,
            Stage.VERIFY,
            Code.IMAGE_DISCARDED,
            Disposition.RETRY_OTHER_SLOT,
        )
        assert result.firmware_read_back == version("old")
        tries = [event.try_number for event in at.of(StageStarted) if event.stage is Stage.VERIFY]
        assert tries == [1, 2, 3]
    await bench.assert_runs(hub, "old")


async def test_a_hub_that_ends_in_its_boot_loader_is_left_alone_for_rework(
    bench: Bench, tmp_path: Path
) -> None:
    async with ordered_hub(bench, tmp_path) as (at, hub):
        result = await at.result(PLACE, {"name": "serial_recovery", "on": "boot", "times": 99})
        assert (result.outcome, result.code, result.disposition) == (
            Outcome.FAILED,
            Code.SERIAL_RECOVERY,
            Disposition.REWORK,
        )
        assert "put it in the rework crate" in result.message
    assert (await bench.look(hub))["mode"] == "recovery"


async def test_a_hub_that_leaves_its_boot_loader_when_told_to_boot_passes(
    bench: Bench, tmp_path: Path
) -> None:
    async with ordered_hub(bench, tmp_path) as (at, hub):
        result = await at.result(PLACE, {"name": "serial_recovery", "on": "boot"})
        assert result.outcome is Outcome.PASSED, result.message
    await bench.assert_runs(hub, "new")


async def test_a_hub_that_boots_again_and_again_is_called_so(bench: Bench, tmp_path: Path) -> None:
    async with ordered_hub(bench, tmp_path) as (at, hub):
        # At each try to write: by its own clock it might boot between any two questions, or be asked none.
        boots = [
            {"name": "reboot", "on": "upload", "times": 99},
            {"name": "reboot", "on": "challenge", "at": 2},
        ]
        result = await at.result(PLACE, *boots)
        assert (result.outcome, result.code, result.disposition) == (
            Outcome.FAILED,
            Code.BOOT_LOOP,
            Disposition.RETRY_OTHER_SLOT,
        ), result.message
    await bench.do("disarm")
    await bench.unseat(PLACE)
    await bench.assert_runs(hub, "old")


TRANSIENT = {
    "power lost while it is written": [
        {"name": "power_loss", "on": "upload", "at_byte": 12_000, "seconds": 0.1}
    ],
    "power lost in the swap": [{"name": "power_loss_in_swap", "at": 9, "seconds": 0.1}],
    "one crash": [{"name": "crash", "on": "boot"}],
    "one flash fault": [{"name": "flash_fault", "at": 3}],
    "one lie": [{"name": "lying_hash", "on": "boot"}],
    "lost answers": [{"name": "drop_reply", "on": on} for on in ("unlock", "mark", "reset", "confirm")],
    "a boot of its own at the end": [{"name": "reboot", "on": "confirm"}],
}


@pytest.mark.parametrize("how", TRANSIENT)
async def test_what_passes_by_itself_costs_time_and_not_the_hub(
    bench: Bench, tmp_path: Path, how: str
) -> None:
    async with ordered_hub(bench, tmp_path) as (at, hub):
        result = await at.result(PLACE, *TRANSIENT[how])
        assert result.outcome is Outcome.PASSED, result.message
        assert result.firmware_read_back == version("new")
    await bench.assert_runs(hub, "new")


async def test_an_image_that_the_hub_calls_damaged_is_sent_again_though_the_hub_lists_it(
    bench: Bench, tmp_path: Path
) -> None:
    async def carried() -> int:
        ports = (await bench.do("statistics"))["ports"]
        return sum(port["to_hub"]["bytes"] for port in ports)

    async with ordered_hub(bench, tmp_path) as (at, hub):
        before = await carried()
        result = await at.result(PLACE, {"name": "lying_match"})
        assert result.outcome is Outcome.PASSED, result.message
        # Base64 takes four bytes for three, so that one upload would be within a third of this.
        assert await carried() - before > 2 * bench.firmware("new").stat().st_size
    await bench.assert_runs(hub, "new")


async def test_the_journal_says_how_often_a_stage_was_tried_and_why_it_failed(
    bench: Bench, tmp_path: Path
) -> None:
    async with ordered_hub(bench, tmp_path) as (at, _):
        await at.result(PLACE, {"name": "lying_hash", "on": "boot"})
        verified = [event for event in at.events if getattr(event, "stage", None) is Stage.VERIFY]
        kinds = [(type(event), getattr(event, "code", None)) for event in verified]
        assert kinds == [
            (StageStarted, None),
            (StageEnded, Code.IMAGE_HASH_MISMATCH),
            (StageStarted, None),
            (StageEnded, None),
        ]
        assert [event.try_number for event in verified if isinstance(event, StageStarted)] == [1, 2]
