"""What hands do to hubs at work: pulled, swapped, exchanged, put in upside down, and labels scanned early or late."""

from __future__ import annotations

import pytest

from benches.looking import until_so
from benches.sentences import line_of
from benches.station_daemon import events_of, running_daemon
from benches.two_slots import FIRST, SECOND, Hands, disagreement, scan
from station.desk.refusals import Refused
from station.domain.outcome import Code, Outcome, Stage
from station.domain.phase import SlotPhase
from station.records.facts.attempts import AttemptOpened, HubLost, StageEnded
from station.records.facts.unlocks import UnlockUsed

AMBER = 4


async def test_a_hub_pulled_while_it_is_written_is_looked_for_and_goes_on_in_any_slot(at: Hands) -> None:
    await at.bench.fault(FIRST, "unplug_hub", on="upload", at_byte=12_000)
    async with at.working() as (station, hub):
        await at.bench.seat(hub, FIRST)
        lost = await station.until(FIRST, SlotPhase.FIND_HUB)
        assert f"find hub {hub.chf} and seat it here or in any slot" in line_of(lost)
        await at.bench.seat(hub, SECOND)
        await station.until(SECOND, SlotPhase.PASSED)
    assert [result.outcome for result in at.results()] == [Outcome.PASSED]
    await at.bench.assert_runs(hub, "new")


async def test_a_hub_swapped_for_another_while_it_is_written_leaves_each_with_its_own_result(
    at: Hands,
) -> None:
    hub, other = at.bench.hub(), at.bench.hub()

    async def hub_is_out() -> bool:
        return (await at.bench.do("hub", chf=str(hub.chf)))["slot"] is None

    await at.order(hub, other)
    await at.bench.fault(FIRST, "unplug_hub", on="upload", at_byte=12_000)
    async with running_daemon(at.settings) as station:
        await at.bench.seat(hub, FIRST)
        await station.until_that(lambda: (station.view(FIRST).percent or 0) > 20)
        await until_so(hub_is_out)
        await at.bench.seat(other, FIRST)
        await station.until_that(
            lambda: station.view(FIRST).phase is SlotPhase.PASSED and station.view(FIRST).chf == other.chf
        )
        await at.bench.seat(hub, SECOND)
        await station.until(SECOND, SlotPhase.PASSED)
    assert {result.chf: result.outcome for result in at.results()} == dict.fromkeys(
        (hub.chf, other.chf), Outcome.PASSED
    )
    assert len(at.results()) == 2
    await at.bench.assert_runs(hub, "new")
    await at.bench.assert_runs(other, "new")


async def test_two_hubs_exchanged_between_slots_meet_each_others_labels_and_are_left_alone(at: Hands) -> None:
    async with at.working(2) as (station, *hubs):
        for place in (FIRST, SECOND):
            await station.until(place, SlotPhase.EMPTY)
        assert await scan(station, hubs[0].gpf) == f"jig1 slot 1: seat hub {hubs[0].gpf} here"
        assert await scan(station, hubs[1].gpf) == f"jig1 slot 2: seat hub {hubs[1].gpf} here"
        assert line_of(station.view(FIRST)) == f"jig1 slot 1: seat hub {hubs[0].gpf} here"
        await at.bench.seat(hubs[1], FIRST)
        await at.bench.seat(hubs[0], SECOND)
        for place in (FIRST, SECOND):
            refused = await station.until(place, SlotPhase.REJECTED)
            assert refused.code is Code.LABEL_DISAGREES
    assert not events_of(at.settings, UnlockUsed)
    for hub in hubs:
        await at.bench.assert_runs(hub, "old")


