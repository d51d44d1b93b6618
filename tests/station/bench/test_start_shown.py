"""A hub that is seated and not begun with yet: its slot says what is to be done, and never that it is empty."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from benches import brokers
from benches.sentences import SENTENCES, alarm_of, line_of
from benches.station_bench import Bench, running_bench
from benches.station_daemon import RunningDaemon, events_of, running_daemon
from benches.two_slots import FIRST, SECOND, Hands, scan
from station.domain.phase import SlotPhase
from station.picture import BenchPicture
from station.records.facts.attempts import AttemptOpened
from station.settings import StationSettings


@pytest.fixture(scope="module")
def boarded_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with running_bench(tmp_path_factory.mktemp("start"), stock={"old": 12}, boards=True) as bench:
        yield bench


@pytest.fixture
def hands(boarded_bench: Bench, shared_broker: brokers.Mosquitto, tmp_path: Path) -> Iterator[Hands]:
    yield Hands(boarded_bench, shared_broker, tmp_path, boards=True)
    boarded_bench.tidy()


def start_by(hands: Hands, policy: str) -> None:
    settings = hands.settings.model_dump()
    settings["jigs"][0]["start"] = policy
    settings["jigs"][0]["recognition_seconds"] = (
        60.0  # hubs are kept silent here, on a machine with other work
    )
    hands.settings = StationSettings.model_validate(settings)


async def board(hands: Hands, act: str) -> None:
    await hands.bench.do("board", jig=1, act=act)


def shown(station: RunningDaemon) -> list[SlotPhase]:
    """What the first slot has shown, each phase once in a row."""
    phases = [view.phase for view in station.seen if view.place == FIRST]
    return [phase for before, phase in zip([None, *phases], phases, strict=False) if phase is not before]


async def test_a_jig_with_a_lid_says_close_the_lid_once_and_then_booting(hands: Hands) -> None:
    start_by(hands, "lid")
    await board(hands, "open_lid")
    async with hands.working(2) as (station, hub, other):
        await station.until(FIRST, SlotPhase.EMPTY)
        await hands.bench.seat(hub, FIRST)
        await hands.bench.seat(other, SECOND)
        for place in (FIRST, SECOND):
            view = await station.until(place, SlotPhase.SEATED)
            assert line_of(view) == f"{place}: a hub is seated; close the lid"
        console = Console(width=130, file=io.StringIO())
        with console.capture() as picture:
            console.print(BenchPicture(station.daemon.view.slots, SENTENCES))
        assert picture.get().count("close the lid") == 1, "once a jig"
        assert "is for the hub that sits here" in await scan(station, hub.chf, 1)
        await hands.bench.unseat(SECOND)
        await station.until(SECOND, SlotPhase.EMPTY)
        del station.seen[:]
        await hands.bench.fault(FIRST, "lose_request", probability=1.0, times=10_000)
        await board(hands, "close_lid")
        await station.until(FIRST, SlotPhase.BOOTING)
        await board(hands, "open_lid")
        view = await station.until(FIRST, SlotPhase.SEATED)
        assert line_of(view) == f"{FIRST}: a hub is seated; close the lid"
        await hands.bench.do("disarm")
        await station.until_that(
            lambda: SlotPhase.LOOKING in shown(station) and station.view(FIRST).phase is SlotPhase.SEATED
        )
        assert not events_of(hands.settings, AttemptOpened), "no hub is begun with under an open lid"
        assert SlotPhase.EMPTY not in shown(station)
        del station.seen[:]
        await board(hands, "close_lid")
        await station.until(FIRST, SlotPhase.PASSED)
        assert shown(station)[:2] == [SlotPhase.BOOTING, SlotPhase.WORKING]
        assert SlotPhase.EMPTY not in shown(station)


async def test_a_start_over_a_seated_hub_never_says_that_its_slot_is_empty(hands: Hands) -> None:
    start_by(hands, "lid")
    settings = hands.settings.model_dump()
    settings["jigs"][0]["board"]["debounce_seconds"] = 0.5  # the ports are open before the inputs are known
    hands.settings = StationSettings.model_validate(settings)
    await board(hands, "open_lid")
    hub = hands.bench.hub()
    await hands.order(hub)
    await hands.bench.seat(hub, FIRST)
    async with running_daemon(hands.settings) as station:
        await station.until(FIRST, SlotPhase.SEATED)
        await station.until(SECOND, SlotPhase.EMPTY)
        assert set(shown(station)) <= {SlotPhase.STARTING, SlotPhase.SEATED}
        await board(hands, "close_lid")
        await station.until(FIRST, SlotPhase.PASSED)


async def test_a_jig_with_a_button_says_press_start_also_after_a_reset(hands: Hands) -> None:
    start_by(hands, "button")
    async with hands.working() as (station, hub):
        await station.until(FIRST, SlotPhase.EMPTY)
        await hands.bench.seat(hub, FIRST)
        view = await station.until(FIRST, SlotPhase.SEATED)
        assert line_of(view) == f"{FIRST}: a hub is seated; press start"
        await board(hands, "press_stop")
        await station.until(FIRST, SlotPhase.EMERGENCY_STOP)
        await board(hands, "release_stop")
        await station.until_that(lambda: "press start" in alarm_of(station.view(FIRST)))
        await station.ask("reset_jig", jig="jig1")
        view = await station.until(FIRST, SlotPhase.SEATED)
        assert line_of(view) == f"{FIRST}: a hub is seated; press start"
        await board(hands, "press_start")
        await station.until(FIRST, SlotPhase.PASSED)
        assert SlotPhase.BOOTING in shown(station)


async def test_a_jig_where_nobody_is_signed_on_tells_an_emergency_stop_all_the_same(hands: Hands) -> None:
    facts = {**hands.settings.model_dump(), "people": {"sign_on": "required"}}
    hands.settings = StationSettings.model_validate(facts)
    async with hands.working() as (station, hub):
        await station.until(FIRST, SlotPhase.UNATTENDED)
        await hands.bench.seat(hub, FIRST)
        await board(hands, "press_stop")
        await station.until(FIRST, SlotPhase.EMERGENCY_STOP)
        await board(hands, "release_stop")
        await station.until_that(lambda: "press start" in alarm_of(station.view(FIRST)))
        await station.ask("reset_jig", jig="jig1")
        await station.until(FIRST, SlotPhase.UNATTENDED)
        await hands.power(on=False)
        assert not events_of(hands.settings, AttemptOpened)
