"""Conditions of an append: what a fact must find at the moment in which it is written.

They are held against the tables within the append's own transaction, so that nothing comes between the look and the
act. A replay never asks them: what was once accepted stands, also where this program would refuse it today. What a
fact *means* is `projection`'s.

An attempt is *live* while this process works on its hub: opened or taken up here, and since then neither lost, nor
interrupted, nor closed. What an earlier process left open is not live, however it ended. A fault that latches a slot
in the middle of a visit interrupts its attempt.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable

from station.domain.slot_name import SlotName
from station.records import packing_conditions
from station.records.errors import (
    GoldenHubsOnOrder,
    HubsInWork,
    HubsOnOpenOrders,
    IsGoldenHub,
    NotAsExpected,
    OrderHasOpenAttempts,
    OrderNotHere,
)
from station.records.expectations import Expectation, JigWorksOn
from station.records.facts.attempts import (
    AttemptClosed,
    AttemptId,
    AttemptInterrupted,
    AttemptOpened,
    AttemptResumed,
    HubLost,
)
from station.records.facts.events import Event
from station.records.facts.golden import (
    GoldenCheckStarted,
    GoldenHubEnrolled,
    GoldenHubRetired,
    golden_among,
    is_golden,
    lines_of_golden_hubs,
    require_as_it_was,
    require_not_ordered,
)
from station.records.facts.line_clearance import LineCleared
from station.records.facts.order_revisions import OrderRevised
from station.records.facts.orders import (
    OrderAssigned,
    OrderClosed,
    OrderLinesAdded,
    OrderUnassigned,
    listed_by_others,
    require_open_order,
)


def check(
    tables: sqlite3.Connection, live: Collection[AttemptId], events: Collection[Event | Expectation]
) -> None:
    """Refuse an append whose time has passed. Raises a kind of EventRefused that says what came between."""
    ended = {event.attempt for event in events if isinstance(event, AttemptClosed)}
    for event in events:
        match event:
            case Expectation():
                event.hold(tables)
            case AttemptOpened():
                _is_no_golden_hub(tables, event)
                if event.order is not None:
                    _order_is_worked_on(tables, event.order, event.place.jig)
            case GoldenHubEnrolled():
                require_not_ordered(tables, event)
            case GoldenHubRetired():
                require_as_it_was(tables, event)
            case GoldenCheckStarted():
                if not is_golden(tables, event.chf):
                    raise NotAsExpected(f"{event.chf} is no golden hub any more")
            case OrderLinesAdded():
                if listed := listed_by_others(tables, event.order, event.lines):
                    raise HubsOnOpenOrders(event.order, listed)
                # One may have been enrolled since the order's first lines came, which were no open order's.
                before = lines_of_golden_hubs(tables, event.order)
                if golden := [*before, *golden_among(tables, event.lines)]:
                    raise GoldenHubsOnOrder(event.order, golden)
            case OrderRevised():
                _is_shown_content(tables, event)
            case OrderAssigned():
                _jig_is_free(tables, live, event)
            case OrderUnassigned():
                JigWorksOn(event.jig, event.order).hold(tables)
                what = f"{event.jig} cannot be taken from order {event.order} now"
                _nothing_is_at_work(tables, live, event.jig, what)
            case LineCleared():
                JigWorksOn(event.jig, event.order).hold(tables)
                _nothing_is_at_work(tables, live, event.jig, f"{event.jig} is not clear")
            case OrderClosed():
                _nothing_is_open(tables, live, ended, event.order)
            case _:
                pass
    packing_conditions.check(tables, live, events)


def live_after(live: frozenset[AttemptId], sequence: int, event: Event) -> frozenset[AttemptId]:
    """Return which attempts are live once this event stands at this sequence."""
    match event:
        case AttemptOpened():
            return live | {sequence}
        case AttemptResumed():
            return live | {event.attempt}
        case HubLost() | AttemptInterrupted() | AttemptClosed():
            return live - {event.attempt}
        case _:
            return live


def _is_shown_content(tables: sqlite3.Connection, event: OrderRevised) -> None:
    """A revision amends what was shown beside it, and lists no hub of another open order."""
    require_open_order(tables, event.order)
    found = tables.execute("SELECT sha256 FROM orders WHERE work_order = ?", (event.order,)).fetchone()
    if found != (event.amends,):
        raise NotAsExpected(f"order {event.order} was amended meanwhile", order=event.order)
    if listed := listed_by_others(tables, event.order, (*event.added, *event.changed)):
        raise HubsOnOpenOrders(event.order, listed)
    if golden := golden_among(tables, (*event.added, *event.changed)):
        raise GoldenHubsOnOrder(event.order, golden)


def _is_no_golden_hub(tables: sqlite3.Connection, event: AttemptOpened) -> None:
    """By what the hub says; by its label alone where it says nothing: another hub with that label is rejected for it."""
    hub = event.hub
    said = hub.ids.every if hub is not None else (event.scanned_id,)
    if is_golden(tables, *(device for device in said if device is not None)):
        raise IsGoldenHub(hub.device_id if hub is not None else event.scanned_id)


def _order_is_worked_on(tables: sqlite3.Connection, order: str, jig: str) -> None:
    require_open_order(tables, order)
    assigned = tables.execute("SELECT work_order FROM jig_orders WHERE jig = ?", (jig,)).fetchone()
    if assigned != (order,):
        raise OrderNotHere(order, jig)


def _jig_is_free(tables: sqlite3.Connection, live: Collection[AttemptId], event: OrderAssigned) -> None:
    """A hub in work keeps its order: a jig is taken from an order between two hubs."""
    at_work = [
        place
        for attempt, order, place in _open_attempts(tables)
        if attempt in live and place.jig == event.jig and order not in {None, event.order}
    ]
    if at_work:
        raise HubsInWork(f"order {event.order} cannot come to {event.jig} now", at_work)


def _nothing_is_at_work(tables: sqlite3.Connection, live: Collection[AttemptId], jig: str, what: str) -> None:
    """Whatever a jig's slots said before: a hub that is begun with was seated."""
    at_work = [place for attempt, _, place in _open_attempts(tables) if attempt in live and place.jig == jig]
    if at_work:
        raise HubsInWork(what, at_work)


def _nothing_is_open(
    tables: sqlite3.Connection, live: Collection[AttemptId], ended: Collection[AttemptId], order: str
) -> None:
    """Not even an attempt that this append ends may be live: its hub is being written to."""
    still = [(attempt, place) for attempt, of, place in _open_attempts(tables) if of == order]
    if at_work := [place for attempt, place in still if attempt in live]:
        raise HubsInWork(f"order {order} cannot be closed now", at_work)
    if left := [place for attempt, place in still if attempt not in ended]:
        raise OrderHasOpenAttempts(order, left)


def _open_attempts(tables: sqlite3.Connection) -> Iterable[tuple[AttemptId, str | None, SlotName]]:
    rows = tables.execute(
        "SELECT attempt, work_order, jig, slot FROM attempts WHERE closed IS NULL ORDER BY attempt"
    )
    for attempt, order, jig, slot in rows:
        yield attempt, order, SlotName(jig=jig, slot=slot)
