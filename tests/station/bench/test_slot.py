"""Slots at work on a simulated rig: a fault of one stays its own, and an operator is told what to do."""

from __future__ import annotations

import asyncio
import importlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import faulty_driver
import pytest

from benches import brokers
from benches.sentences import line_of
from benches.station_bench import (
    DRIVER_SETTINGS,
    ORDER,
    Bench,
    at_broker,
    give_order,
    running_bench,
    slot,
    version,
)
from benches.station_daemon import events_of, outcomes, running_daemon, starting_daemon, working
from drivers.smp.plugin import PLUGIN
from drivers.smp.settings import SmpSettings
from station.bench.unasked import MAX_UNASKED
from station.domain.outcome import Code, Outcome, Stage
from station.domain.phase import SlotPhase
from station.records.errors import JournalError
from station.records.facts.attempts import AttemptClosed, AttemptInterrupted, AttemptOpened, AttemptResumed
from station.records.facts.bench import SlotTakenOutOfUse
from station.records.facts.journal import StationStopped
from station.records.facts.orders import OrderClosed
from station.records.journal import Journal
from station.records.segments import segment_paths
from station.settings import StationSettings

FIRST, SECOND = slot(1), slot(2)
OTHER_JIG = slot(1, jig=2)
DONE = (SlotPhase.PASSED, SlotPhase.ALREADY_CURRENT, SlotPhase.REJECTED, SlotPhase.FAILED)


