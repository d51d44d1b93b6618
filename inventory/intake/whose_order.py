"""At which stations a work order is. It is for one; what two are to do is two orders."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import Connection, select

from inventory.database.tables import messages, order_facts, results
from inventory.intake.findings import Finding


def at_two_stations(connection: Connection, told: Collection[tuple[str, str]]) -> list[Finding]:
    """Return what has to be looked into of orders that were told of now, each with who told it.

    Facts of orders, also those that came now, stand in the tables by then.
    """
    has_it: defaultdict[str, list[str]] = defaultdict(list)
    rows = connection.execute(
        select(order_facts.c.work_order, messages.c.source)
        .join(messages, messages.c.id == order_facts.c.message)
        .where(order_facts.c.work_order.in_({order for order, _ in told}))
        .order_by(order_facts.c.message)
    )
    for order, source in (*rows, *sorted(told)):
        if source not in has_it[order]:
            has_it[order].append(source)
    return [
        Finding(
            "order_at_two_stations",
            f"{other} works on {order}, which is {first}'s: an order is for one station. Close it at the one that is not to "
            "have it, and split it if both are to (docs/inventory.md, Several stations)",
        )
        for order, (first, *others) in has_it.items()
        for other in others
    ]


def not_closed_at(connection: Connection, work_order: str) -> str | None:
    """Return who has the order and has not told that it is reconciled and closed; None if each station that has it did.

    One has it also if a result of its own says so, whatever became of its facts. Of an order that no station has told of it is
    "the bench".
    """
    closed: dict[str, bool] = {}
    rows = connection.execute(
        select(messages.c.source, order_facts.c.what)
        .join(messages, messages.c.id == order_facts.c.message)
        .where(order_facts.c.work_order == work_order)
        .order_by(order_facts.c.message)
    )
    for source, what in rows:
        closed[source] = closed.get(source, False) or what == "closed"
    worked_on = (
        select(messages.c.source)
        .distinct()
        .join(results, results.c.message == messages.c.id)
        .where(results.c.work_order == work_order)
    )
    for source in sorted(connection.scalars(worked_on)):
        closed.setdefault(source, False)
    if not closed:
        return "the bench"
    return next((source for source, is_closed in closed.items() if not is_closed), None)
