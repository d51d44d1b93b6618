"""Labels over a restart of the station: those that wait for their hubs, and those that came late."""

from __future__ import annotations

from typing import Any

import pytest

from benches.sentences import line_of
from benches.station_bench import StockHub
from benches.station_daemon import RunningDaemon, events_of, running_daemon, starting_daemon
from benches.two_slots import FIRST, SECOND, Hands, disagreement, scan
from station.desk.refusals import Refused
from station.domain.outcome import Code, Outcome
from station.domain.phase import SlotPhase
from station.records.facts.attempts import AttemptResumed
from station.records.facts.bench import LabelScanned
from station.records.ledger import Ledger
from station.records.rebuild import rebuild
from station.records.writer import Writer


async def test_a_label_that_waits_for_its_hub_waits_on_after_a_restart(linked: Hands) -> None:
    async with linked.working(2) as (station, hub, other):
        await station.until(FIRST, SlotPhase.EMPTY)
        await scan(station, other.gpf, 1)
        await scan(station, hub.gpf, 1)  # the last one counts
    async with running_daemon(linked.settings) as station:
        expecting = await station.until(FIRST, SlotPhase.EMPTY)
        assert line_of(expecting) == f"jig1 slot 1: seat hub {hub.gpf} here"
        await linked.bench.seat(other, FIRST)
        rejected = await station.until(FIRST, SlotPhase.REJECTED)
        assert rejected.code is Code.LABEL_DISAGREES
    await linked.bench.unseat(FIRST)
    async with running_daemon(linked.settings) as station:
        used_up = await station.until(FIRST, SlotPhase.EMPTY)
        assert line_of(used_up) == "jig1 slot 1: empty; seat a hub", "a label is for one hub"
    await linked.bench.assert_untouched(other)


async def test_a_hub_seated_elsewhere_after_a_restart_takes_its_label_along(linked: Hands) -> None:
    async with linked.working() as (station, hub):
        await station.until(FIRST, SlotPhase.EMPTY)
        await scan(station, hub.gpf, 1, role="GPF")
    async with running_daemon(linked.settings) as station:
        await linked.bench.seat(hub, SECOND)
        await station.until(SECOND, SlotPhase.PASSED)
    async with running_daemon(linked.settings) as station:
        assert line_of(await station.until(FIRST, SlotPhase.EMPTY)) == "jig1 slot 1: empty; seat a hub"
    (result,) = linked.results()
    assert (result.scanned_id, result.scanned_role) == (hub.gpf, "GPF")


async def test_a_wrong_label_that_came_late_puts_the_hub_aside_although_the_station_died_in_between(
    linked: Hands,
) -> None:
    hub, other = linked.bench.hub(), linked.bench.hub()

    await linked.order(hub, other)
    async with starting_daemon(linked.settings) as station:
        await linked.bench.seat(hub, FIRST)
        await station.until_that(lambda: station.view(FIRST).percent is not None)
        assert "is not hub" in await disagreement(station, other.gpf, 1)
        station.task.cancel()  # no drain, and no word to anybody
    assert linked.results() == []
    async with running_daemon(linked.settings) as station:
        aside = await station.until(FIRST, SlotPhase.PUT_ASIDE)
        assert "put it aside for the supervisor" in line_of(aside)
    # Nor is it forgotten afterwards, while the hub still sits there.
    async with running_daemon(linked.settings) as station:
        again = await station.until(FIRST, SlotPhase.PUT_ASIDE)
        assert line_of(again) == (
            f"jig1 slot 1: label {other.gpf} is not hub {hub.chf}'s; put it aside for the supervisor"
        )
    (result,) = linked.results()
    assert (result.outcome, result.scanned_id) == (Outcome.PASSED, other.gpf)


