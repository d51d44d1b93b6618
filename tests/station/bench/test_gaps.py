"""Green stands only over what is known now: hands that are quicker than a station that is frozen, busy or restarted."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import AsyncIterator
from functools import partial
from itertools import groupby

import pytest

from benches import desk_client
from benches.looking import until, until_so
from benches.sentences import alarm_of, line_of
from benches.station_bench import DRIVER_SETTINGS, StockHub
from benches.station_config import write_config
from benches.station_daemon import RunningDaemon, events_of, running_daemon, starting_daemon
from benches.two_slots import FIRST, Hands
from drivers.jig_board.events import BoardEvent, SlotContradicted, SlotEmptied, SlotOpened, SlotSeated
from drivers.smp.plugin import PLUGIN
from drivers.smp.settings import SmpSettings
from station.bench.jig import Jig
from station.domain.outcome import Code, Outcome
from station.domain.phase import SlotPhase
from station.domain.slot_name import SlotName
from station.domain.slot_view import SlotView
from station.records.facts.attempts import AttemptOpened
from station.unlocking.key_file import KeyFileAuthority

HELD_UP_SECONDS = 1.5
GREEN = {SlotPhase.PASSED, SlotPhase.ALREADY_CURRENT}


def exchange(at: Hands, place: SlotName, hub: StockHub | None) -> None:
    """Do what hands do while the station sees nothing: its loop stands still, as it does when it is frozen."""
    at.bench.do_now("unseat", jig=place.jig, slot=place.slot)
    if hub is not None:
        at.bench.do_now("seat", chf=str(hub.chf), jig=place.jig, slot=place.slot)
    hold_up()


def hold_up() -> None:
    time.sleep(HELD_UP_SECONDS)


async def until_quiet(station: RunningDaemon, looked: int) -> None:
    """Wait until the slot has looked again and come to an end of it."""
    await station.until_that(lambda: SlotPhase.LOOKING in phases(station, looked))


def phases(station: RunningDaemon, since: int) -> list[SlotPhase]:
    """Return the phases that the slot showed one after the other; what else changed of its view is no new one."""
    shown = (view.phase for view in station.seen[since:] if view.place == FIRST)
    return [phase for phase, _ in groupby(shown)]


def green_over(station: RunningDaemon, hub: StockHub, since: int) -> bool:
    return any(is_green(view, hub) for view in station.seen[since:])


def is_green(view: SlotView, hub: StockHub) -> bool:
    return view.phase in GREEN and view.chf == hub.chf


async def passed(at: Hands, station: RunningDaemon, hub: StockHub) -> int:
    await at.bench.seat(hub, FIRST)
    await station.until(FIRST, SlotPhase.PASSED)
    return len(station.seen)


async def test_a_hub_that_still_sits_there_is_shown_again_and_is_no_new_visit(at: Hands) -> None:
    board = at.settings.jigs[0].board
    async with at.working() as (station, hub):
        if board is not None:
            await at.power(on=False)  # the test before may have left it on
        seen = await passed(at, station, hub)
        hold_up()
        await until_quiet(station, seen)
        await station.until(FIRST, SlotPhase.PASSED)
        shown = phases(station, seen)
        assert shown[-2:] == [SlotPhase.LOOKING, SlotPhase.PASSED]
        assert shown[:-2] in ([], [SlotPhase.PASSED]), "its order's count may change the view once more"
    (begun,) = events_of(at.settings, AttemptOpened)
    assert bool(begun.boot_seconds) == bool(board), (
        "a board tells when it got its power, and nothing else does"
    )


async def test_a_hub_exchanged_while_the_station_stood_still_does_not_get_the_others_result(
    at: Hands,
) -> None:
    async with at.working(2) as (station, hub, other):
        seen = await passed(at, station, hub)
        exchange(at, FIRST, other)
        await station.until_that(
            lambda: station.view(FIRST).phase is SlotPhase.PASSED and station.view(FIRST).chf == other.chf
        )
        assert not green_over(station, hub, seen)
    assert [result.chf for result in at.results()] == [hub.chf, other.chf]
    await at.bench.assert_runs(other, "new")


async def test_a_hub_reseated_while_the_station_stood_still_is_a_new_visit(at: Hands) -> None:
    async with at.working() as (station, hub):
        seen = await passed(at, station, hub)
        exchange(at, FIRST, hub)
        await station.until_that(lambda: len(events_of(at.settings, AttemptOpened)) == 2)
        await station.until(FIRST, SlotPhase.PASSED_BEFORE, SlotPhase.PASSED)
        assert SlotPhase.LOOKING in phases(station, seen)
    assert [result.code for result in at.results()] in ([None, Code.ALREADY_PASSED], [None, None])


async def test_a_hub_that_says_nothing_after_a_gap_is_not_green(at: Hands) -> None:
    async with at.working() as (station, hub):
        seen = await passed(at, station, hub)
        await at.bench.fault(FIRST, "lose_request", probability=1.0, times=10_000)
        hold_up()
        await until_quiet(station, seen)
        await station.until(FIRST, SlotPhase.RESEAT, SlotPhase.EMPTY)
        assert not green_over(station, hub, seen)
        await at.bench.do("disarm")
        await station.until(FIRST, SlotPhase.PASSED)
    assert len(at.results()) == 1


async def test_a_hub_that_takes_the_place_of_one_that_never_answered_is_not_shown_as_that(at: Hands) -> None:
    silent, hub = at.bench.hub(), at.bench.hub()

    await at.order(hub)
    async with running_daemon(at.settings) as station:
        await at.bench.fault(FIRST, "lose_request", probability=1.0, times=10_000)
        await at.bench.seat(silent, FIRST)
        if at.settings.jigs[0].board is not None:
            await station.until(FIRST, SlotPhase.FAILED)
        await at.bench.do("disarm")
        # It boots for longer than the switch needs to be believed again.
        await at.bench.fault(FIRST, "lose_request", probability=1.0, times=15)
        exchange(at, FIRST, hub)
        await station.until(FIRST, SlotPhase.PASSED)
        assert station.view(FIRST).chf == hub.chf


async def test_a_hub_taken_out_while_the_station_stood_still_leaves_an_empty_slot(at: Hands) -> None:
    async with at.working() as (station, hub):
        seen = await passed(at, station, hub)
        exchange(at, FIRST, None)
        await station.until(FIRST, SlotPhase.EMPTY)
        assert not green_over(station, hub, seen)


@pytest.mark.parametrize("way", ["stopped", "killed"])
async def test_a_hub_exchanged_while_no_station_ran_does_not_get_the_others_result(
    at: Hands, way: str
) -> None:
    hub, other = at.bench.hub(), at.bench.hub()

    await at.order(hub, other)
    async with starting_daemon(at.settings) as station:
        await passed(at, station, hub)
        if way == "stopped":
            await station.stopped()
            last = station.view(FIRST)
            assert last.phase is SlotPhase.STOPPED
            assert line_of(last) == f"jig1 slot 1: stopped; hub {hub.chf} passed and still sits here"
    exchange(at, FIRST, other)
    async with running_daemon(at.settings) as station:
        await station.until(FIRST, SlotPhase.PASSED)
        assert station.view(FIRST).chf == other.chf
        assert not green_over(station, hub, 0)
    assert [result.outcome for result in at.results()] == [Outcome.PASSED] * 2


async def test_a_hub_exchanged_while_its_port_was_lost_does_not_get_the_others_result(linked: Hands) -> None:
    async with linked.working(2) as (station, hub, other):
        seen = await passed(linked, station, hub)
        await linked.bench.do("port", jig=1, slot=1, plugged=False)
        await station.until(FIRST, SlotPhase.NO_PORT)
        await linked.bench.unseat(FIRST)
        await linked.bench.seat(other, FIRST)
        await linked.bench.do("port", jig=1, slot=1, plugged=True)
        await station.until(FIRST, SlotPhase.PASSED)
        assert station.view(FIRST).chf == other.chf
        assert not green_over(station, hub, seen)


async def test_a_hub_that_was_unlocked_while_no_station_ran_is_not_green(linked: Hands) -> None:
    """It has neither left nor booted, and is not what it was."""
    async with linked.working() as (station, hub):
        await passed(linked, station, hub)
    driver = await PLUGIN.open(linked.bench.port(FIRST), SmpSettings(**DRIVER_SETTINGS))
    try:
        device = (await driver.identify()).device
        await driver.unlock(device, KeyFileAuthority.load(linked.bench.unlock_key))
    finally:
        await driver.close()
    async with running_daemon(linked.settings) as station:
        aside = await station.until(FIRST, SlotPhase.PUT_ASIDE)
        assert line_of(aside).endswith(
            "it passed and has been unlocked since; put it aside for the supervisor"
        )
        assert not green_over(station, hub, 0)
    assert len(linked.results()) == 1


@pytest.mark.parametrize("exchanged", [True, False])
async def test_while_its_board_was_away_a_slot_shows_nothing_that_only_the_board_knew(
    boarded: Hands, exchanged: bool
) -> None:
    hub, other = boarded.bench.hub(), boarded.bench.hub()

    await boarded.order(hub, other)
    async with running_daemon(boarded.settings) as station:
        seen = await passed(boarded, station, hub)
        await boarded.bench.do("board", jig=1, act="unplug")
        await station.until_that(lambda: SlotPhase.LOOKING in phases(station, seen))
        if exchanged:
            await boarded.bench.unseat(FIRST)
            await boarded.bench.seat(other, FIRST)
            away = len(station.seen)
        await boarded.bench.do("board", jig=1, act="plug")
        await station.until_that(lambda: not alarm_of(station.view(FIRST)))
        await station.until(FIRST, SlotPhase.PASSED)
        expected = other if exchanged else hub
        await station.until_that(
            lambda: (station.view(FIRST).phase, station.view(FIRST).chf) == (SlotPhase.PASSED, expected.chf)
        )
        if exchanged:  # the link needs a moment to miss a hub; what it has missed does not come back
            missed = next(n for n in range(away, len(station.seen)) if not is_green(station.seen[n], hub))
            assert not green_over(station, hub, missed)
    assert len(boarded.results()) == (2 if exchanged else 1)


@contextlib.asynccontextmanager
async def daemon_process(at: Hands) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the daemon in a process of its own, as a service manager does."""
    raw = {**at.settings.model_dump(mode="json", exclude_unset=True), "log": {"level": "error"}}
    config = write_config(at.settings.state_directory / "station.toml", raw)
    main = (sys.executable, "-c", "from station.cli import main; main()")
    process = await asyncio.create_subprocess_exec(*main, "run", "--config", str(config))
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
            process.kill()
        await process.wait()
        process._transport.close()


