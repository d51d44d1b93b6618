"""Labels that are scanned in the very moment in which their hub is recognised, or leaves."""

from __future__ import annotations

import time

import pytest

from benches.sentences import line_of
from benches.station_daemon import running_daemon
from benches.two_slots import FIRST, Hands, scan
from station.bench.live_hubs import Holder, LiveHubs
from station.desk.refusals import Refused
from station.domain.outcome import Code
from station.domain.phase import SlotPhase
from station.domain.slot_name import SlotName
from station.records.facts.bench import LabelScanned
from station.records.facts.events import Event
from station.records.journal import Journal


@pytest.mark.parametrize("whose", ["its own", "another's"])
async def test_a_label_scanned_while_its_hub_is_recognised_is_held_against_it(
    linked: Hands, monkeypatch: pytest.MonkeyPatch, whose: str
) -> None:
    hub, other = linked.bench.hub(), linked.bench.hub()
    label = hub.chf if whose == "its own" else other.chf
    claim = LiveHubs.claim

    await linked.order(hub, other)
    async with running_daemon(linked.settings) as station:

        async def claim_meanwhile(self: LiveHubs, holder: Holder, *ids: object) -> SlotName | None:
            monkeypatch.undo()
            await scan(station, label, FIRST.slot)
            return await claim(self, holder, *ids)

        await station.until(FIRST, SlotPhase.EMPTY)
        monkeypatch.setattr(LiveHubs, "claim", claim_meanwhile)
        await linked.bench.seat(hub, FIRST)
        await station.until(FIRST, SlotPhase.PASSED, SlotPhase.REJECTED)
        (result,) = linked.results()
        assert result.scanned_id == label
        assert result.code is (None if whose == "its own" else Code.LABEL_DISAGREES)
        await linked.bench.unseat(FIRST)
        assert line_of(await station.until(FIRST, SlotPhase.EMPTY)).endswith("empty; seat a hub")


async def test_a_label_of_a_hub_that_leaves_meanwhile_is_asked_for_again(
    linked: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = Journal.append
    async with linked.working(2) as (station, hub, _):

        async def append_slowly(self: Journal, *events: Event) -> object:
            if any(isinstance(event, LabelScanned) for event in events):
                await linked.bench.unseat(FIRST)
                await station.until(FIRST, SlotPhase.EMPTY)
            return await append(self, *events)

        await linked.bench.seat(hub, FIRST)
        await station.until(FIRST, SlotPhase.PASSED)
        monkeypatch.setattr(Journal, "append", append_slowly)
        with pytest.raises(Refused, match="has left meanwhile; scan the label again"):
            await scan(station, hub.chf, FIRST.slot)
        monkeypatch.undo()
        assert line_of(station.view(FIRST)).endswith("empty; seat a hub")


def hold_up() -> None:
    """Hold the station up so long that it has to ask again who sits there."""
    time.sleep(1.5)


async def test_no_label_is_held_against_a_hub_that_is_not_known_to_sit_there_any_more(boarded: Hands) -> None:
    hub, other = boarded.bench.hub(), boarded.bench.hub()

    await boarded.order(hub, other)
    async with running_daemon(boarded.settings) as station:
        await boarded.bench.seat(hub, FIRST)
        await station.until(FIRST, SlotPhase.PASSED)
        await boarded.bench.fault(FIRST, "lose_request", probability=1.0, times=10_000)
        hold_up()
        await station.until(FIRST, SlotPhase.RESEAT)
        with pytest.raises(Refused, match="it is not known who sits here; take the hub out"):
            await scan(station, other.chf, FIRST.slot)
        assert station.view(FIRST).phase is SlotPhase.RESEAT
        await boarded.bench.do("disarm")
        await station.until(FIRST, SlotPhase.PASSED)
