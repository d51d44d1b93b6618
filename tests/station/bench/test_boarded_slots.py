"""Slots on jigs with boards, through restarts, emergency stops and switches that are not to be believed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benches import brokers
from benches.sentences import alarm_of, line_of
from benches.station_bench import Bench, running_bench
from benches.station_daemon import events_of, running_daemon, starting_daemon
from benches.two_slots import FIRST, Hands
from station.domain.phase import SlotPhase
from station.records.facts.bench import JigReset, JigStopped
from station.settings import StationSettings


@pytest.fixture(scope="module")
def boarded_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with running_bench(tmp_path_factory.mktemp("boards"), stock={"old": 12}, boards=True) as bench:
        yield bench


@pytest.fixture
def hands(boarded_bench: Bench, shared_broker: brokers.Mosquitto, tmp_path: Path) -> Iterator[Hands]:
    yield Hands(boarded_bench, shared_broker, tmp_path, boards=True)
    boarded_bench.tidy()


async def test_a_restart_of_the_daemon_boots_no_hub_and_one_of_the_board_is_waited_out(hands: Hands) -> None:
    hub = hands.bench.hub()

    async def boots() -> int:
        return int((await hands.bench.look(hub))["boots"])

    await hands.order(hub)
    async with running_daemon(hands.settings) as station:
        await hands.bench.seat(hub, FIRST)
        await station.until(FIRST, SlotPhase.PASSED)
    assert not any((await hands.bench.do("board", jig=1))["lamps"]), "dark after a stop in good order"
    before = await boots()
    async with running_daemon(hands.settings) as station:
        await station.until(FIRST, SlotPhase.PASSED)
        await hands.power(on=True)
        assert await boots() == before
        for act in ("unplug", "restart", "plug"):
            await hands.bench.do("board", jig=1, act=act)
        await station.until(FIRST, SlotPhase.PASSED_BEFORE)
        shown = {view.phase for view in station.seen if view.place == FIRST}
        assert not shown & {SlotPhase.RESEAT, SlotPhase.FAILED}, "it had no power, and then booted"


async def test_a_jig_stopped_before_a_restart_works_only_after_a_reset_on_record(hands: Hands) -> None:
    hub = hands.bench.hub()

    await hands.order(hub)
    async with starting_daemon(hands.settings) as station:
        await hands.bench.seat(hub, FIRST)
        await station.until_that(lambda: (station.view(FIRST).percent or 0) > 10)
        await hands.bench.do("board", jig=1, act="press_stop")
        await station.until(FIRST, SlotPhase.EMERGENCY_STOP)
        await hands.power(on=False)
        await hands.bench.do("board", jig=1, act="release_stop")
        await station.until_that(lambda: "press start" in alarm_of(station.view(FIRST)))
    booted = (await hands.bench.look(hub))["boots"]
    async with running_daemon(hands.settings) as station:
        await station.until_that(lambda: "press start" in alarm_of(station.view(FIRST)))
        await hands.power(on=False)
        assert (await hands.bench.look(hub))["boots"] == booted
        await station.ask("reset_jig", jig="jig1")
        await station.until(FIRST, SlotPhase.PASSED)
    assert len(events_of(hands.settings, JigStopped)) == 1
    assert len(events_of(hands.settings, JigReset)) == 1


async def test_a_hub_that_answers_is_not_cut_off_by_a_switch_that_says_it_is_gone(hands: Hands) -> None:
    """Where the board measures no current to speak of, too."""
    settings = hands.settings.model_dump()
    settings["jigs"][0]["board"]["hub_milliamperes"] = 60_000
    settings["jigs"][0]["board"]["heartbeat_seconds"] = 10.0
    settings["jigs"][0]["board"]["watchdog_seconds"] = 60.0
    hands.settings = StationSettings.model_validate(settings)
    async with hands.working() as (station, hub):
        await hands.bench.seat(hub, FIRST)
        await station.until(FIRST, SlotPhase.PASSED)
        await hands.bench.do("board", jig=1, act="lie", slots=[1])
        await station.until_that(
            lambda: "slot 1: its switch says that it is empty" in alarm_of(station.view(FIRST))
        )
        await station.until(FIRST, SlotPhase.PASSED)
        await hands.power(on=True)
        await hands.bench.unseat(FIRST)
        await hands.bench.do("board", jig=1, act="lie", slots=[])
        await station.until(FIRST, SlotPhase.EMPTY)
        await hands.power(on=False)


async def test_an_adapter_unplugged_at_an_empty_slot_is_told_at_once(hands: Hands) -> None:
    async with hands.working() as (station, hub):
        await station.until(FIRST, SlotPhase.EMPTY)
        await hands.bench.do("port", jig=1, slot=1, plugged=False)
        view = await station.until(FIRST, SlotPhase.NO_PORT)
        assert "; plug the adapter in" in line_of(view) or "; check the adapter's cable" in line_of(view)
        assert len(line_of(view)) <= 120
        await hands.bench.do("port", jig=1, slot=1, plugged=True)
        await station.until(FIRST, SlotPhase.EMPTY)
        await hands.bench.seat(hub, FIRST)
        await station.until(FIRST, SlotPhase.PASSED)
