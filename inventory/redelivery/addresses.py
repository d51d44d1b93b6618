"""Where a request's hubs go back to: what its party says, amended until they have left."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert, select

from inventory.database.redelivery_tables import addresses, dispatched, dispatches
from inventory.database.tables import request_hubs
from inventory.requests.book import NotNow, name_of, require


def address_of(connection: Connection, request: int) -> str | None:
    """Return the address that counts for what has not left; None if none was given."""
    return connection.scalar(
        select(addresses.c.address)
        .where(addresses.c.request == request)
        .order_by(addresses.c.id.desc())
        .limit(1)
    )


def amend(connection: Connection, request: int, address: str, *, reason: str, by: str, now: datetime) -> None:
    """Record in somebody's name where what has not left goes. The caller writes alone. Raises NotNow once all has left."""
    require(connection, request, "authorised")
    hub = request_hubs.c
    left = (
        select(dispatched.c.id)
        .join(dispatches, dispatches.c.id == dispatched.c.dispatch)
        .where(dispatches.c.request == request, dispatched.c.hub == hub.chf, dispatched.c.fate != "refused")
    )
    here = select(hub.chf).where(
        hub.request == request, hub.refused.is_(None), hub.authorised.is_not(None), ~left.exists()
    )
    if connection.execute(here.limit(1)).first() is None:
        raise NotNow(f"all hubs of {name_of(request)} have left; ask their carrier")
    connection.execute(
        insert(addresses).values(
            request=request, address=address, reason=reason, recorded=now, recorded_by=by
        )
    )
