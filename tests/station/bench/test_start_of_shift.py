"""The start of a shift: golden hubs check slots and are left as they were, and nothing else begins before that is done."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benches.desk_client import THE_ACCOUNT, no_check
from benches.looking import until
from benches.station_bench import Bench, StockHub, give_order, import_order, journal_of, order_csv, slot
from benches.station_daemon import RunningDaemon, events_of, outcomes, running_daemon
from station.attempt.golden_check import GoldenChecker
from station.bench.drift import LEAST_PAST, drift
from station.bench.settings import CheckListItem, ShiftSettings
from station.bench.start_of_shift import StartOfShift
from station.bench.view import BenchView
from station.bench.visit import SeatedHub
from station.desk.desk import Desk
from station.desk.refusals import Conflict
from station.desk.shift_desk import ShiftDesk
from station.desk.shift_requests import EnrolGoldenHub, RetireGoldenHub, SignCheckList
from station.domain.actor import Actor
from station.domain.outcome import Outcome
from station.domain.phase import SlotPhase
from station.domain.reason import Reason
from station.domain.shift_day import ShiftDays
from station.domain.to_do import ToDo
from station.orders.csv_import import parse_order
from station.orders.life_cycle import events_for_import
from station.records.errors import EventRefused, GoldenHubsOnOrder
from station.records.facts.attempts import AttemptOpened
from station.records.facts.golden import (
    GoldenCheckEnded,
    GoldenCheckStarted,
    GoldenHubEnrolled,
    PastCheck,
    golden_hubs,
)
from station.records.facts.orders import OrderClosed, OrderLinesAdded
from station.records.facts.shift import newest_check_list
from station.records.rebuild import rebuild
from station.settings import StationSettings

PLACE = slot(1)
WHO = Actor(pseudonym="op-7", role="supervisor", where="terminal")
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


async def enrol(settings: StationSettings, hub: StockHub) -> None:
    async with journal_of(settings) as journal:
        await journal.append(GoldenHubEnrolled(chf=hub.chf, gpf=hub.gpf, actor=WHO))


async def assert_as_it_was(bench: Bench, hub: StockHub) -> None:
    """It runs what it ran, locked, and its spare slot is empty."""
    await bench.assert_runs(hub, hub.firmware)
    assert len((await bench.look(hub))["slots"]) == 1


async def shown(station: RunningDaemon, reason: Reason) -> None:
    await station.until_that(lambda: station.view(PLACE).reason is reason)


async def test_a_slot_begins_with_nothing_before_a_golden_hub_has_checked_it(
    bench: Bench, tmp_path: Path
) -> None:
    settings = bench.station_settings(tmp_path, {"jig1": [1]}, shift={"golden_check": "required"})
    hub, golden = bench.hub(), bench.hub()
    await give_order(settings, hub)
    async with running_daemon(settings) as station:
        await bench.seat(hub, PLACE)
        await shown(station, Reason.GOLDEN_CHECK_DUE)
        assert [each.reason for each in station.view(PLACE).interlocks] == [Reason.GOLDEN_CHECK_DUE]
        await bench.unseat(PLACE)
        await station.until(PLACE, SlotPhase.EMPTY)
        await bench.assert_untouched(hub)

        await bench.seat(golden, PLACE)
        await shown(station, Reason.GOLDEN_CHECK_DUE)
        await station.ask("enrol_golden_hub", chf=str(golden.chf), gpf=str(golden.gpf))
        await shown(station, Reason.GOLDEN_PASSED)
        assert station.view(PLACE).to_do is ToDo.MOVE
        assert station.view(PLACE).interlocks == ()
        await assert_as_it_was(bench, golden)
        # What is shown of it holds for as long as it is golden, and no longer.
        await station.ask("retire_golden_hub", chf=str(golden.chf), reason="another took its place")
        await station.until(PLACE, SlotPhase.REJECTED)
        await station.ask("enrol_golden_hub", chf=str(golden.chf), gpf=str(golden.gpf))
        await shown(station, Reason.GOLDEN_PASSED)
        await bench.unseat(PLACE)
        await station.until(PLACE, SlotPhase.EMPTY)

        await bench.seat(hub, PLACE)
        await station.until(PLACE, SlotPhase.PASSED)
    (ended,) = events_of(settings, GoldenCheckEnded)
    made = ("identified", "unlocked", "written", "read back", "erased", "left as it was")
    assert (ended.passed, ended.made, ended.retries) == (True, made, 0)
    assert ended.write_seconds > 0
    assert [opened.hub.chf for opened in events_of(settings, AttemptOpened)] == [golden.chf, hub.chf]
    assert outcomes(settings) == {str(hub.chf): Outcome.PASSED}
    assert rebuild(settings.journal_folder).differing == ()


async def test_a_golden_hub_that_is_taken_out_in_its_check_is_erased_by_the_next(
    bench: Bench, tmp_path: Path
) -> None:
    settings = bench.station_settings(tmp_path, {"jig1": [1]})
    golden = bench.hub()
    await enrol(settings, golden)
    async with running_daemon(settings) as station:
        await bench.seat(golden, PLACE)
        await station.until_that(lambda: (station.view(PLACE).percent or 0) > 0)
        await bench.unseat(PLACE)
        await until(lambda: events_of(settings, GoldenCheckEnded))
        await bench.seat(golden, PLACE)
        await shown(station, Reason.GOLDEN_PASSED)
        await assert_as_it_was(bench, golden)
    cut_off, whole = events_of(settings, GoldenCheckEnded)
    assert (cut_off.passed, cut_off.as_it_was) == (False, False)
    assert (whole.passed, whole.as_it_was) == (True, True)
    async with journal_of(settings) as journal:
        assert [each.unended for each in await journal.ask(golden_hubs)] == [None]


async def test_a_golden_hub_that_is_taken_out_as_its_check_ends_does_not_take_its_slot_out_of_use(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = bench.station_settings(tmp_path, {"jig1": [1]})
    golden = bench.hub()
    await enrol(settings, golden)
    check = GoldenChecker.check

    async def check_and_take_out(self: GoldenChecker, *arguments: Any) -> GoldenCheckEnded:
        ended = await check(self, *arguments)
        await bench.unseat(PLACE)
        return ended

    monkeypatch.setattr(GoldenChecker, "check", check_and_take_out)
    async with running_daemon(settings) as station:
        await bench.seat(golden, PLACE)
        await until(lambda: bool(events_of(settings, GoldenCheckEnded)))
        await station.until(PLACE, SlotPhase.EMPTY)
        assert station.view(PLACE).interlocks == ()


async def test_a_hub_that_is_enrolled_just_before_its_result_is_shown_is_looked_at_anew(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = bench.station_settings(tmp_path, {"jig1": [1]})
    golden = bench.hub()
    conduct = SeatedHub.conduct
    async with running_daemon(settings) as station:

        async def conduct_and_enrol(self: SeatedHub, *arguments: Any, **named: Any) -> object:
            ending = await conduct(self, *arguments, **named)
            await station.ask("enrol_golden_hub", chf=str(golden.chf), gpf=str(golden.gpf))
            return ending

        monkeypatch.setattr(SeatedHub, "conduct", conduct_and_enrol)
        await bench.seat(golden, PLACE)
        await shown(station, Reason.GOLDEN_PASSED)


async def test_a_check_that_was_killed_is_known_and_its_hub_belongs_to_nobody_else(
    bench: Bench, tmp_path: Path
) -> None:
    """The check of every kind of act that would take a golden hub for another."""
    settings = bench.station_settings(tmp_path, {"jig1": [1]})
    golden, ordered, late = bench.hub(), bench.hub(), bench.hub()
    async with journal_of(settings) as journal:
        desk = Desk(journal, no_check, ShiftDesk(settings.shift, journal).handlers(), {})
        await desk.answer(EnrolGoldenHub(chf=golden.chf, gpf=golden.gpf), THE_ACCOUNT)
        with pytest.raises(GoldenHubsOnOrder, match=f"{golden.chf} is kept at this bench"):
            await import_order(journal, order_csv(golden))
        with pytest.raises(EventRefused, match="golden hub"):
            await journal.append(
                AttemptOpened(place=PLACE, order=None, hub=None, scanned_id=golden.gpf, number=1)
            )
        # An import's lines are no open order's before the last of them came.
        imported, added = events_for_import(parse_order(order_csv(late, ordered, order="WO-3"), "WO-3"), ())
        assert isinstance(added, OrderLinesAdded)
        await journal.append(imported, OrderLinesAdded(order="WO-3", lines=added.lines[:1]))
        await desk.answer(EnrolGoldenHub(chf=late.chf, gpf=late.gpf), THE_ACCOUNT)
        with pytest.raises(GoldenHubsOnOrder, match=str(late.chf)):
            await journal.append(OrderLinesAdded(order="WO-3", lines=added.lines[1:]))
        await desk.answer(RetireGoldenHub(chf=late.chf, reason="ordered"), THE_ACCOUNT)
        await import_order(journal, order_csv(ordered, order="WO-2"))
        with pytest.raises(Conflict, match="open order WO-2"):
            await desk.answer(EnrolGoldenHub(chf=ordered.chf, gpf=ordered.gpf), THE_ACCOUNT)
        (begun,) = await journal.append(
            GoldenCheckStarted(place=PLACE, chf=golden.chf, image_sha256="00", bytes=1, operator=None)
        )
        assert [each.unended for each in await journal.ask(golden_hubs)] == [begun.sequence]
        with pytest.raises(Conflict, match="has not ended: seat it once more"):
            await desk.answer(RetireGoldenHub(chf=golden.chf, reason="worn"), THE_ACCOUNT)
        await desk.answer(RetireGoldenHub(chf=golden.chf, reason="lost", as_it_is=True), THE_ACCOUNT)
        assert await journal.ask(golden_hubs) == ()
        await desk.answer(EnrolGoldenHub(chf=golden.chf, gpf=golden.gpf), THE_ACCOUNT)
        assert [each.unended for each in await journal.ask(golden_hubs)] == [begun.sequence]
        await journal.append(OrderClosed(order="WO-2", reason="incomplete"))
        enrol_ordered = EnrolGoldenHub(chf=ordered.chf, gpf=ordered.gpf)
        with pytest.raises(EventRefused, match="a hub of order WO-2, which is closed: it belongs to a party"):
            await journal.append(GoldenHubEnrolled(chf=ordered.chf, gpf=ordered.gpf, actor=WHO))
        with pytest.raises(Conflict, match="if that left it to you, say so"):
            await desk.answer(enrol_ordered, THE_ACCOUNT)
        await desk.answer(enrol_ordered.model_copy(update={"reason": "left to us"}), THE_ACCOUNT)


async def test_a_check_list_is_signed_as_a_whole_and_not_past_a_last_good_day(
    bench: Bench, tmp_path: Path
) -> None:
    items = (CheckListItem(what="wrist strap"), CheckListItem(what="calibration", until=date(2026, 12, 1)))
    shift = ShiftSettings(check_list=items, check_list_signed="required")
    async with journal_of(bench.station_settings(tmp_path, {"jig1": [1]})) as journal:
        now = NOON
        desk = Desk(journal, no_check, ShiftDesk(shift, journal, lambda: now).handlers(), {})
        start = StartOfShift(shift, [PLACE], BenchView(iter([PLACE])), lambda: now)
        start.recall((), (), None)
        assert start.why_not(PLACE) is Reason.CHECK_LIST_DUE
        with pytest.raises(Conflict, match="calibration was not looked at"):
            await desk.answer(SignCheckList(items=("wrist strap",)), THE_ACCOUNT)
        gone = replace(THE_ACCOUNT, signed_on=lambda _: "op-gone")
        with pytest.raises(Conflict, match="nobody is signed on for the bench now, not op-gone"):
            await desk.answer(SignCheckList(items=("wrist strap", "calibration")), gone)
        await desk.answer(SignCheckList(items=("wrist strap", "calibration")), THE_ACCOUNT)
        found = await journal.ask(newest_check_list)
        assert found is not None
        now = found[0]
        start.recall((), (), found)
        assert start.why_not(PLACE) is None
        now += timedelta(days=1)
        assert start.why_not(PLACE) is Reason.CHECK_LIST_DUE
        now = datetime(2026, 12, 2, 12, tzinfo=UTC)
        with pytest.raises(Conflict, match="the last good day of calibration"):
            await desk.answer(SignCheckList(items=("wrist strap", "calibration")), THE_ACCOUNT)


def ended(seconds: float | None = 10.0, **changes: object) -> GoldenCheckEnded:
    facts = {
        "check": 1,
        "place": PLACE,
        "chf": "88-73-84-00-00-00-00-01",
        "passed": True,
        "as_it_was": True,
        "made": (),
        "detail": None,
        "bytes": 1000,
        "write_seconds": seconds,
        "retries": 0,
        "milliamperes": 100,
        "boots": 1,
    }
    return GoldenCheckEnded.model_validate({**facts, **changes})


def test_a_slot_is_named_once_it_is_unlike_its_own_past() -> None:
    past = [ended(10.0 + tenth / 10) for tenth in range(LEAST_PAST)]
    assert drift([*past[1:], ended(20)]) is None, "against too little nothing is said"
    assert drift([*past, ended(10.3)]) is None
    assert drift([*past, ended(5)]) is None, "faster is no harm"
    assert "1.37 times the time" in (drift([*past, ended(14)]) or "")
    assert "tried 1 times more" in (drift([*past, ended(retries=1)]) or "")
    assert "drew 150 mA" in (drift([*past, ended(milliamperes=150)]) or "")
    assert drift([*past, ended(20, bytes=2000)]) is None, "a larger image takes longer"
    assert "failed: why" in (drift([ended(passed=False, detail="why")]) or "")


@pytest.mark.parametrize(
    ("moved", "due"),
    [
        (timedelta(), False),
        (timedelta(hours=-1), True),  # the check lies in the future: nobody knows when it was
        (timedelta(hours=18), True),  # over the beginning of the next day
        (timedelta(days=-1), True),
    ],
)
def test_a_check_of_today_is_none_once_the_clock_was_moved_away(moved: timedelta, due: bool) -> None:
    start = StartOfShift(
        ShiftSettings(golden_check="required"), [PLACE], BenchView(iter([PLACE])), lambda: NOON + moved
    )
    start.recall((), (PastCheck(NOON, ended()),), None)
    assert (start.why_not(PLACE) is Reason.GOLDEN_CHECK_DUE) is due


MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds it
HOURS = st.times() | st.sampled_from([time(0), time(0, 30), time(1), time(1, 30), time(2)])


@given(MOMENTS, MOMENTS, HOURS)
def test_days_follow_each_other_through_both_changes_of_the_clock(
    one: datetime, other: datetime, begins: time
) -> None:
    days = ShiftDays(begins, "Europe/London")
    first, second = sorted((one, other))
    assert days.of(first) <= days.of(second)
    assert days.beginning(days.of(one)) <= one
    assert 0 < days.seconds_to_next(one) <= 25 * 3600
    assert days.of(one + timedelta(seconds=days.seconds_to_next(one))) == days.of(one) + timedelta(days=1)