async def test_a_wrong_label_scanned_after_the_result_is_remembered_while_the_hub_sits_there(
    linked: Hands,
) -> None:
    async with linked.working() as (station, hub):
        await linked.bench.seat(hub, FIRST)
        await station.until(FIRST, SlotPhase.PASSED)
        assert "is not hub" in await disagreement(station, "88-73-84-FF-FF-FF-FF-FF", 1)
    async with running_daemon(linked.settings) as station:
        await station.until(FIRST, SlotPhase.PUT_ASIDE)
        await scan(station, hub.chf, 1)  # its own label after all: scanned again, it is cleared up
    async with running_daemon(linked.settings) as station:
        await station.until(FIRST, SlotPhase.PASSED)
    assert [result.scanned_id for result in linked.results()] == [None], "results are never amended"


async def test_a_label_scanned_for_a_hub_that_was_lost_is_in_its_result(linked: Hands) -> None:
    await linked.bench.fault(FIRST, "unplug_hub", on="upload", at_byte=12_000)
    async with linked.working() as (station, hub):
        await linked.bench.seat(hub, FIRST)
        await station.until(FIRST, SlotPhase.FIND_HUB)
        await scan(station, hub.gpf, 2)
    async with starting_daemon(linked.settings) as station:
        await linked.bench.seat(hub, SECOND)
        await station.until_that(lambda: station.view(SECOND).percent is not None)
        station.task.cancel()
    async with running_daemon(linked.settings) as station:
        await station.until(SECOND, SlotPhase.PASSED)
    assert [event.scanned_id for event in events_of(linked.settings, AttemptResumed)] == [hub.gpf, None]
    assert [result.scanned_id for result in linked.results()] == [hub.gpf]


async def test_a_scan_that_is_refused_leaves_nothing_in_the_journal(linked: Hands) -> None:
    hub = linked.bench.hub()

    async with running_daemon(linked.settings) as station:
        await linked.bench.fault(FIRST, "serial_recovery", on="boot", times=99)
        await linked.bench.seat(hub, FIRST)
        await station.until(FIRST, SlotPhase.FAILED)
        with pytest.raises(Refused, match="its result is written"):
            await scan(station, hub.gpf, 1)
    assert events_of(linked.settings, LabelScanned) == []


