"""What a party is told at the end: what became of each hub, what is scrapped, and what has to be called back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, case, select, update

from inventory.database.packing_tables import carton_recalls, cartons, hub_places
from inventory.database.redelivery_tables import dispatched, dispatches
from inventory.database.tables import (
    hubs,
    request_hubs,
    requests,
    results,
    standings,
)
from inventory.intake.missing import missing_of
from inventory.intake.whose_order import not_closed_at
from inventory.notices import queue
from inventory.notices.kind import Kind
from inventory.redelivery.addresses import address_of
from inventory.requests.book import NotNow, name_of, naming, plural, require
from station.domain.destination import Destination
from station.domain.outcome import Outcome


def tell_done(
    connection: Connection, request: int, *, despite_missing: str | None, by: str, now: datetime
) -> Counter[str]:
    """Have a party told that its order is done, in somebody's name; return how many hubs had which outcome.

    `despite_missing` says why although messages have not come. The caller writes alone. Raises NotNow where that was told before, the bench has not closed the order, or results have not come.
    """
    row = require(connection, request, "authorised")
    if row.done is not None:
        raise NotNow(f"{row.party} was told so on {row.done:%Y-%m-%d} by {row.done_by}")
    if (station := not_closed_at(connection, row.work_order)) is not None:
        raise NotNow(f"{station} has not told that {row.work_order} is reconciled and closed")
    if despite_missing is None:
        _require_all(connection, row.work_order)
    headings, rows = _hubs(connection, row)
    outcomes = Counter(each.outcome or "not_worked_on" for each in rows)
    flashed, current = outcomes[Outcome.PASSED], outcomes[Outcome.ALREADY_CURRENT]
    facts = {"request": name_of(request), "party": row.party, "work_order": row.work_order}
    facts["devices"] = plural(row.family)
    queue.put(
        connection,
        request,
        row.party,
        Kind.DONE,
        {
            **facts,
            "re_flashed": flashed,
            "already_current": current,
            "not_re_flashed": len(rows) - flashed - current,
            "address": address_of(connection, request),
        },
        now,
        (headings, rows),
        by=by,
    )
    if scrapped := [each for each in rows if each.place == Destination.SCRAP]:
        queue.put(
            connection,
            request,
            row.party,
            Kind.SCRAPPED,
            {**facts, "hubs": len(scrapped)},
            now,
            (headings, scrapped),
            by=by,
        )
    connection.execute(
        update(requests)
        .where(requests.c.id == request)
        .values(done=now, done_by=by, done_despite=despite_missing)
    )
    return outcomes


def _require_all(connection: Connection, work_order: str) -> None:
    if (lacking := missing_of(connection, work_order, ("result", "packing"))) is not None:
        raise NotNow(f"{work_order}: {lacking.line}")


def _hubs(
    connection: Connection, request: Row[*tuple[Any, ...]]
) -> tuple[Sequence[str], Sequence[Row[*tuple[Any, ...]]]]:
    """Return headings and rows: which device, and what became of it."""
    line, counts, work_order = request_hubs.c, results.alias("counts"), request.work_order
    columns = {
        **naming(request.family),
        "outcome": standings.c.outcome,
        "reason": counts.c.code,
        "firmware_version": hubs.c.firmware,
        "place": case((hub_places.c.work_order == work_order, hub_places.c.place)).label("place"),
    }
    rows = connection.execute(
        select(*columns.values())
        .outerjoin(standings, and_(standings.c.device == line.chf, standings.c.work_order == work_order))
        .outerjoin(counts, counts.c.message == standings.c.message)
        .outerjoin(hubs, hubs.c.device == line.chf)
        .outerjoin(hub_places, and_(hub_places.c.hub == line.chf, hub_places.c.current))
        .where(line.request == request.id, line.refused.is_(None), line.cancelled.is_(None))
        .order_by(line.line)
    )
    return tuple(columns), rows.all()


def recalled(connection: Connection, request: int | None = None) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return each carton that is recalled: its order and place at the bench, and in which dispatch it left, if it did."""
    left = (
        select(dispatched.c.source, dispatched.c.carton, dispatched.c.dispatch, dispatched.c.fate)
        .where(dispatched.c.fate != "refused")
        .distinct()
        .subquery()
    )
    columns = (cartons.c.source, cartons.c.carton, cartons.c.pallet, cartons.c.work_order, cartons.c.hubs)
    chosen = (
        select(*columns, cartons.c.firmware, requests.c.party, left.c.dispatch, left.c.fate)
        .join(carton_recalls, _recalls(cartons.c.source, cartons.c.carton))
        .outerjoin(requests, requests.c.work_order == cartons.c.work_order)
        .outerjoin(left, and_(left.c.source == cartons.c.source, left.c.carton == cartons.c.carton))
        .where(cartons.c.current)
        .order_by(cartons.c.source, cartons.c.carton)
    )
    return connection.execute(chosen if request is None else chosen.where(requests.c.id == request)).all()


def tell_recalled(connection: Connection, request: int, *, reason: str, by: str, now: datetime) -> int:
    """Have a party told in somebody's name which hubs that left are recalled; return how many.

    The caller writes alone. Raises NotNow where none is.
    """
    row = connection.execute(select(requests).where(requests.c.id == request)).first()
    if row is None:
        raise NotNow(f"there is no request {name_of(request)}")
    called = connection.execute(
        select(dispatched.c.hub, dispatched.c.carton, dispatched.c.pallet, dispatched.c.firmware)
        .join(dispatches, dispatches.c.id == dispatched.c.dispatch)
        .join(carton_recalls, _recalls(dispatched.c.source, dispatched.c.carton))
        .where(dispatches.c.request == request, dispatched.c.fate.in_(("on_the_way", "delivered")))
        .order_by(dispatched.c.id)
    ).all()
    if not called:
        raise NotNow(f"nothing that left of {name_of(request)} is recalled")
    facts = {
        "request": name_of(request),
        "party": row.party,
        "work_order": row.work_order,
        "hubs": len(called),
        "devices": plural(row.family),
        "reason": reason,
    }
    listing = ("hub", "carton", "pallet", "firmware"), called
    queue.put(connection, request, row.party, Kind.RECALLED, facts, now, listing, by=by)
    return len(called)


def _recalls(source: ColumnElement[str], carton: ColumnElement[str]) -> ColumnElement[bool]:
    """Join a carton with what stands of it now, if it is recalled."""
    recall = carton_recalls.c
    return and_(recall.source == source, recall.carton == carton, recall.current, recall.recalled)