@pytest.fixture
def configure(bench: Bench, shared_broker: brokers.Mosquitto, tmp_path: Path):
    """Return settings for a station of the given slots, at the shared broker."""

    def make(places: dict[str, list[int]], **changes: Any) -> StationSettings:
        return bench.station_settings(tmp_path, places, **at_broker(shared_broker.port), **changes)

    return make


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install the faulty driver as a package of its own, found by its entry point."""
    installed = tmp_path / "site-packages" / "faulty_driver-1.0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: faulty-driver\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[reflash.drivers]\nfaulty = faulty_driver:PLUGIN\n")
    monkeypatch.syspath_prepend(str(installed.parent))
    yield
    importlib.reload(faulty_driver)


def raising_in(method: str, settings: StationSettings) -> StationSettings:
    """Give the first jig the driver with a bug in this method."""
    faulty = {"driver": "faulty", "driver_settings": {**DRIVER_SETTINGS, "raises_in": method}}
    first, *others = settings.jigs
    return settings.model_copy(update={"jigs": (first.model_copy(update=faulty), *others)})


METHODS = [
    "open",
    "wait_for_hub",
    "identify",
    "state",
    "unlock",
    "flash",
    "activate",
    "verify",
    "confirm",
    "wait_for_removal",
]


@pytest.mark.parametrize("method", METHODS)
async def test_an_exception_in_any_stage_latches_its_slot_and_leaves_the_others_alone(
    bench: Bench, configure: Any, third_party: None, method: str
) -> None:
    settings = raising_in(method, configure({"jig1": [1], "jig2": [1]}))
    async with working(bench, settings, 2) as (station, hub, other):
        await bench.seat(hub, FIRST)
        latched = await station.until(FIRST, SlotPhase.OUT_OF_USE)
        assert line_of(latched) == (
            "jig1 slot 1: out of use, a fault of the station's own (RuntimeError); "
            "call the supervisor (reflash jigs enable jig1 1)"
        )
        await bench.seat(other, OTHER_JIG)
        await station.until(OTHER_JIG, SlotPhase.PASSED)
        assert line_of(station.view(FIRST)) == line_of(latched)
        assert station.view(FIRST).phase is SlotPhase.OUT_OF_USE

        await station.ask("enable_slot", jig="jig1", slot=1)
        view = await station.until(FIRST, *DONE)
        # A fault after the result takes nothing back: the hub, still seated, is shown as one that passed.
        assert view.phase is SlotPhase.PASSED, line_of(view)
    assert outcomes(settings) == {str(hub.chf): Outcome.PASSED, str(other.chf): Outcome.PASSED}
    passed = [event for event in events_of(settings, AttemptClosed) if event.outcome is Outcome.PASSED]
    assert len(passed) == 2
    for each in (hub, other):
        await bench.assert_runs(each, "new")


@pytest.mark.slow
async def test_a_hub_that_boots_by_itself_again_and_again_gets_no_result_for_each_boot(
    bench: Bench, configure: Any
) -> None:
    settings = configure({"jig1": [1, 2]})
    stranger, hub = bench.hub(), bench.hub()
    ends = {FIRST: SlotPhase.REJECTED, SECOND: SlotPhase.PASSED_BEFORE}

    await give_order(settings, hub)
    async with running_daemon(settings) as station:
        for number, (place, seated) in enumerate(((FIRST, stranger), (SECOND, hub))):
            await bench.seat(seated, place)
            await station.until(place, SlotPhase.REJECTED, SlotPhase.PASSED)
            for _ in range(MAX_UNASKED + 2):
                seen = len(station.seen)
                await bench.fault(place, "reboot")
                await station.until_that(
                    lambda place=place, seen=seen: (
                        [view.phase for view in station.seen[seen:] if view.place == place][-2:]
                        == [SlotPhase.WORKING, ends[place]]
                    )
                )
            assert len(events_of(settings, AttemptClosed)) == (number + 1) * MAX_UNASKED
        view = station.view(FIRST)
        assert line_of(view).endswith(f"{MAX_UNASKED} times in a row; put it aside for the supervisor")
        await bench.unseat(SECOND)
        await station.until(SECOND, SlotPhase.EMPTY)
        await station.ask("scan_label", jig="jig1", slot=2, id=str(hub.chf))
        await bench.seat(hub, SECOND)
        await station.until_that(lambda: len(events_of(settings, AttemptClosed)) == 2 * MAX_UNASKED + 1)
    await bench.assert_runs(hub, "new")


async def test_a_port_that_is_had_as_its_slot_ends_is_given_back(
    bench: Bench, configure: Any, third_party: None
) -> None:
    """Between the open port and the slot that asked for it lie turns of the loop, in any of which a stop may come."""
    settings = raising_in("nothing", configure({"jig1": [1]}))
    opening: asyncio.Future[asyncio.Task[Any] | None] = asyncio.get_running_loop().create_future()

    def end_soon() -> None:
        asker = asyncio.current_task()
        assert asker is not None
        asyncio.get_running_loop().call_soon(asker.cancel)
        opening.set_result(asker)

    faulty_driver.PLUGIN.on_open = end_soon
    async with starting_daemon(settings):
        await opening
    driver = await PLUGIN.open(bench.port(FIRST), SmpSettings(**DRIVER_SETTINGS))
    await driver.close()


async def test_a_fault_in_the_middle_of_a_visit_is_said_of_its_attempt_and_the_order_can_be_closed(
    bench: Bench, configure: Any, third_party: None
) -> None:
    settings = configure({"jig1": [1]})
    settings = raising_in("activate", settings)
    async with working(bench, settings) as (station, hub):
        await bench.seat(hub, FIRST)
        await station.until(FIRST, SlotPhase.OUT_OF_USE)
        (interrupted,) = events_of(settings, AttemptInterrupted)
        assert (interrupted.stage, interrupted.code) == (Stage.ACTIVATE, Code.SLOT_FAULT)
        await station.ask("close_order", order=ORDER, reason="done", incomplete_accepted=True)
        (closed,) = events_of(settings, AttemptClosed)
        assert (closed.code, closed.stage) == (Code.HUB_GONE, Stage.ACTIVATE)
        assert closed.unsettled == f"may be unlocked, or run {version('new')} unconfirmed"


async def test_a_slot_that_a_fault_latched_stays_so_over_a_restart_and_says_why(
    bench: Bench, configure: Any, third_party: None
) -> None:
    settings = configure({"jig1": [1]})
    settings = raising_in("wait_for_hub", settings)
    async with working(bench, settings) as (station, hub):
        latched = await station.until(FIRST, SlotPhase.OUT_OF_USE)
    await bench.seat(hub, FIRST)
    async with running_daemon(settings) as station:
        assert line_of(await station.until(FIRST, SlotPhase.OUT_OF_USE)) == line_of(latched)
        await station.ask("enable_slot", jig="jig1", slot=1)
        await station.until(FIRST, SlotPhase.PASSED)
    assert len(events_of(settings, SlotTakenOutOfUse)) == 1


async def test_a_journal_that_fails_stops_every_slot(bench: Bench, configure: Any) -> None:
    settings = configure({"jig1": [1], "jig2": [1]})
    hub = bench.hub()

    await give_order(settings, hub)
    async with starting_daemon(settings) as station:
        await station.until(FIRST, SlotPhase.EMPTY)
        await station.until(OTHER_JIG, SlotPhase.EMPTY)
        with closing(sqlite3.connect(segment_paths(settings.journal_folder)[-1])) as meddler:
            meddler.execute("DROP TABLE events")
        await bench.seat(hub, FIRST)
        (ending,) = await asyncio.gather(station.task, return_exceptions=True)
    assert isinstance(ending, ExceptionGroup)
    assert ending.subgroup(JournalError)
    await bench.assert_untouched(hub)


async def test_slots_that_fail_hub_after_hub_are_taken_out_of_use_until_enabled(
    bench: Bench, configure: Any
) -> None:
    settings = configure({"jig1": [1]}, thresholds={"hubs_failing_in_a_row": 2})
    hubs = [bench.hub() for _ in range(3)]
    stays_open = {"name": "never_relocks", "on": "boot", "times": 1}

    await give_order(settings, *hubs)
    async with running_daemon(settings) as station:
        # The same hub twice says nothing of the slot; a second one does.
        for hub in (hubs[0], hubs[0], hubs[1]):
            await station.until(FIRST, SlotPhase.EMPTY)
            await bench.seat(hub, FIRST)
            await station.until(FIRST, SlotPhase.WORKING)
            await bench.fault(FIRST, **stays_open)
            view = await station.until(FIRST, SlotPhase.FAILED)
            assert view.code is Code.NOT_LOCKED
            await bench.unseat(FIRST)
        out = await station.until(FIRST, SlotPhase.OUT_OF_USE)
        assert "2 failed in a row, suspect the contacts" in line_of(out)
        assert line_of(out).endswith("(reflash jigs enable jig1 1)")
        await bench.do("disarm")
        await bench.seat(hubs[2], FIRST)
        await station.ask("enable_slot", jig="jig1", slot=1)
        await station.until(FIRST, SlotPhase.PASSED)


async def test_a_port_that_is_missing_costs_its_own_slot_alone_until_it_is_there(
    bench: Bench, configure: Any
) -> None:
    settings = configure({"jig1": [1, 2]})
    await bench.do("port", jig=1, slot=1, plugged=False)
    async with working(bench, settings, 2) as (station, hub, other):
        missing = await station.until(FIRST, SlotPhase.NO_PORT)
        assert line_of(missing).startswith("jig1 slot 1: its port is not there; plug the adapter in")
        assert "\n" not in line_of(missing)
        await bench.seat(other, SECOND)
        await station.until(SECOND, SlotPhase.PASSED)
        await bench.seat(hub, FIRST)
        await bench.do("port", jig=1, slot=1, plugged=True)
        await station.until(FIRST, SlotPhase.PASSED)


async def test_a_port_lost_in_the_middle_keeps_the_attempt_and_goes_on_with_it(
    bench: Bench, configure: Any
) -> None:
    settings = configure({"jig1": [1]})
    await bench.fault(FIRST, "unplug_port", on="upload", at_byte=12_000, seconds=0.2)
    async with working(bench, settings) as (station, hub):
        await bench.seat(hub, FIRST)
        await station.until(FIRST, SlotPhase.FIND_HUB)
        assert "find hub" in line_of(station.view(FIRST))
        await station.until(FIRST, SlotPhase.PASSED)
        assert SlotPhase.NO_PORT in {view.phase for view in station.seen}
    assert len(events_of(settings, AttemptOpened)) == len(events_of(settings, AttemptClosed)) == 1
    assert len(events_of(settings, AttemptResumed)) == 1


async def test_a_port_that_comes_and_goes_is_left_alone_for_a_while_and_says_so(
    bench: Bench, configure: Any
) -> None:
    settings = configure({"jig1": [1]})

    def begun() -> int:
        return len(events_of(settings, AttemptOpened)) + len(events_of(settings, AttemptResumed))

    async with working(bench, settings) as (station, hub):
        await bench.seat(hub, FIRST)
        for times in (
            1,
            2,
            3,
        ):  # each when the last is over: what was under way then would meet the next as well
            await station.until_that(lambda times=times: begun() == times)
            await bench.fault(FIRST, "unplug_port", on="upload", seconds=0.02, times=1)
        await station.until(FIRST, SlotPhase.PASSED)
        lines = {line_of(view) for view in station.seen if view.phase is SlotPhase.NO_PORT}
        assert [line for line in lines if "port lost 3 times in a row" in line]
    assert len(events_of(settings, AttemptResumed)) == 3


@pytest.mark.parametrize("phase", ["empty", "no port", "out of use", "working", "passed", "hub to find"])
async def test_a_stop_lets_the_running_attempt_end_and_waits_for_nothing_else(
    bench: Bench, configure: Any, third_party: None, phase: str
) -> None:
    settings = configure({"jig1": [1]})
    if phase == "out of use":
        settings = raising_in("wait_for_hub", settings)
    hub = bench.hub()

    async def reach(station: Any) -> None:
        match phase:
            case "no port":
                await station.until(FIRST, SlotPhase.NO_PORT)
            case "out of use":
                await station.until(FIRST, SlotPhase.OUT_OF_USE)
            case "empty":
                await station.until(FIRST, SlotPhase.EMPTY)
            case _:
                await bench.seat(hub, FIRST)
                wanted = {"working": SlotPhase.WORKING, "passed": SlotPhase.PASSED}
                await station.until(FIRST, wanted.get(phase, SlotPhase.FIND_HUB))

    await give_order(settings, hub)
    if phase == "no port":
        await bench.do("port", jig=1, slot=1, plugged=False)
    if phase == "hub to find":
        await bench.fault(FIRST, "unplug_hub", on="upload", at_byte=12_000)
    async with running_daemon(settings) as station:
        await reach(station)
        await station.stopped()
        assert station.view(FIRST).phase is SlotPhase.STOPPED
    assert len(events_of(settings, StationStopped)) == 1
    done = phase in {"working", "passed"}
    assert outcomes(settings)[str(hub.chf)] is (Outcome.PASSED if done else None)


async def test_what_the_drain_time_cuts_short_goes_on_after_the_next_start(
    bench: Bench, configure: Any
) -> None:
    settings = configure({"jig1": [1]}, drain_seconds=0)
    async with working(bench, settings) as (station, hub):
        await bench.seat(hub, FIRST)
        await station.until_that(lambda: any(view.percent for view in station.seen))
    assert not events_of(settings, AttemptClosed)
    async with running_daemon(settings) as station:
        await station.until(FIRST, SlotPhase.PASSED)
    assert len(events_of(settings, AttemptOpened)) == len(events_of(settings, AttemptClosed)) == 1


@pytest.mark.parametrize("first", ["at work", "done"])
async def test_one_hub_id_in_two_slots_is_refused_where_it_came_second(
    bench: Bench, configure: Any, first: str
) -> None:
    settings = configure({"jig1": [1], "jig2": [1]})
    hub, twin = next(bench.twins)

    await give_order(settings, hub)
    async with running_daemon(settings) as station:
        await bench.seat(hub, FIRST)
        await station.until(FIRST, SlotPhase.WORKING if first == "at work" else SlotPhase.PASSED)
        await bench.seat(twin, OTHER_JIG)
        refused = await station.until(OTHER_JIG, SlotPhase.REJECTED)
        assert refused.code is Code.IN_TWO_SLOTS
        assert f"{twin.chf} also answers in jig1 slot 1" in line_of(refused)
        assert line_of(refused).endswith("take only this one out, for the supervisor")
        await station.until(FIRST, SlotPhase.PASSED)
        assert len(events_of(settings, AttemptOpened)) == 2
    assert [(event.place, event.outcome) for event in events_of(settings, AttemptClosed)].count(
        (FIRST, Outcome.PASSED)
    ) == 1
    await bench.assert_runs(hub, "new")
    await bench.assert_untouched(twin)


@pytest.mark.parametrize("first", ["at work", "done"])
def test_of_two_hubs_that_say_the_same_the_second_is_to_be_taken_out_and_the_first_goes_on(
    bench: Bench, configure: Any, tmp_path: Path, first: str
) -> None:
    """Both ids are equal, as on no two hubs that a maker got right."""
    settings = configure({"jig1": [1]})
    hub = bench.hub()
    folder = tmp_path / "other rig"
    folder.mkdir()

    with running_bench(folder, stock={}, doubles=[hub], jigs=1, slots=1) as other:
        beside = settings.jigs[0].model_copy(update={"name": "jig2", "slots": {1: other.port(FIRST)}})
        both = settings.model_copy(update={"jigs": (*settings.jigs, beside)})

        async def work() -> None:
            await give_order(both, hub)
            async with running_daemon(both) as station:
                await bench.seat(hub, FIRST)
                if first == "done":
                    await station.until(FIRST, SlotPhase.PASSED)
                else:
                    await station.until_that(lambda: bool(station.view(FIRST).percent))
                await other.seat(hub, FIRST)
                refused = await station.until(OTHER_JIG, SlotPhase.REJECTED)
                assert refused.code is Code.IN_TWO_SLOTS
                assert line_of(refused).endswith("take only this one out, for the supervisor")
                await station.until(FIRST, SlotPhase.PASSED)
                await other.unseat(FIRST)
                await station.until(OTHER_JIG, SlotPhase.EMPTY)
                assert station.view(FIRST).phase is SlotPhase.PASSED
            results = [(event.place, event.outcome) for event in events_of(both, AttemptClosed)]
            assert set(results) == {(FIRST, Outcome.PASSED), (OTHER_JIG, Outcome.REJECTED)}
            assert len(results) == 2
            await bench.assert_runs(hub, "new")
            await other.assert_untouched(hub)

        asyncio.run(work())


async def test_a_hub_that_was_refused_as_a_double_is_looked_at_anew_once_the_other_is_out(
    bench: Bench, configure: Any
) -> None:
    settings = configure({"jig1": [1], "jig2": [1]})
    hub, twin = next(bench.twins)

    await give_order(settings, hub)
    async with running_daemon(settings) as station:
        await bench.seat(hub, FIRST)
        await station.until(FIRST, SlotPhase.PASSED)
        await bench.seat(twin, OTHER_JIG)
        await station.until(OTHER_JIG, SlotPhase.REJECTED)
        for place in (OTHER_JIG, FIRST):
            await bench.unseat(place)
            await station.until(place, SlotPhase.EMPTY)
        await bench.seat(twin, FIRST)
        refused = await station.until(FIRST, SlotPhase.REJECTED)
        assert refused.code is Code.IDS_DISAGREE, "its GPF is the other's, which is gone"


@pytest.mark.parametrize("asked", ["at_once", "open_attempt_of"])
async def test_an_order_closed_while_a_hub_is_begun_with_is_said_and_the_slot_goes_on(
    bench: Bench, configure: Any, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    """Closed after each of the questions that a visit asks of the journal, before it acts on the answer."""
    settings = configure({"jig1": [1]})
    hub, other = bench.hub(), bench.hub()
    question, closed = getattr(Journal, asked), False

    async def closing(journal: Journal, *about: Any) -> Any:
        nonlocal closed
        answer = await question(journal, *about)
        if not closed:
            closed = True
            await journal.append(OrderClosed(order=ORDER, reason="done"))
        return answer

    monkeypatch.setattr(Journal, asked, closing)

    await give_order(settings, hub, other)
    async with running_daemon(settings) as station:
        for each in (hub, other):
            await station.until(FIRST, SlotPhase.EMPTY)
            await bench.seat(each, FIRST)
            view = await station.until(FIRST, SlotPhase.REJECTED, SlotPhase.PUT_ASIDE)
            assert "order" in line_of(view)
            await bench.unseat(FIRST)
        await station.until(FIRST, SlotPhase.EMPTY)
        assert SlotPhase.OUT_OF_USE not in {view.phase for view in station.seen}
    for each in (hub, other):
        await bench.assert_untouched(each)


async def test_a_scanned_label_counts_for_the_next_hub_in_its_slot(bench: Bench, configure: Any) -> None:
    settings = configure({"jig1": [1]})
    hub, stranger = bench.hub(), bench.hub()

    await give_order(settings, hub)
    async with running_daemon(settings) as station:
        await station.until(FIRST, SlotPhase.EMPTY)
        await station.ask("scan_label", jig="jig1", slot=1, id=str(stranger.chf))
        await bench.seat(hub, FIRST)
        refused = await station.until(FIRST, SlotPhase.REJECTED)
        assert refused.code is Code.LABEL_DISAGREES
        await bench.assert_untouched(hub)
        await bench.unseat(FIRST)
        await station.until(FIRST, SlotPhase.EMPTY)
        await station.ask("scan_label", jig="jig1", slot=1, id=str(hub.gpf), role="GPF")
        await bench.seat(hub, FIRST)
        await station.until(FIRST, SlotPhase.PASSED)
    (_, passed) = events_of(settings, AttemptClosed)
    assert (passed.scanned_id, passed.scanned_role, passed.order) == (hub.gpf, "GPF", ORDER)
