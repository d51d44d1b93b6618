"""What is latched: slots out of use, an emergency stop, a stopped release. Facts that outlive the station, lifted by people."""

from __future__ import annotations

import pytest

from benches.looking import until
from benches.sentences import alarm_of, line_of
from benches.station_bench import StockHub
from benches.station_daemon import RunningDaemon, events_of, running_daemon, starting_daemon
from benches.two_slots import FIRST, SECOND, Hands, scan
from station.bench.latch import Latch
from station.domain.outcome import Code, Outcome
from station.domain.phase import SlotPhase
from station.domain.reason import Reason
from station.domain.statement import Statement
from station.records.errors import JournalFull
from station.records.facts.attempts import AttemptInterrupted
from station.records.facts.bench import JigReset, SlotEnabled, SlotTakenOutOfUse
from station.records.facts.events import Event
from station.records.facts.releases import ReleaseStopped
from station.records.writer import Writer
from station.settings import StationSettings

STAYS_OPEN = {"name": "never_relocks", "on": "boot", "times": 1}


def with_thresholds(at: Hands, **thresholds: int) -> None:
    at.settings = StationSettings.model_validate(
        {**at.settings.model_dump(mode="json"), "thresholds": thresholds}
    )


async def fail(at: Hands, station: RunningDaemon, hub: StockHub) -> None:
    """Have a hub fail in the first slot, by a fault that may be the slot's, and take it out."""
    await at.bench.seat(hub, FIRST)
    await station.until(FIRST, SlotPhase.WORKING)
    await at.bench.fault(FIRST, **STAYS_OPEN)
    assert (await station.until(FIRST, SlotPhase.FAILED)).code is Code.NOT_LOCKED
    await at.bench.do("disarm")
    await at.bench.unseat(FIRST)


async def fail_all(at: Hands, station: RunningDaemon, *hubs: StockHub) -> None:
    for hub in hubs:
        await station.until(FIRST, SlotPhase.EMPTY)
        await fail(at, station, hub)


async def passes(at: Hands, station: RunningDaemon, hub: StockHub) -> None:
    await at.bench.seat(hub, FIRST)
    await station.until(FIRST, SlotPhase.PASSED)
    await at.bench.unseat(FIRST)
    await station.until(FIRST, SlotPhase.EMPTY)


async def test_a_slot_that_is_taken_out_of_use_anew_while_it_is_enabled_stays_out() -> None:
    recorded: list[Event] = []

    class Facts:
        async def append(self, *events: Event) -> None:
            recorded.extend(events)

    latch = Latch(FIRST, Facts())
    latch.take_out_of_use(Statement.of(Reason.HUBS_FAILED, times=3))
    fault = Statement.of(Reason.STATION_FAULT, detail="ZeroDivisionError")

    async def and_another_fails(event: Event) -> None:
        latch.take_out_of_use(fault)
        recorded.append(event)

    await latch.enable(None, and_another_fails)
    assert (latch.in_use, latch.why) == (False, fault)
    await latch.record()
    await latch.enable(None, Facts().append)
    assert latch.in_use
    kinds = [type(event) for event in recorded]
    assert kinds == [SlotEnabled, SlotTakenOutOfUse, SlotEnabled], (
        "the reason that stands is the last on record"
    )


async def test_a_slot_stays_out_of_use_over_a_restart_until_a_person_on_record_enables_it(
    linked: Hands,
) -> None:
    with_thresholds(linked, hubs_failing_in_a_row=2)
    *hubs, other = (linked.bench.hub() for _ in range(3))

    await linked.order(*hubs, other)
    async with starting_daemon(linked.settings) as station:
        await fail_all(linked, station, *hubs)
        out = await station.until(FIRST, SlotPhase.OUT_OF_USE)
        await until(lambda: events_of(linked.settings, SlotTakenOutOfUse))
    async with running_daemon(linked.settings) as station:
        assert line_of(await station.until(FIRST, SlotPhase.OUT_OF_USE)) == line_of(out)
        await station.until(SECOND, SlotPhase.EMPTY)
        await station.ask("enable_slot", by="sup-1", jig="jig1", slot=1)
        await passes(linked, station, other)
    (enabled,) = events_of(linked.settings, SlotEnabled)
    assert (enabled.place, enabled.actor.pseudonym) == (FIRST, "sup-1")
    async with running_daemon(linked.settings) as station:
        await station.until(FIRST, SlotPhase.EMPTY)


