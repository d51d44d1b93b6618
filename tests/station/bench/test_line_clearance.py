"""An order changes on a jig over empty slots and trays alone: by switch or link, and signed; unknown is not empty."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from benches.desk_client import THE_ACCOUNT, desk_of_orders, order_file
from benches.looking import until_so
from benches.sentences import line_of
from benches.station_bench import Bench, import_order, journal_of, order_csv, slot
from benches.station_daemon import RunningDaemon, events_of, running_daemon
from benches.two_slots import FIRST, SECOND, Hands
from firmware_catalog.identity import Eui64
from station.bench.occupancy import Doubt, Empty, Occupancy, Seated, Unknown, occupancy
from station.control.client import ask_daemon
from station.desk.act import Entrance
from station.desk.desk import Desk
from station.desk.line_clearance import LineClearance
from station.desk.order_requests import (
    AssignOrder,
    CloseOrder,
    CompareOrder,
    ReviseOrder,
    UnassignOrder,
    WorksOn,
)
from station.desk.refusals import Conflict, Invalid, Refused, Unavailable
from station.desk.rights import Role
from station.domain.outcome import Outcome
from station.domain.phase import SlotPhase
from station.domain.slot_view import SlotView
from station.records.errors import EventRefused
from station.records.facts.attempts import AttemptOpened
from station.records.facts.line_clearance import LineCleared
from station.records.facts.orders import OrderAssigned, OrderUnassigned
from station.records.journal import Journal
from station.settings import StationSettings

HUB = Eui64.parse("88-73-84-00-00-00-00-01")


def test_a_slot_is_empty_only_by_what_is_known() -> None:
    told, unknown = (
        {False: Empty(slot(1), "switch"), True: Seated(slot(1), None)},
        Unknown(slot(1), Doubt.SWITCH),
    )
    known = product(SlotPhase, (None, *Outcome), *[(True, False, None)] * 2, *[(True, False)] * 3)
    for phase, outcome, present, closed, has_switch, answered, silent in known:
        shown = SlotView(place=slot(1), phase=phase, outcome=outcome, chf=HUB)
        found = occupancy(
            shown,
            present=present,
            closed=closed,
            has_switch=has_switch,
            answered=answered,
            silent=silent,
            boot_seconds=30.0,
        )
        if present or (answered and present is None):
            assert found == Seated(slot(1), HUB)
        elif answered:
            assert isinstance(found, Unknown)
        elif has_switch:
            assert found == (unknown if present is None or closed is None else told[closed])
        elif isinstance(found, Empty):
            assert silent
            assert phase in {SlotPhase.EMPTY, SlotPhase.FIND_HUB}


async def refused(asking: Awaitable[Any], kind: type[Refused] = Conflict) -> Refused:
    with pytest.raises(kind) as told:
        await asking
    return told.value


async def test_an_order_changes_on_a_jig_only_once_it_is_empty_and_signed_for(at: Hands) -> None:
    hands = at
    facts = {**hands.settings.model_dump(), "people": {}, "operator": "op-7"}
    facts["jigs"][0]["recognition_seconds"] = 1.0
    hands.settings = StationSettings.model_validate(facts)
    hub, other, stays = (hands.bench.hub() for _ in range(3))
    await hands.order(hub, stays)
    async with journal_of(hands.settings) as journal:
        await import_order(journal, order_csv(other, order="WO-2"))

    async def works_on(station: RunningDaemon, order: str, **more: Any) -> Any:
        return await station.ask("assign_order", order=order, jig="jig1", **more)

    async with running_daemon(hands.settings) as station:
        await station.until(SECOND, SlotPhase.EMPTY)
        assert await works_on(station, "WO-1") == {"order": "WO-1", "jig": "jig1"}, "nothing changes"
        await hands.bench.seat(hub, SECOND)
        await station.until(SECOND, SlotPhase.WORKING)
        at_work = await refused(works_on(station, "WO-2", trays_empty=True))
        assert f"hub {hub.chf} sits in jig1 slot 2" in str(at_work)
        await station.until(SECOND, SlotPhase.PASSED)
        seated = await refused(works_on(station, "WO-2", trays_empty=True))
        assert f"hub {hub.chf} sits in jig1 slot 2" in str(seated)
        assert seated.facts["seated"] == [{"jig": "jig1", "slot": 2, "hub": str(hub.chf)}]
        by_eye = [{"jig": "jig1", "slot": 2}]
        assert "sits in jig1 slot 2" in str(
            await refused(works_on(station, "WO-2", trays_empty=True, seen_empty=by_eye))
        ), "an eye stands for nothing where it is known that a hub sits"
        assert "sits in jig1 slot 2" in str(
            await refused(
                station.ask(
                    "close_order", order="WO-1", reason="over", incomplete_accepted=True, trays_empty=True
                )
            )
        )
        with order_file(order_csv(stays)) as (taking, file):
            state, asked = hands.settings.state_directory, taking.model_dump()
            shown = await ask_daemon(state, CompareOrder(**asked), file=file)
            assert shown.withdrawn == (str(hub.chf),)
            await ask_daemon(state, ReviseOrder(**asked, amends=shown.amends, reason="r"), file=file)
        view = await station.until(SECOND, SlotPhase.PUT_ASIDE)
        assert line_of(view) == (
            f"jig1 slot 2: hub {hub.chf} was withdrawn from order WO-1; take the hub out and put it aside"
        )
        await hands.bench.unseat(SECOND)
        await station.until(SECOND, SlotPhase.EMPTY)

        async def is_clear() -> bool:
            try:
                await works_on(station, "WO-2", trays_empty=True)
            except Conflict as not_yet:
                if not_yet.facts["seated"]:
                    raise
                return False
            return True

        await until_so(is_clear)
        undeclared = await refused(station.ask("unassign_order", order="WO-2", jig="jig1"))
        assert str(undeclared).startswith("jig1: all slots are empty; look whether the trays are empty")
        assert "works on order WO-2, not on order WO-1" in str(
            await refused(station.ask("unassign_order", order="WO-1", jig="jig1", trays_empty=True))
        )
        assert await station.ask("unassign_order", order="WO-2", jig="jig1", trays_empty=True) == {
            "order": None,
            "jig": "jig1",
        }
        await station.until_that(lambda: station.view(FIRST).order is None)
        await hands.bench.seat(other, FIRST)
        view = await station.until(FIRST, SlotPhase.REJECTED)
        assert view.code == "no_open_order"
    boarded = facts["jigs"][0]["board"] is not None
    by = {"by_switch": (1, 2), "by_link": ()} if boarded else {"by_switch": (), "by_link": (1, 2)}
    cleared = [
        event.model_dump(include={"order", "by_switch", "by_link", "by_eye"})
        for event in events_of(hands.settings, LineCleared)
    ]
    assert cleared == [{"order": order, "by_eye": (), **by} for order in ("WO-1", "WO-2")]
    assert [event.actor.pseudonym for event in events_of(hands.settings, LineCleared)] == ["op-7", "op-7"]
    (unassigned,) = events_of(hands.settings, OrderUnassigned)
    assert (unassigned.order, unassigned.jig) == ("WO-2", "jig1")


async def test_a_hub_that_was_seated_since_the_last_look_that_counts_is_met_by_who_clears_the_line(
    boarded: Hands,
) -> None:
    """A switch has to stand still for a second here before it is believed: whoever decides has the board asked anew."""
    hands = boarded
    facts = {**hands.settings.model_dump(), "people": {}, "operator": "op-7"}
    facts["jigs"][0]["board"]["debounce_seconds"] = 1.0
    hands.settings = StationSettings.model_validate(facts)
    hub, other = (hands.bench.hub() for _ in range(2))
    await hands.order(hub)
    async with journal_of(hands.settings) as journal:
        await import_order(journal, order_csv(other, order="WO-2"))
    assign = {"order": "WO-2", "jig": "jig1", "trays_empty": True}
    close = {"order": "WO-1", "reason": "over", "incomplete_accepted": True, "trays_empty": True}
    async with running_daemon(hands.settings) as station:
        for asked, fields in (("assign_order", assign), ("close_order", close)):
            await station.until(FIRST, SlotPhase.EMPTY)
            await hands.bench.seat(other, FIRST)
            told = await refused(station.ask(asked, **fields))
            assert " sits in jig1 slot 1; take the hubs out, then ask again" in str(told)
            await hands.bench.unseat(FIRST)
        await station.until(FIRST, SlotPhase.EMPTY)
        await hands.bench.do("board", jig=1, act="fault", fault="silent")
        told = await refused(station.ask("assign_order", **assign))
        assert "jig1 slot 1 is not known to be empty (its board does not tell, or is contradicted)" in str(
            told
        )
    assert not events_of(hands.settings, LineCleared)


def desk_over(journal: Journal, look: Callable[[str], tuple[Occupancy, ...]] | None) -> Desk:
    async def look_at(jigs: Collection[str]) -> dict[str, tuple[Occupancy, ...]]:
        assert look is not None
        return {jig: look(jig) for jig in jigs}

    looking = None if look is None else look_at
    return desk_of_orders(journal, "jig1", "jig2", clearance=LineClearance(lambda: True, looking))


async def test_what_nobody_can_tell_of_is_looked_into_and_everything_is_one_append(
    bench: Bench, tmp_path: Path
) -> None:
    unclear: dict[str, Occupancy] = {
        "jig1": Unknown(slot(1), Doubt.NOT_LISTENED_TO),
        "jig2": Unknown(slot(1, 2), Doubt.SILENCE, silent_seconds=30.0),
    }
    async with Journal.open(tmp_path, site="site", station="bench") as journal:
        await import_order(journal, order_csv(bench.hub()), "jig1", "jig2")
        await import_order(journal, order_csv(bench.hub(), order="WO-2"))
        desk = desk_over(journal, lambda jig: (unclear[jig],))
        assign = AssignOrder(order="WO-2", jig="jig1", trays_empty=True)
        told = await refused(desk.answer(assign, THE_ACCOUNT))
        assert "jig1 slot 1 is not known to be empty (nobody listens to its link)" in str(told)
        assert "name each (--seen-empty jig1/3)" in str(told)
        seen = assign.model_copy(update={"seen_empty": (slot(1),)})
        nobody = Entrance(Role.ACCOUNT, "terminal", operator=lambda: None)
        assert "signs for it" in str(await refused(desk.answer(seen, nobody), Invalid))
        elsewhere = assign.model_copy(update={"seen_empty": (slot(1, 2),)})
        await refused(desk.answer(elsewhere, THE_ACCOUNT), Invalid)
        both = CloseOrder(
            order="WO-1",
            reason="r",
            incomplete_accepted=True,
            trays_empty=True,
            seen_empty=(slot(1), slot(1, 2)),
        )
        booting = await refused(desk.answer(both, THE_ACCOUNT))
        assert str(booting) == (
            "not clear: jig2 slot 1 is not known to be empty (a hub may be booting there; 30 s of silence will tell);"
            " ask again in a moment"
        )
        unclear["jig2"] = Empty(slot(1, 2), "link")
        first = await journal.append(OrderUnassigned(order="WO-1", jig="jig2", actor=None))
        assert await desk.answer(seen, THE_ACCOUNT) == WorksOn(order="WO-2", jig="jig1", before="WO-1")
        # Two at once: what the second took the line to be cleared of is not there any more.
        with pytest.raises(EventRefused, match="jig1 works on order WO-2 now, not on order WO-1"):
            await journal.append(
                LineCleared(
                    jig="jig1",
                    order="WO-1",
                    by_switch=(1,),
                    by_link=(),
                    by_eye=(),
                    actor={"pseudonym": "op-1", "where": "terminal"},  # type: ignore[arg-type]
                ),
                OrderAssigned(order="WO-1", jig="jig1"),
            )
        # A hub that was begun with since the look was seated, whatever order it is begun with for.
        await journal.append(
            AttemptOpened(place=slot(1), order="WO-2", hub=None, number=1, operator=None, scanned_id=HUB)
        )
        away = UnassignOrder(order="WO-2", jig="jig1", trays_empty=True, seen_empty=(slot(1),))
        assert "jig1 slot 1" in str(await refused(desk.answer(away, THE_ACCOUNT)))
        assert await journal.jig_order("jig1") == "WO-2"
        assert first[0].sequence
        without = desk_over(journal, None)
        assert "the station's daemon" in str(await refused(without.answer(away, THE_ACCOUNT), Unavailable))
        assert (await without.answer(both, THE_ACCOUNT)).order == "WO-1", "it is on no jig"


async def test_an_order_is_not_closed_over_a_jig_that_was_given_it_meanwhile(
    bench: Bench, tmp_path: Path
) -> None:
    async with Journal.open(tmp_path, site="site", station="bench") as journal:
        await import_order(journal, order_csv(bench.hub()), "jig1")
        looked: list[str] = []

        def look(jig: str) -> tuple[Occupancy, ...]:
            looked.append(jig)
            return (Empty(slot(1), "switch"),)

        desk = desk_over(journal, look)
        ask = journal.open_attempts

        async def given_meanwhile() -> Any:
            await journal.append(OrderAssigned(order="WO-1", jig="jig2"))
            return await ask()

        journal.open_attempts = given_meanwhile  # type: ignore[method-assign]
        close = CloseOrder(order="WO-1", reason="r", incomplete_accepted=True, trays_empty=True)
        told = await refused(desk.answer(close, THE_ACCOUNT))
        assert "is worked on by jig1, jig2 now, not by jig1 as was expected" in str(told)
        assert await journal.jig_order("jig2") == "WO-1"
        journal.open_attempts = ask  # type: ignore[method-assign]
        looked.clear()
        await desk.answer(close, THE_ACCOUNT)
        assert looked == ["jig1", "jig2"]
