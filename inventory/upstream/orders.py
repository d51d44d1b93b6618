"""Which work orders have to be looked at, since a station has told something of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, Select, exists, func, insert, select, update

from inventory.database.tables import messages, order_facts, request_hubs, requests, results
from inventory.database.upstream_tables import upstream_mark, upstream_orders


def look_again(connection: Connection, work_orders: Collection[str]) -> None:
    """Have these looked at. The caller writes alone."""
    known = set(
        connection.scalars(
            select(upstream_orders.c.work_order).where(upstream_orders.c.work_order.in_(work_orders))
        )
    )
    if known:
        connection.execute(
            update(upstream_orders).where(upstream_orders.c.work_order.in_(known)).values(due=True)
        )
    if new := sorted(set(work_orders) - known):
        connection.execute(insert(upstream_orders), [{"work_order": each, "due": True} for each in new])


def look_again_at_hubs_of(connection: Connection, request: int) -> None:
    """Have the orders looked at that have a hub of a request: its extract says what the inventory holds. The caller writes alone."""
    held, line = request_hubs.alias("held"), request_hubs.c
    orders = (
        select(requests.c.work_order)
        .distinct()
        .join(request_hubs, line.request == requests.c.id)
        .join(held, held.c.chf == line.chf)
        .where(held.c.request == request, requests.c.work_order.is_not(None), line.refused.is_(None))
    )
    look_again(connection, connection.scalars(orders).all())


def due_orders(connection: Connection) -> Sequence[str]:
    """Put down the orders of which something was told since, and return all that have to be looked at. The caller writes alone."""
    through = connection.scalar(select(upstream_mark.c.message))
    newest = connection.scalar(select(func.max(messages.c.id))) or 0
    if through is None:
        connection.execute(insert(upstream_mark).values(id=1, message=newest))
    elif newest != through:
        connection.execute(update(upstream_mark).values(message=newest))
    told: set[str] = set()
    for table in (results, order_facts):
        new = (
            select(table.c.work_order)
            .distinct()
            .where(table.c.message > (through or 0), table.c.work_order.is_not(None))
        )
        told |= set(connection.scalars(new))
    told |= set(connection.scalars(_of_other_results(through or 0)))
    if told:
        look_again(connection, told)
    return connection.scalars(
        select(upstream_orders.c.work_order)
        .where(upstream_orders.c.due)
        .order_by(upstream_orders.c.work_order)
    ).all()


def _of_other_results(through: int) -> Select[str]:
    """Return the orders that have hubs of new results which came under no order, or under one that does not have the hub."""
    own_hub, own = request_hubs.alias("own_hub"), requests.alias("own")
    under_own = (
        exists()
        .where(own.c.id == own_hub.c.request, own_hub.c.chf == results.c.device)
        .where(own_hub.c.refused.is_(None), own.c.work_order == results.c.work_order)
    )
    return (
        select(requests.c.work_order)
        .distinct()
        .join(request_hubs, request_hubs.c.request == requests.c.id)
        .join(results, results.c.device == request_hubs.c.chf)
        .where(
            results.c.message > through,
            requests.c.work_order.is_not(None),
            request_hubs.c.refused.is_(None),
            ~under_own,
        )
    )


def look_at_all(connection: Connection) -> None:
    """Have all orders looked at: the ways upstream may be others by now. The caller writes alone."""
    connection.execute(update(upstream_orders).values(due=True))


def looked_at(connection: Connection, work_order: str, waits_for: str | None, *, again: bool) -> None:
    """Put down that an order was looked at, what it waits for, and whether to look `again` without being told something of it."""
    connection.execute(
        update(upstream_orders)
        .where(upstream_orders.c.work_order == work_order)
        .values(due=again, waits_for=waits_for)
    )
