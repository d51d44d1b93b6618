"""What may happen to a work order: imported once, worked on by jigs, closed once. Pure: facts in, events out.

The caller appends the events of one answer in one call, but those of an import one after the other: a large one keeps no
other append waiting then, and there is no such order before its last line. An empty answer means that everything is already
as asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from station.domain.actor import Actor
from station.orders.csv_import import OrderFile
from station.orders.errors import OrderIncomplete, OrderRefused, OrderUnknown
from station.orders.reconcile import Standing
from station.records.facts.events import Event
from station.records.facts.orders import (
    OrderAssigned,
    OrderClosed,
    OrderImported,
    OrderLinesAdded,
    OrderSummary,
)

_LINES_PER_EVENT: Final = 1000
"""What `OrderLinesAdded` holds at most."""


def find_order(orders: Iterable[OrderSummary], number: str) -> OrderSummary:
    """Return the order of this number. Raises OrderUnknown when there is none."""
    for order in orders:
        if order.order == number:
            return order
    raise OrderUnknown(f"there is no order {number}: see 'reflash orders list', or import it first")


def events_for_import(
    file: OrderFile, orders: Iterable[OrderSummary], actor: Actor | None = None
) -> tuple[Event, ...]:
    """Import an order. The same file again changes nothing, so that an import whose answer was lost can be repeated.

    Raises OrderRefused when its number stands for another file's content: nothing is amended that nobody has seen.
    """
    known = next((order for order in orders if order.order == file.number), None)
    if known is not None:
        if known.sha256 == file.sha256:
            return ()
        if known.closed is not None:  # nothing amends it any more
            raise OrderRefused(
                f"order {file.number} was imported from {known.source} with other content, and is closed "
                f"({known.closed}): give {file.source} a number of its own"
            )
        raise OrderRefused(
            f"order {file.number} was imported from {known.source} with other content: if {file.source} is to amend it, "
            f"have the difference shown, and sign for it (reflash orders revise {file.source}); else correct its number"
        )
    chunks = (
        file.lines[start : start + _LINES_PER_EVENT] for start in range(0, len(file.lines), _LINES_PER_EVENT)
    )
    return (
        OrderImported(
            order=file.number, source=file.source, sha256=file.sha256, hubs=len(file.lines), actor=actor
        ),
        *(OrderLinesAdded(order=file.number, lines=chunk) for chunk in chunks),
    )


def events_for_assignment(order: OrderSummary, jig: str, actor: Actor | None = None) -> tuple[Event, ...]:
    """Let a jig work on the order, in place of the one it works on now. Raises OrderRefused for a closed order."""
    _require_open(order)
    return () if jig in order.jigs else (OrderAssigned(order=order.order, jig=jig, actor=actor),)


def events_for_closing(
    order: OrderSummary,
    standing: Standing,
    reason: str,
    actor: Actor | None = None,
    *,
    incomplete_accepted: bool,
) -> tuple[Event, ...]:
    """Close the order for good; its jigs are free again.

    Raises OrderRefused for an order that is closed and for an empty reason, and OrderIncomplete for one with hubs that
    have no result or are in no place, or with unfinished cartons, unless a person accepted that.
    """
    _require_open(order)
    if not reason.strip():
        raise OrderRefused(f"order {order.order} is closed with a reason only: state one")
    if not standing.complete and not incomplete_accepted:
        raise OrderIncomplete(
            f"order {order.order} is not complete ({standing}): find those, or close it as incomplete"
        )
    return (OrderClosed(order=order.order, reason=reason.strip(), actor=actor),)


def _require_open(order: OrderSummary) -> None:
    if order.closed is not None:
        raise OrderRefused(f"order {order.order} is closed ({order.closed}): import a new one")
