"""Goods that were accepted, and turn out to be none that may be: they are rejected after all, as long as the bench has not begun with them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, insert, or_, select, update

from inventory.database.delivery_tables import delivered, deliveries, delivery_rejections
from inventory.database.packing_tables import hub_places
from inventory.database.redelivery_tables import dispatched, dispatches
from inventory.database.tables import request_hubs, standings
from inventory.delivery.goods import Unit, UnitKind
from inventory.delivery.judging import Reason
from inventory.delivery.name import delivery_name
from inventory.errors import WrongInput
from inventory.notices import queue
from inventory.notices.kind import Kind
from inventory.requests.book import NotNow, name_of, plural, require

_COLUMN: Final = {UnitKind.PALLET: delivered.c.pallet, UnitKind.CARTON: delivered.c.carton}


def reject(
    connection: Connection, delivery: int, units: Sequence[Unit], *, reason: str, by: str, now: datetime
) -> int:
    """Reject in somebody's name what a delivery had brought and was accepted; return of how many hubs. The caller writes alone.

    Raises WrongInput for what did not come with it or has no finding, NotNow for a hub that the bench has begun with, or that has left.
    """
    request = connection.scalar(select(deliveries.c.request).where(deliveries.c.id == delivery))
    if request is None:
        raise WrongInput(f"there is no delivery {delivery_name(delivery)}")
    row = require(connection, request, "authorised")
    if not units:
        raise WrongInput("nothing is to be rejected: name a pallet, carton or hub")
    rejected = []
    for unit in units:
        finding = unit.finding
        if finding is None or finding.reason in (None, Reason.FOREIGN_HUB):
            raise WrongInput(f"{unit.kind} {unit.code} needs a finding of its own, as damaged_packaging")
        hubs = _accepted(connection, request, delivery, unit)
        _require_untouched(connection, request, row.work_order, hubs)
        here = and_(delivered.c.delivery == delivery, delivered.c.hub.in_(hubs))
        connection.execute(
            update(delivered).where(here).values(rejected=finding.reason, detail=finding.detail)
        )
        act = {"delivery": delivery, "unit": unit.kind.value, "code": unit.code, "hubs": len(hubs)}
        connection.execute(
            insert(delivery_rejections).values(
                **act, finding=finding.reason, reason=reason, rejected=now, rejected_by=by
            )
        )
        rejected += [(hub, finding.reason, finding.detail) for hub in hubs]
    facts = {
        "request": name_of(request),
        "party": row.party,
        "work_order": row.work_order,
        "delivery": delivery_name(delivery),
        "hubs": len(rejected),
        "devices": plural(row.family),
        "reason": reason,
    }
    listing = ("hub", "rejected", "detail"), rejected
    queue.put(connection, request, row.party, Kind.GOODS_REJECTED, facts, now, listing, by=by)
    return len(rejected)


def _accepted(connection: Connection, request: int, delivery: int, unit: Unit) -> list[str]:
    hubs = connection.scalars(
        select(delivered.c.hub).where(
            delivered.c.delivery == delivery, delivered.c.rejected.is_(None), _is_it(request, unit)
        )
    ).all()
    if not hubs:
        raise WrongInput(
            f"nothing of {unit.kind} {unit.code} was accepted with {delivery_name(delivery)}, or it is rejected already"
        )
    return sorted(hubs)


def _is_it(request: int, unit: Unit) -> ColumnElement[bool]:
    if unit.kind is not UnitKind.HUB:
        return _COLUMN[unit.kind] == unit.code
    line = request_hubs.c
    either = select(line.chf).where(
        line.request == request, or_(line.chf == unit.code, line.gpf == unit.code)
    )
    return delivered.c.hub.in_(either)


def _require_untouched(connection: Connection, request: int, work_order: str, hubs: Sequence[str]) -> None:
    place, left = hub_places.c, dispatched.c
    begun = select(standings.c.device).where(
        standings.c.work_order == work_order, standings.c.device.in_(hubs)
    )
    placed = select(place.hub).where(
        place.hub.in_(hubs), place.current, place.work_order == work_order, place.place.is_not(None)
    )
    gone = (
        select(left.hub)
        .join(dispatches, dispatches.c.id == left.dispatch)
        .where(dispatches.c.request == request, left.hub.in_(hubs), left.fate != "refused")
    )
    for chosen, why in (
        (gone, "has left"),
        (begun, "has a result"),
        (placed, "lies in a place of the bench"),
    ):
        if found := sorted(set(connection.scalars(chosen))):
            more = f" and {len(found) - 1} more" if len(found) > 1 else ""
            raise NotNow(
                f"{found[0]}{more} {why} by now: its way goes on at the bench, not back from goods-in"
            )