async def test_two_hubs_exchanged_while_they_are_written_go_on_where_they_are_now(at: Hands) -> None:
    hubs = at.bench.hub(), at.bench.hub()

    await at.order(*hubs)
    for place in (FIRST, SECOND):
        await at.bench.fault(place, "unplug_hub", on="upload", at_byte=12_000)
    async with running_daemon(at.settings) as station:
        for hub, place in zip(hubs, (FIRST, SECOND), strict=True):
            await at.bench.seat(hub, place)
        for place in (FIRST, SECOND):
            await station.until(place, SlotPhase.FIND_HUB)
        for hub, place in zip(hubs, (SECOND, FIRST), strict=True):
            await at.bench.seat(hub, place)
        for place in (FIRST, SECOND):
            await station.until(place, SlotPhase.PASSED)
    assert [result.outcome for result in at.results()] == [Outcome.PASSED] * 2
    assert {result.place for result in at.results()} == {FIRST, SECOND}
    assert len(events_of(at.settings, AttemptOpened)) == 2
    for hub in hubs:
        await at.bench.assert_runs(hub, "new")


async def test_a_hub_seated_elsewhere_than_expected_takes_its_label_along(linked: Hands) -> None:
    async with linked.working(2) as (station, hub, other):
        await station.until(FIRST, SlotPhase.EMPTY)
        await scan(station, hub.gpf, 1, role="GPF")
        await linked.bench.seat(hub, SECOND)
        await station.until(SECOND, SlotPhase.PASSED)
        await linked.bench.seat(other, FIRST)
        await station.until(FIRST, SlotPhase.PASSED)
    labels = {result.chf: result.scanned_id for result in linked.results()}
    assert labels == {hub.chf: hub.gpf, other.chf: None}


async def test_a_label_scanned_while_its_hub_is_written_is_in_the_result(linked: Hands) -> None:
    async with linked.working() as (station, hub):
        await linked.bench.seat(hub, FIRST)
        await station.until_that(lambda: station.view(FIRST).percent is not None)
        answer = await scan(station, hub.gpf)
        assert answer == f"jig1 slot 1: the label is hub {hub.chf}'s", "found by its id, without a slot"
        await station.until(FIRST, SlotPhase.PASSED)
        assert (await scan(station, hub.chf, 1)) == f"jig1 slot 1: the label is hub {hub.chf}'s"
    assert [result.scanned_id for result in linked.results()] == [hub.gpf]


async def test_a_wrong_label_scanned_after_the_unlock_puts_the_hub_aside(linked: Hands) -> None:
    async with linked.working(2) as (station, hub, other):
        await linked.bench.seat(hub, FIRST)
        await station.until_that(lambda: station.view(FIRST).percent is not None)
        assert f"label {other.gpf} is not hub {hub.chf}'s" in await disagreement(station, other.gpf, 1)
        aside = await station.until(FIRST, SlotPhase.PUT_ASIDE)
        assert "put it aside for the supervisor" in line_of(aside)
        assert aside.outcome is Outcome.PASSED
    (result,) = linked.results()
    assert (result.outcome, result.scanned_id) == (Outcome.PASSED, other.gpf)
    assert "scanned label is another hub's" in result.message
    await linked.bench.assert_runs(hub, "new")


async def test_a_wrong_label_scanned_after_the_result_puts_the_hub_aside_and_waits_for_no_other(
    linked: Hands,
) -> None:
    async with linked.working(2) as (station, hub, other):
        await linked.bench.seat(hub, FIRST)
        await station.until(FIRST, SlotPhase.PASSED)
        assert "check which hub sits here" in await disagreement(station, "88-73-84-FF-FF-FF-FF-FF", 1)
        assert station.view(FIRST).phase is SlotPhase.PUT_ASIDE
        await linked.bench.unseat(FIRST)
        await station.until(FIRST, SlotPhase.EMPTY)
        await linked.bench.seat(other, FIRST)
        await station.until(FIRST, SlotPhase.PASSED)
    assert [result.scanned_id for result in linked.results()] == [None, None]


