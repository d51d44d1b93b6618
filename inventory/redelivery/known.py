"""What is known of an order's goods when they are to leave: read from the books, of one moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, select

from inventory.database.packing_tables import carton_recalls, cartons, hub_places, pallets
from inventory.database.redelivery_tables import dispatched, dispatches
from inventory.database.tables import hubs, messages, request_hubs, standings
from inventory.delivery.stock import accepted_before
from inventory.redelivery.leaving import Carton, Hub, Pallet
from station.messages.packing_fact import PackingFact


@dataclass(frozen=True, slots=True)
class Goods:
    """An order's goods, as far as they are known."""

    hubs: Mapping[str, Hub]
    """By CHF id."""
    chf_of: Mapping[str, str]
    """By either id."""
    cartons: Mapping[str, list[Carton]]
    """By code; of two stations that gave the same one, each."""
    pallets: Mapping[str, list[Pallet]]


def goods_of(connection: Connection, request: int, work_order: str, held: Mapping[str, str]) -> Goods:
    """Return what is known of an order's goods. `held` says by CHF id which of its hubs must not leave, and why."""
    by_chf, chf_of = _hubs(connection, request, work_order, held)
    boxes = _cartons(connection, work_order)
    on_pallet: defaultdict[tuple[str, str], list[Carton]] = defaultdict(list)
    by_code: defaultdict[str, list[Carton]] = defaultdict(list)
    for each in boxes:
        by_code[each.code].append(each)
        if each.pallet is not None:
            on_pallet[each.source, each.pallet].append(each)
    by_pallet: defaultdict[str, list[Pallet]] = defaultdict(list)
    of_order = select(pallets).where(pallets.c.current, pallets.c.work_order == work_order)
    for row in connection.execute(of_order):
        on_it = on_pallet[row.source, row.pallet]
        by_pallet[row.pallet].append(Pallet(row.pallet, row.source, row.state, row.cartons, on_it))
    return Goods(by_chf, chf_of, by_code, by_pallet)


def _hubs(
    connection: Connection, request: int, work_order: str, held: Mapping[str, str]
) -> tuple[dict[str, Hub], dict[str, str]]:
    received = accepted_before(connection, request)
    gone = dict(
        connection.execute(
            select(dispatched.c.hub, dispatched.c.fate)
            .join(dispatches, dispatches.c.id == dispatched.c.dispatch)
            .where(dispatches.c.request == request)
            .order_by(dispatched.c.id)
        ).all()
    )
    line = request_hubs.c
    rows = connection.execute(
        select(
            *(line.chf, line.gpf, line.cancelled, standings.c.outcome, hubs.c.firmware),
            *(hub_places.c.place, hub_places.c.work_order),
        )
        .outerjoin(standings, and_(standings.c.device == line.chf, standings.c.work_order == work_order))
        .outerjoin(hubs, hubs.c.device == line.chf)
        .outerjoin(hub_places, and_(hub_places.c.hub == line.chf, hub_places.c.current))
        .where(line.request == request, line.authorised.is_not(None), line.refused.is_(None))
    )
    by_chf, chf_of = {}, dict[str, str]()
    for row in rows:
        chf_of |= {each: row.chf for each in (row.chf, row.gpf) if each is not None}
        by_chf[row.chf] = Hub(
            chf=row.chf,
            received=row.chf in received,
            cancelled=row.cancelled is not None,
            outcome=row.outcome,
            firmware=row.firmware,
            # A place of an order before, years ago, says nothing of today.
            place=row.place if row.work_order in (None, work_order) else None,
            gone=gone.get(row.chf),
            held=held.get(row.chf),
        )
    return by_chf, chf_of


def _cartons(connection: Connection, work_order: str) -> list[Carton]:
    inside: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    of_order = and_(cartons.c.current, cartons.c.work_order == work_order)
    for source, carton, hub in connection.execute(
        select(hub_places.c.source, hub_places.c.carton, hub_places.c.hub)
        .join(cartons, and_(cartons.c.source == hub_places.c.source, cartons.c.carton == hub_places.c.carton))
        .where(hub_places.c.current, of_order)
        .order_by(hub_places.c.hub)
    ):
        inside[source, carton].append(hub)
    recalled = {
        (row.source, row.carton)
        for row in connection.execute(
            select(carton_recalls).where(carton_recalls.c.current, carton_recalls.c.recalled)
        )
    }
    return [
        Carton(
            code=row.carton,
            source=row.source,
            state=row.state,
            owner=row.owner,
            firmware=row.firmware,
            of_bridges=_of_bridges(row.carton, row.data) if row.firmware is None else {},
            hubs=row.hubs,
            pallet=row.pallet,
            recalled=(row.source, row.carton) in recalled,
            inside=inside[row.source, row.carton],
        )
        for row in connection.execute(
            select(cartons, messages.c.data)
            .join(messages, messages.c.id == cartons.c.message)
            .where(of_order)
        )
    ]


def _of_bridges(carton: str, told: Mapping[str, Any]) -> dict[str, str]:
    """Return what each bridge of a set ran when it was packed, as the bench told it: each has a version of its own."""
    fact = PackingFact.model_validate(told)
    held = [each.holds_set for each in fact.cartons if each.carton == carton and each.holds_set is not None]
    return {str(bridge.device): bridge.firmware for one in held for bridge in one.bridges}