async def test_hubs_that_failed_in_a_row_are_counted_over_a_restart(linked: Hands) -> None:
    with_thresholds(linked, hubs_failing_in_a_row=2)
    async with linked.working(2) as (station, *hubs):
        await fail(linked, station, hubs[0])
        await station.until(FIRST, SlotPhase.EMPTY)
    async with running_daemon(linked.settings) as station:
        await fail(linked, station, hubs[1])
        assert "2 failed in a row" in line_of(await station.until(FIRST, SlotPhase.OUT_OF_USE))


@pytest.mark.parametrize("restart", [False, True])
async def test_a_hub_that_passes_speaks_for_the_slot_again(linked: Hands, restart: bool) -> None:
    with_thresholds(linked, hubs_failing_in_a_row=2)
    hubs = [linked.bench.hub() for _ in range(3)]

    await linked.order(*hubs)
    async with running_daemon(linked.settings) as station:
        await fail(linked, station, hubs[0])
        await station.until(FIRST, SlotPhase.EMPTY)
        await passes(linked, station, hubs[1])
        if not restart:
            await fail(linked, station, hubs[2])
            await station.until(FIRST, SlotPhase.EMPTY)
    if restart:
        async with running_daemon(linked.settings) as station:
            await fail(linked, station, hubs[2])
            await station.until(FIRST, SlotPhase.EMPTY)
    assert events_of(linked.settings, SlotTakenOutOfUse) == []


@pytest.mark.parametrize("labelled", [False, True])
async def test_hubs_that_never_answer_take_their_slot_out_of_use(boarded: Hands, labelled: bool) -> None:
    with_thresholds(boarded, hubs_failing_in_a_row=2)
    hubs = boarded.bench.hub(), boarded.bench.hub()

    await boarded.order(*hubs)
    async with running_daemon(boarded.settings) as station:
        for hub in hubs:
            await station.until(FIRST, SlotPhase.EMPTY)
            if labelled:
                await scan(station, hub.gpf, 1)
            await boarded.bench.fault(FIRST, "lose_request", probability=1.0, times=10_000)
            await boarded.bench.seat(hub, FIRST)
            await station.until(FIRST, SlotPhase.FAILED)
            await boarded.bench.unseat(FIRST)
        await station.until(FIRST, SlotPhase.OUT_OF_USE)


