"""Where an order stands, on one page: counted by the database, not hub by hub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, FromClause, and_, func, or_, select

from firmware_catalog.identity import Eui64
from inventory.database.delivery_tables import delivered, deliveries
from inventory.database.packing_tables import hub_places
from inventory.database.redelivery_tables import dispatched, dispatches
from inventory.database.tables import order_facts, request_hubs, requests, standings
from inventory.errors import WrongInput
from inventory.redelivery.addresses import address_of
from inventory.requests.book import name_of


@dataclass(frozen=True, slots=True)
class Overview:
    """A request, and what came of it so far. Each mapping counts hubs."""

    request: str
    party: str
    family: str
    """`hub` or `bridge`: of which all its lines are."""
    state: str
    received: datetime
    decided: datetime | None
    decided_by: str | None
    reason: str | None
    work_order: str | None
    purchase_order: str | None
    revision: int
    accepted: int
    cancelled: int
    refused: Mapping[str, int]
    """By reason."""
    bench: Sequence[str]
    """What the benches told of the order."""
    delivered: Mapping[str, int]
    """`accepted`, or by the reason why rejected."""
    outcomes: Mapping[str, int]
    """Of the results that count."""
    places: Mapping[str, int]
    """Where the benches have them."""
    dispatched: Mapping[str, int]
    """By what became of them on their way."""
    address: str | None
    done: datetime | None
    done_by: str | None
    done_despite: str | None
    """Why its party was told so although messages had not come."""
    closed: datetime | None
    closed_by: str | None
    closed_reason: str | None


def overview(connection: Connection, request: int) -> Overview:
    """Return where a request stands. Raises WrongInput for none."""
    row = connection.execute(select(requests).where(requests.c.id == request)).first()
    if row is None:
        raise WrongInput(f"there is no request {name_of(request)}; see reflash inventory requests list")
    line = request_hubs.c
    lines = connection.execute(
        select(line.refused, func.count(), func.count(line.cancelled))
        .where(line.request == request)
        .group_by(line.refused)
    ).all()
    refused = {reason: number for reason, number, _ in lines if reason is not None}
    accepted, cancelled = next(((number, off) for reason, number, off in lines if reason is None), (0, 0))
    order = row.work_order

    def counted(column: Column[Any], joined: FromClause, condition: ColumnElement[bool]) -> dict[str, int]:
        chosen = select(column, func.count()).select_from(joined).where(condition).group_by(column)
        return {name or "accepted": number for name, number in connection.execute(chosen)}

    came = delivered.join(deliveries, deliveries.c.id == delivered.c.delivery)
    left = dispatched.join(dispatches, dispatches.c.id == dispatched.c.dispatch)
    place = hub_places.c
    placed = and_(place.current, place.work_order == order, place.place.is_not(None))
    return Overview(
        request=name_of(request),
        party=row.party,
        family=row.family,
        state=row.state,
        received=row.received,
        decided=row.decided,
        decided_by=row.decided_by,
        reason=row.reason,
        work_order=order,
        purchase_order=row.purchase_order,
        revision=row.revision,
        accepted=accepted - cancelled,
        cancelled=cancelled,
        refused=refused,
        bench=connection.scalars(
            select(order_facts.c.what)
            .where(order_facts.c.work_order == order)
            .order_by(order_facts.c.message)
        ).all(),
        delivered=counted(delivered.c.rejected, came, deliveries.c.request == request),
        outcomes=counted(standings.c.outcome, standings, standings.c.work_order == order),
        places=counted(place.place, hub_places, placed),
        dispatched=counted(dispatched.c.fate, left, dispatches.c.request == request),
        address=address_of(connection, request),
        done=row.done,
        done_by=row.done_by,
        done_despite=row.done_despite,
        closed=row.closed,
        closed_by=row.closed_by,
        closed_reason=row.closed_reason,
    )


@dataclass(frozen=True, slots=True)
class Line:
    """A hub's line in a request."""

    request: str
    work_order: str | None
    state: str
    refused: str | None
    cancelled: bool


def lines_of(connection: Connection, either_id: Eui64) -> list[Line]:
    """Return in which requests a hub is or was, by either id, newest first."""
    hub, wanted = request_hubs.c, str(either_id)
    rows = connection.execute(
        select(requests.c.id, requests.c.work_order, requests.c.state, hub.refused, hub.cancelled)
        .join(requests, requests.c.id == hub.request)
        .where(or_(hub.chf == wanted, hub.gpf == wanted))
        .order_by(requests.c.id.desc())
    )
    return [
        Line(name_of(row.id), row.work_order, row.state, row.refused, row.cancelled is not None)
        for row in rows
    ]
