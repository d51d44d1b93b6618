"""What lies in store: accepted, and not gone back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, and_, func, select

from inventory.database.delivery_tables import delivered, deliveries
from inventory.database.redelivery_tables import dispatched, dispatches
from inventory.database.tables import request_hubs, requests

_AT_ONCE: Final = 1000


def accepted_before(
    connection: Connection, request: int, chfs: Sequence[str] | None = None
) -> dict[str, int]:
    """Return the delivery in which each hub of a request (each of these, if given) was accepted."""
    accepted = (
        select(delivered.c.hub, delivered.c.delivery)
        .join(deliveries, deliveries.c.id == delivered.c.delivery)
        .where(deliveries.c.request == request, delivered.c.rejected.is_(None))
    )
    if chfs is None:
        return dict(connection.execute(accepted).all())
    found: dict[str, int] = {}
    for at in range(0, len(chfs), _AT_ONCE):
        some = accepted.where(delivered.c.hub.in_(chfs[at : at + _AT_ONCE]))
        found.update(connection.execute(some).all())
    return found


def in_store(connection: Connection) -> Mapping[str, int]:
    """Return how many hubs of each region lie in store, of orders that are not closed."""
    # What was refused at its door came back.
    gone = (
        select(dispatched.c.id)
        .join(dispatches, dispatches.c.id == dispatched.c.dispatch)
        .where(
            dispatches.c.request == deliveries.c.request,
            dispatched.c.hub == delivered.c.hub,
            dispatched.c.fate != "refused",
        )
    )
    accepted = (
        select(request_hubs.c.region, func.count())
        .select_from(
            delivered.join(deliveries, deliveries.c.id == delivered.c.delivery)
            .join(requests, requests.c.id == deliveries.c.request)
            .join(
                request_hubs,
                and_(
                    request_hubs.c.request == deliveries.c.request,
                    request_hubs.c.chf == delivered.c.hub,
                    request_hubs.c.refused.is_(None),
                ),
            )
        )
        .where(delivered.c.rejected.is_(None), requests.c.state == "authorised", ~gone.exists())
        .group_by(request_hubs.c.region)
    )
    return dict(connection.execute(accepted).all())
