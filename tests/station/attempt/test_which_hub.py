"""The attempt's hub never changes: whoever answers instead is left as it is, and the attempt waits for its own hub."""

from __future__ import annotations

from pathlib import Path

import pytest

from benches.conducting import conducting, ordered_hub
from benches.interference import ExchangesHubs, Interfered, Renamed
from benches.station_bench import Bench, import_order, order_csv, slot
from firmware_catalog.identity import DeviceModel
from station.attempt.conduct import Concluded
from station.attempt.parts import LeftOpen
from station.domain.outcome import Code, Outcome
from station.records.facts.attempts import AttemptClosed
from station.records.facts.unlocks import UnlockAnswerDue, UnlockAnswerVoid

PLACE = slot(1)
PULLED = {"name": "unplug_hub", "on": "upload", "at_byte": 12_000}
CALLS = {"old": 16, "new": 5}
"""At most so many calls of a driver lead to a result; see the first test."""


@pytest.mark.parametrize("firmware", CALLS)
async def test_the_calls_of_an_attempt_are_as_many_as_the_next_test_strikes_at(
    bench: Bench, tmp_path: Path, firmware: str
) -> None:
    drivers: list[Interfered] = []

    async def nothing(_: str, __: int) -> None:
        pass

    def count(driver):
        drivers.append(Interfered(driver, nothing))
        return drivers[-1]

    async with ordered_hub(bench, tmp_path, firmware) as (at, _):
        assert isinstance(await at.visit(PLACE, wrap=count), Concluded)
    assert len(drivers[0].calls) <= CALLS[firmware], drivers[0].calls


@pytest.mark.parametrize(
    ("firmware", "call"), [(firmware, call) for firmware, calls in CALLS.items() for call in range(calls)]
)
async def test_a_hub_exchanged_before_any_call_is_never_said_to_have_passed_for_the_other(
    bench: Bench, tmp_path: Path, firmware: str, call: int
) -> None:
    """The hub that comes in its stead runs the release, confirmed and locked: it would pass every other question."""
    hub, other = bench.hub(firmware), bench.hub("new")
    exchanged = False

    async def exchange(_: str, number: int) -> None:
        nonlocal exchanged
        if number == call:
            exchanged = True
            await bench.unseat(PLACE)
            await bench.seat(other, PLACE)

    async with conducting(bench, tmp_path) as at:
        await import_order(at.journal, order_csv(hub), "jig1")
        await bench.seat(hub, PLACE)
        ending = await at.visit(PLACE, wrap=lambda driver: Interfered(driver, exchange))
        if not exchanged:  # it had its result before
            assert isinstance(ending, Concluded)
            assert ending.result.outcome in {Outcome.PASSED, Outcome.ALREADY_CURRENT}
            return
        assert isinstance(ending, LeftOpen), ending
        assert not at.of(AttemptClosed)
        assert [one.hub.chf for one in await at.journal.open_attempts()] == [hub.chf]
        assert (await at.journal.hub_history(other.chf)).wrong_unlock_answers == 0
    await bench.assert_untouched(other)


async def test_a_hub_exchanged_while_its_answer_is_signed_is_not_given_the_others(
    bench: Bench, tmp_path: Path
) -> None:
    """Neither hub is charged with an answer that none was given."""
    hub, other = bench.hub(), bench.hub()
    async with conducting(bench, tmp_path, authority=ExchangesHubs(bench, PLACE, other)) as at:
        await import_order(at.journal, order_csv(hub), "jig1")
        await bench.seat(hub, PLACE)
        assert isinstance(await at.visit(PLACE), LeftOpen)
        assert [event.chf for event in at.of(UnlockAnswerDue)] == [hub.chf]
        assert [event.chf for event in at.of(UnlockAnswerVoid)] == [hub.chf]
        for one in (hub, other):
            assert await at.journal.wrong_unlock_answers(one.chf) == 0
    await bench.assert_untouched(other)


OTHERS = {
    "another GPF": ({}, Code.IDS_DISAGREE),
    "another model": ({"model": DeviceModel("10A8", "00000099")}, Code.MODEL_DISAGREES),
}


@pytest.mark.parametrize("how", OTHERS)
async def test_an_open_attempt_is_not_taken_up_on_a_hub_with_half_of_its_identity(
    bench: Bench, tmp_path: Path, how: str
) -> None:
    says, code = OTHERS[how]

    hub, other = bench.hub(), bench.hub()
    claimed = {"chf": hub.chf, **says} if how == "another GPF" else {"chf": hub.chf, "gpf": hub.gpf, **says}
    async with conducting(bench, tmp_path) as at:
        await import_order(at.journal, order_csv(hub), "jig1")
        await bench.seat(hub, PLACE)
        assert isinstance(await at.visit(PLACE, PULLED), LeftOpen)
        (waiting,) = await at.journal.open_attempts()

        await bench.seat(other, PLACE)
        result = await at.result(PLACE, wrap=lambda driver: Renamed(driver, **claimed))
        assert (result.outcome, result.code) == (Outcome.REJECTED, code)
        assert result.attempt != waiting.attempt
        assert [one.attempt for one in await at.journal.open_attempts()] == [waiting.attempt]
        await bench.assert_untouched(other)

        await bench.unseat(PLACE)
        await bench.seat(hub, PLACE)
        passed = await at.result(PLACE)
        assert (passed.outcome, passed.attempt) == (Outcome.PASSED, waiting.attempt)
    await bench.assert_runs(hub, "new")


async def test_a_result_is_not_shown_again_over_a_hub_with_half_of_the_identity(
    bench: Bench, tmp_path: Path
) -> None:
    hub, other = bench.hub(), bench.hub()
    async with conducting(bench, tmp_path) as at:
        await import_order(at.journal, order_csv(hub), "jig1")
        await bench.seat(hub, PLACE)
        passed = await at.result(PLACE)
        assert passed.outcome is Outcome.PASSED
        await bench.unseat(PLACE)
        await bench.seat(other, PLACE)
        claimed = {"chf": hub.chf, "boots": passed.boots}
        result = await at.result(PLACE, wrap=lambda driver: Renamed(driver, **claimed))
        assert (result.outcome, result.code) == (Outcome.REJECTED, Code.IDS_DISAGREE)
    await bench.assert_untouched(other)


async def test_a_hub_that_comes_back_from_a_power_cycle_as_another_is_left_alone(
    bench: Bench, tmp_path: Path
) -> None:
    hub, other = bench.hub(), bench.hub("new")

    async def power_cycle() -> bool:
        await bench.unseat(PLACE)
        await bench.do("disarm")
        await bench.seat(other, PLACE)
        return True

    async with conducting(bench, tmp_path) as at:
        await import_order(at.journal, order_csv(hub), "jig1")
        await bench.seat(hub, PLACE)
        silent = {"name": "no_answer", "on": "boot", "times": 9}
        ending = await at.visit(PLACE, silent, present=lambda: True, power_cycle=power_cycle)
        assert isinstance(ending, LeftOpen), ending
        assert [one.hub.chf for one in await at.journal.open_attempts()] == [hub.chf]
    await bench.assert_untouched(other)