async def test_a_hub_exchanged_while_the_daemons_process_was_frozen_does_not_get_the_others_result(
    at: Hands,
) -> None:
    hub, other = at.bench.hub(), at.bench.hub()

    async def shown() -> SlotView | None:
        try:
            answer = await desk_client.ask(at.settings.state_directory, "status")
        except desk_client.REFUSED:
            return None
        return SlotView.model_validate(answer["slots"][0])

    async def green(who: StockHub) -> bool:
        view = await shown()
        return view is not None and is_green(view, who)

    await at.order(hub, other)
    async with daemon_process(at) as process:
        await at.bench.seat(hub, FIRST)
        await until_so(partial(green, hub))
        process.send_signal(signal.SIGSTOP)
        await at.bench.unseat(FIRST)
        await at.bench.seat(other, FIRST)
        await asyncio.sleep(HELD_UP_SECONDS)
        process.send_signal(signal.SIGCONT)
        while await green(hub):  # noqa: ASYNC110 - until the thawed process looks at its clock
            await asyncio.sleep(0.01)
        while not await green(other):
            assert not await green(hub), "what was once in doubt does not come back"
    assert [result.chf for result in at.results()] == [hub.chf, other.chf]


@pytest.mark.parametrize("moment", ["passed", "written"])
async def test_a_hub_exchanged_before_the_station_acts_on_the_switch_gets_a_visit_of_its_own(
    boarded: Hands, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """All that the switch says of the exchange is heard within one turn of the loop."""
    hub, other = boarded.bench.hub(), boarded.bench.hub()
    held: list[BoardEvent] = []
    hear = Jig._hear

    late = False

    def hear_late(jig: Jig, event: BoardEvent) -> None:
        if (
            late
            and isinstance(event, SlotOpened | SlotEmptied | SlotContradicted)
            and event.slot == FIRST.slot
        ):
            held.append(event)
            return
        if late and isinstance(event, SlotSeated) and event.slot == FIRST.slot:
            for each in held:
                hear(jig, each)
            held.clear()
        hear(jig, event)

    def until_held() -> bool:
        return any(isinstance(event, SlotEmptied) for event in held)

    await boarded.order(hub, other)
    monkeypatch.setattr(Jig, "_hear", hear_late)
    async with running_daemon(boarded.settings) as station:
        if moment == "passed":
            await passed(boarded, station, hub)
        else:
            await boarded.bench.seat(hub, FIRST)
            await station.until_that(lambda: (station.view(FIRST).percent or 0) > 10)
        late = True
        await boarded.bench.unseat(FIRST)
        await until(until_held)
        await boarded.bench.seat(other, FIRST)
        await station.until_that(lambda: not is_green(station.view(FIRST), hub))
        seen = len(station.seen)
        await station.until_that(
            lambda: (station.view(FIRST).phase, station.view(FIRST).chf) == (SlotPhase.PASSED, other.chf)
        )
        assert not green_over(station, hub, seen)
    assert [each.chf for each in boarded.results()][-1:] == [other.chf]
    await boarded.bench.assert_runs(other, "new")
    if moment == "written":
        assert hub.chf not in [each.chf for each in boarded.results()]