async def test_scans_that_mean_nothing_here_are_refused_in_one_line(linked: Hands) -> None:
    hub = linked.bench.hub()

    async with running_daemon(linked.settings) as station:
        for place in (FIRST, SECOND):
            await station.until(place, SlotPhase.EMPTY)
        for label, number, complaint in (
            ("no label", 1, "is no EUI-64"),
            (hub.chf, 7, "there is no slot 7"),
        ):
            with pytest.raises(Refused, match=complaint):
                await scan(station, label, number)
        with pytest.raises(Refused, match="there is no jig jig9"):
            await station.ask("scan_label", jig="jig9", id=str(hub.chf))
        await scan(station, hub.chf)
        await scan(station, hub.gpf)
        with pytest.raises(Refused, match="no slot is empty: scan a slot's code first"):
            await scan(station, "88-73-84-FF-FF-FF-FF-FF")


async def test_a_hub_upside_down_that_draws_no_current_is_told_at_once_and_not_recorded(
    boarded: Hands,
) -> None:
    """The presence switch is closed, the hub's contacts touch nothing."""
    hub = boarded.bench.hub()

    async def lamp_is_amber() -> bool:
        return (await boarded.bench.do("board", jig=1))["lamps"][0] == AMBER

    await boarded.order(hub)
    async with running_daemon(boarded.settings) as station:
        await station.until(FIRST, SlotPhase.EMPTY)
        await boarded.bench.do("board", jig=1, act="lie", slots=[1])
        told = await station.until(FIRST, SlotPhase.RESEAT)
        assert line_of(told) == (
            "jig1 slot 1: something sits here but draws no current; take it out and seat it the right way up"
        )
        await until_so(lamp_is_amber)
        await boarded.bench.do("board", jig=1, act="lie", slots=[])
        await station.until(FIRST, SlotPhase.EMPTY)
        await boarded.bench.seat(hub, FIRST)
        await station.until(FIRST, SlotPhase.PASSED)
    assert len(boarded.results()) == 1


async def test_a_hub_that_draws_current_but_has_no_link_is_recorded_by_its_label(boarded: Hands) -> None:
    hub = boarded.bench.hub()

    await boarded.order(hub)
    await boarded.bench.fault(FIRST, "no_answer", on="boot", times=9)
    await boarded.bench.fault(FIRST, "lose_request", probability=1.0, times=10_000)
    async with running_daemon(boarded.settings) as station:
        await station.until(FIRST, SlotPhase.EMPTY)
        await scan(station, hub.gpf, 1)
        await boarded.bench.seat(hub, FIRST)
        failed = await station.until(FIRST, SlotPhase.FAILED)
        assert "upside down, or a bad contact" in line_of(failed)
        with pytest.raises(Refused, match="its result is written"):
            await scan(station, hub.gpf, 1)
    (result,) = boarded.results()
    assert (result.code, result.scanned_id, result.chf) == (Code.HUB_UNIDENTIFIED, hub.gpf, None)


async def test_a_hub_taken_out_before_it_spoke_gives_its_power_back(boarded: Hands) -> None:
    hub = boarded.bench.hub()

    async with running_daemon(boarded.settings) as station:
        await station.until(FIRST, SlotPhase.EMPTY)
        await boarded.power(on=False)
        await boarded.bench.fault(FIRST, "lose_request", probability=1.0, times=10_000)
        await boarded.bench.seat(hub, FIRST)
        await boarded.power(on=True)
        await boarded.bench.unseat(FIRST)
        await boarded.power(on=False)
        assert station.view(FIRST).phase is SlotPhase.EMPTY
    assert not boarded.results()