async def test_a_slot_is_out_of_use_though_the_journal_has_no_room_to_say_so(
    linked: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_thresholds(linked, hubs_failing_in_a_row=2)
    *hubs, other = (linked.bench.hub() for _ in range(3))
    append, full = Writer.append, True

    async def without_room(writer: Writer, events: tuple) -> object:
        if full and any(isinstance(event, SlotTakenOutOfUse) for event in events):
            raise JournalFull(linked.settings.journal_folder)
        return await append(writer, events)

    monkeypatch.setattr(Writer, "append", without_room)
    monkeypatch.setattr("station.bench.slot_parts.ROOM_RETRY_SECONDS", 0.05)

    await linked.order(*hubs, other)
    async with running_daemon(linked.settings) as station:
        await fail_all(linked, station, *hubs)
        await station.until(FIRST, SlotPhase.OUT_OF_USE)
        await linked.bench.seat(other, FIRST)
        await linked.bench.seat(linked.bench.hub(), SECOND)
        await station.until(SECOND, SlotPhase.REJECTED)
        assert station.view(FIRST).phase is SlotPhase.OUT_OF_USE
        full = False
        await until(lambda: events_of(linked.settings, SlotTakenOutOfUse))
    await linked.bench.assert_untouched(other)


async def test_a_release_that_fails_hub_after_hub_stops_however_often_the_station_is_restarted(
    linked: Hands,
) -> None:
    with_thresholds(linked, release_failed_hubs=2, hubs_failing_in_a_row=9)
    hubs = [linked.bench.hub() for _ in range(3)]

    await linked.order(*hubs)
    for hub in hubs[:2]:
        async with running_daemon(linked.settings) as station:
            await fail(linked, station, hub)
            await station.until(FIRST, SlotPhase.EMPTY)
    assert len(events_of(linked.settings, ReleaseStopped)) == 1
    async with running_daemon(linked.settings) as station:
        await linked.bench.seat(hubs[2], FIRST)
        assert (await station.until(FIRST, SlotPhase.REJECTED)).code is Code.RELEASE_STOPPED
    await linked.bench.assert_untouched(hubs[2])


async def press(at: Hands, what: str) -> None:
    await at.bench.do("board", jig=1, act=what)


async def test_after_a_stop_hubs_go_on_by_themselves_and_those_taken_out_are_looked_for(
    boarded: Hands,
) -> None:
    stays, leaves = boarded.bench.hub(), boarded.bench.hub()

    await boarded.order(stays, leaves)
    for place in (FIRST, SECOND):  # neither is done before the other is under way
        await boarded.bench.fault(place, "delay_reply", on="upload", seconds=0.3, times=10_000)
    async with running_daemon(boarded.settings) as station:
        await boarded.bench.seat(stays, FIRST)
        await boarded.bench.seat(leaves, SECOND)
        for place in (FIRST, SECOND):
            await station.until_that(lambda place=place: (station.view(place).percent or 0) > 10)
        await press(boarded, "press_stop")
        await boarded.bench.do("disarm")
        for place, hub in ((FIRST, stays), (SECOND, leaves)):
            stopped = await station.until(place, SlotPhase.EMERGENCY_STOP)
            assert line_of(stopped).endswith(f"leave hub {hub.chf} in, it is looked at after the reset")
        await boarded.bench.unseat(SECOND)
        await station.until_that(lambda: f"find hub {leaves.chf}" in line_of(station.view(SECOND)))
        assert "leave" not in line_of(station.view(SECOND))
        await press(boarded, "release_stop")
        await station.until_that(lambda: "released" in alarm_of(station.view(FIRST)))
        await press(boarded, "press_start")
        await station.until(FIRST, SlotPhase.PASSED)
        await press(boarded, "release_start")
        await station.until(SECOND, SlotPhase.FIND_HUB)
        await boarded.bench.seat(leaves, SECOND)
        await station.until(SECOND, SlotPhase.PASSED)
    assert {event.code for event in events_of(boarded.settings, AttemptInterrupted)} == {Code.EMERGENCY_STOP}
    assert [result.outcome for result in boarded.results()] == [Outcome.PASSED] * 2
    assert len(events_of(boarded.settings, JigReset)) == 1


async def test_a_hub_that_was_booting_at_the_stop_is_no_failure(boarded: Hands) -> None:
    hub = boarded.bench.hub()

    await boarded.order(hub)
    async with running_daemon(boarded.settings) as station:
        await station.until(FIRST, SlotPhase.EMPTY)
        await boarded.bench.fault(FIRST, "lose_request", probability=1.0, times=10_000)
        await boarded.bench.seat(hub, FIRST)
        await station.until(FIRST, SlotPhase.BOOTING)
        await press(boarded, "press_stop")
        stopped = await station.until(FIRST, SlotPhase.EMERGENCY_STOP)
        assert (
            line_of(stopped)
            == "jig1 slot 1: emergency stop; leave the hub in, it is looked at after the reset"
        )
        await boarded.bench.do("disarm")
        await press(boarded, "release_stop")
        await station.until_that(lambda: "released" in alarm_of(station.view(FIRST)))
        await station.ask("reset_jig", jig="jig1")
        await station.until(FIRST, SlotPhase.PASSED)
    assert [result.outcome for result in boarded.results()] == [Outcome.PASSED]


async def test_a_hub_seated_during_a_stop_is_to_be_left_in(boarded: Hands) -> None:
    hub = boarded.bench.hub()

    async with running_daemon(boarded.settings) as station:
        await station.until(FIRST, SlotPhase.EMPTY)
        await press(boarded, "press_stop")
        await station.until(FIRST, SlotPhase.EMERGENCY_STOP)
        await boarded.bench.seat(hub, FIRST)
        await station.until_that(lambda: "leave the hub in" in line_of(station.view(FIRST)))
        await press(boarded, "release_stop")


async def test_a_stop_outlives_the_station_and_nothing_begins_before_a_person_resets_the_jig(
    boarded: Hands,
) -> None:
    hub = boarded.bench.hub()

    await boarded.order(hub)
    async with starting_daemon(boarded.settings) as station:
        await boarded.bench.seat(hub, FIRST)
        await station.until_that(lambda: (station.view(FIRST).percent or 0) > 10)
        await press(boarded, "press_stop")
        await station.until(FIRST, SlotPhase.EMERGENCY_STOP)
        await boarded.power(on=False)
        await press(boarded, "release_stop")
        await station.until_that(lambda: "released" in alarm_of(station.view(FIRST)))
    async with running_daemon(boarded.settings) as station:
        stopped = await station.until(FIRST, SlotPhase.EMERGENCY_STOP)
        assert f"leave hub {hub.chf} in" in line_of(stopped)
        await station.until_that(lambda: "released" in alarm_of(station.view(FIRST)))
        assert not (await boarded.bench.do("board", jig=1))["powered"][0]
        await station.ask("reset_jig", jig="jig1")
        await station.until(FIRST, SlotPhase.PASSED)
