"""Which work orders have to be looked at, since a station has told something of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, func, insert, select, update

from inventory.database.tables import messages, order_facts, results
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
    if told:
        look_again(connection, told)
    return connection.scalars(
        select(upstream_orders.c.work_order)
        .where(upstream_orders.c.due)
        .order_by(upstream_orders.c.work_order)
    ).all()


def looked_at(connection: Connection, work_order: str, waits_for: str | None, *, again: bool) -> None:
    """Put down that an order was looked at, what it waits for, and whether to look `again` without being told something of it."""
    connection.execute(
        update(upstream_orders)
        .where(upstream_orders.c.work_order == work_order)
        .values(due=again, waits_for=waits_for)
    )