async def test_a_label_for_which_the_disk_has_no_room_is_refused_until_there_is(
    linked: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, pages = Writer._commit, 1_000_000

    def limited(writer: Writer, ledger: Ledger, group: Any) -> None:
        ledger._opened().execute(f"PRAGMA max_page_count = {pages}")
        commit(writer, ledger, group)

    monkeypatch.setattr(Writer, "_commit", limited)

    taken = ""

    async def scan_on(station: RunningDaemon) -> None:
        nonlocal taken
        for number in range(1_000):
            taken = await scan(station, f"88-73-84-00-00-01-{number // 256:02X}-{number % 256:02X}", 1)

    async with running_daemon(linked.settings) as station:
        await station.until(FIRST, SlotPhase.EMPTY)
        pages = 1  # which SQLite takes for as many as there are
        with pytest.raises(Refused, match=r"^jig1 slot 1: no room .*; scan the label again then$"):
            await scan_on(station)
        assert line_of(station.view(FIRST)) == taken, "what was refused is not expected"
        pages = 1_000_000
        assert await scan(station, "88-73-84-00-00-02-00-00", 1) == line_of(station.view(FIRST)) != taken


async def lose(linked: Hands, station: RunningDaemon, hub: StockHub) -> None:
    """Have a hub taken out of the first slot while it is written."""
    await linked.bench.seat(hub, FIRST)
    await station.until_that(lambda: (station.view(FIRST).percent or 0) > 10)
    await linked.bench.unseat(FIRST)
    await station.until(FIRST, SlotPhase.FIND_HUB)


async def test_a_hub_that_was_lost_is_looked_for_after_a_restart_and_until_it_is_seen(linked: Hands) -> None:
    async with linked.working() as (station, hub):
        await lose(linked, station, hub)
    async with running_daemon(linked.settings) as station:
        sought = await station.until(FIRST, SlotPhase.FIND_HUB)
        assert line_of(sought).endswith(f"find hub {hub.chf} and seat it here or in any slot")
        assert sought.chf == hub.chf
        await linked.bench.seat(hub, SECOND)
        await station.until(SECOND, SlotPhase.WORKING, SlotPhase.PASSED)
        assert line_of(await station.until(FIRST, SlotPhase.EMPTY)) == "jig1 slot 1: empty; seat a hub"
        await station.until(SECOND, SlotPhase.PASSED)


async def test_a_hub_that_was_lost_is_looked_for_after_its_ports_loss_and_not_where_it_is_not_expected(
    linked: Hands,
) -> None:
    async with linked.working() as (station, hub):
        await lose(linked, station, hub)
        await linked.bench.do("port", jig=1, slot=1, plugged=False)
        await station.until(FIRST, SlotPhase.NO_PORT)
        await linked.bench.do("port", jig=1, slot=1, plugged=True)
        await station.until(FIRST, SlotPhase.FIND_HUB)
        await scan(station, hub.gpf, 2)
        assert line_of(station.view(SECOND)) == f"jig1 slot 2: seat hub {hub.gpf} here"
        assert line_of(station.view(FIRST)) == "jig1 slot 1: empty; seat a hub"
    async with running_daemon(linked.settings) as station:
        assert (
            line_of(await station.until(SECOND, SlotPhase.EMPTY)) == f"jig1 slot 2: seat hub {hub.gpf} here"
        )
        assert line_of(await station.until(FIRST, SlotPhase.EMPTY)) == "jig1 slot 1: empty; seat a hub"


async def test_a_hub_that_was_put_aside_for_anothers_label_is_aside_wherever_it_is_seated_until_its_own_is_scanned(
    linked: Hands,
) -> None:
    hub, other = linked.bench.hub(), linked.bench.hub()

    await linked.order(hub)
    async with running_daemon(linked.settings) as station:
        await linked.bench.seat(hub, FIRST)
        await station.until(FIRST, SlotPhase.PASSED)
        assert "is not hub" in await disagreement(station, other.gpf, 1)
        await linked.bench.unseat(FIRST)
        await station.until(FIRST, SlotPhase.EMPTY)
        await linked.bench.seat(hub, SECOND)
        aside = await station.until(SECOND, SlotPhase.PUT_ASIDE)
        assert line_of(aside).endswith(
            f"label {other.gpf} is not hub {hub.chf}'s; put it aside for the supervisor"
        )
        await linked.bench.unseat(SECOND)
        await station.until(SECOND, SlotPhase.EMPTY)
        await scan(station, hub.gpf, 2)
        await linked.bench.seat(hub, SECOND)
        resolved = await station.until(SECOND, SlotPhase.PASSED_BEFORE)
        assert resolved.code is Code.ALREADY_PASSED


async def test_a_label_that_was_scanned_by_mistake_waits_no_more_also_after_a_restart(linked: Hands) -> None:
    async with linked.working(2) as (station, hub, other):
        await station.until(FIRST, SlotPhase.EMPTY)
        assert "seat hub" in await scan(station, other.gpf, 1)
        answer = await station.ask("take_back_label", jig="jig1", slot=1)
        assert answer["said"]["code"] == "waits_no_more"
        assert line_of(station.view(FIRST)) == f"{FIRST}: empty; seat a hub"
        with pytest.raises(Refused, match="no label waits here"):
            await station.ask("take_back_label", jig="jig1", slot=1)
        await scan(station, other.gpf, 1)
        await station.ask("take_back_label", jig="jig1", id=str(other.gpf))
        with pytest.raises(Refused, match=f"label {other.gpf} waits for no hub any more"):
            await station.ask("take_back_label", jig="jig1", id=str(other.gpf))
    async with running_daemon(linked.settings) as station:
        await station.until(FIRST, SlotPhase.EMPTY)
        assert line_of(station.view(FIRST)) == f"{FIRST}: empty; seat a hub"
        await linked.bench.seat(hub, FIRST)
        await station.until(FIRST, SlotPhase.PASSED)
        with pytest.raises(Refused, match="where a hub sits, scan its own label instead"):
            await station.ask("take_back_label", jig="jig1", slot=1)
    (result,) = linked.results()
    assert result.scanned_id is None
    assert rebuild(linked.settings.journal_folder).differing == ()