async def test_a_hub_pulled_while_it_is_written_is_looked_for_at_once_where_the_switch_says_so(
    boarded: Hands,
) -> None:
    """Long before the transfer to it would be given up."""
    hub = boarded.bench.hub()

    await boarded.order(hub)
    async with running_daemon(boarded.settings) as station:
        await boarded.bench.seat(hub, FIRST)
        await station.until_that(lambda: (station.view(FIRST).percent or 0) > 10)
        await boarded.bench.unseat(FIRST)
        lost = await station.until(FIRST, SlotPhase.FIND_HUB)
        given_up = [event for event in events_of(boarded.settings, StageEnded) if event.stage is Stage.FLASH]
        assert not given_up, "the transfer would have waited longer"
        assert f"find hub {hub.chf} and seat it here or in any slot" in line_of(lost)
        await boarded.power(on=False)
        (event,) = events_of(boarded.settings, HubLost)
        assert event.stage is Stage.FLASH
        await boarded.bench.seat(hub, SECOND)
        await station.until(SECOND, SlotPhase.PASSED)
        assert line_of(await station.until(FIRST, SlotPhase.EMPTY)) == "jig1 slot 1: empty; seat a hub"
    assert [result.outcome for result in boarded.results()] == [Outcome.PASSED]


async def test_a_switch_that_opens_while_its_hub_answers_is_doubted_and_cuts_nothing(boarded: Hands) -> None:
    hub = boarded.bench.hub()

    await boarded.order(hub)
    await boarded.bench.fault(FIRST, "delay_reply", on="upload", seconds=0.1, times=10_000)
    async with running_daemon(boarded.settings) as station:
        await boarded.bench.seat(hub, FIRST)
        await station.until_that(lambda: (station.view(FIRST).percent or 0) > 10)
        seen = len(station.seen)
        await boarded.bench.do("board", jig=1, act="lie", slots=[1])
        await station.until(FIRST, SlotPhase.PASSED)
        shown = {view.phase for view in station.seen[seen:] if view.place == FIRST}
        assert shown <= {SlotPhase.WORKING, SlotPhase.LOOKING, SlotPhase.PASSED}, "looked at again, no more"
        assert (await boarded.bench.do("board", jig=1))["powered"][0], "it is still there"
        await boarded.bench.unseat(FIRST)
        await boarded.bench.do("board", jig=1, act="lie", slots=[])
        await station.until(FIRST, SlotPhase.EMPTY)
    assert not events_of(boarded.settings, HubLost)
    assert len(boarded.results()) == 1


async def test_a_hub_moved_to_another_slot_while_it_is_written_goes_on_there(at: Hands) -> None:
    """Long before the slot that it left has given it up by itself."""
    async with at.working() as (station, hub):
        await at.bench.seat(hub, FIRST)
        await station.until_that(lambda: (station.view(FIRST).percent or 0) > 10)
        await at.bench.unseat(FIRST)
        await at.bench.seat(hub, SECOND)
        await station.until(SECOND, SlotPhase.PASSED)
        left = await station.until(FIRST, SlotPhase.EMPTY)
        assert line_of(left) == "jig1 slot 1: empty; seat a hub"
    (result,) = at.results()
    assert (result.outcome, result.place) == (Outcome.PASSED, SECOND)
    assert len(events_of(at.settings, AttemptOpened)) == 1
    await at.bench.assert_runs(hub, "new")


async def test_a_hub_moved_to_another_slot_after_its_result_is_not_called_two(at: Hands) -> None:
    async with at.working() as (station, hub):
        await at.bench.seat(hub, FIRST)
        await station.until(FIRST, SlotPhase.PASSED)
        await at.bench.unseat(FIRST)
        await at.bench.seat(hub, SECOND)
        await station.until(FIRST, SlotPhase.EMPTY)
        await station.until(SECOND, SlotPhase.PASSED, SlotPhase.PASSED_BEFORE)
    assert Code.IN_TWO_SLOTS not in [result.code for result in at.results()]


async def test_a_wrong_label_of_a_current_hub_puts_it_aside_however_late_it_came(linked: Hands) -> None:
    hub, other = linked.bench.hub("new"), linked.bench.hub()

    await linked.order(hub, other)
    async with running_daemon(linked.settings) as station:
        await linked.bench.seat(hub, FIRST)
        await station.until(FIRST, SlotPhase.ALREADY_CURRENT)
        assert "is not hub" in await disagreement(station, other.gpf, 1)
        assert station.view(FIRST).phase is SlotPhase.PUT_ASIDE
