"""What was rejected and has to go back to its party."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, select, update

from inventory.database.delivery_tables import delivered, deliveries
from inventory.database.tables import requests
from inventory.delivery.judging import Reason
from inventory.delivery.name import delivery_name
from inventory.errors import WrongInput
from inventory.requests.book import NotNow

_AT_ONCE: Final = 1000


def _to_go_back() -> ColumnElement[bool]:
    """Return the condition of rejected goods that have not gone back, and were not accepted after all."""
    later, delivery_of_later = delivered.alias("later"), deliveries.alias("delivery_of_later")
    accepted_since = (
        select(later.c.id)
        .join(delivery_of_later, delivery_of_later.c.id == later.c.delivery)
        .where(
            later.c.hub == delivered.c.hub,
            later.c.rejected.is_(None),
            later.c.id > delivered.c.id,
            delivery_of_later.c.request == deliveries.c.request,
        )
    )
    # What was accepted before is the same hub a second time on paper: it lies in store, and does not go back for that.
    return and_(
        delivered.c.rejected.is_not(None),
        delivered.c.rejected != Reason.RECEIVED_BEFORE.value,
        delivered.c.returned.is_(None),
        ~accepted_since.exists(),
    )


def to_go_back(connection: Connection, request: int | None = None) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return what was rejected and has to go back, oldest first."""
    columns = (
        deliveries.c.id.label("delivery"),
        requests.c.party,
        requests.c.work_order,
        deliveries.c.received,
        *(delivered.c[name] for name in ("pallet", "carton", "hub", "rejected", "detail")),
    )
    chosen = _to_go_back() if request is None else and_(_to_go_back(), deliveries.c.request == request)
    return connection.execute(
        select(*columns)
        .select_from(
            delivered.join(deliveries, deliveries.c.id == delivered.c.delivery).join(
                requests, requests.c.id == deliveries.c.request
            )
        )
        .where(chosen)
        .order_by(delivered.c.id)
    ).all()


def give_back(connection: Connection, delivery: int, *, note: str, by: str, now: datetime) -> int:
    """Record in somebody's name that what was rejected of a delivery went back to its party; return how many.

    Raises WrongInput for no such delivery, NotNow where nothing of it has to go back.
    """
    if connection.scalar(select(deliveries.c.id).where(deliveries.c.id == delivery)) is None:
        raise WrongInput(f"there is no delivery {delivery_name(delivery)}")
    chosen = (
        select(delivered.c.id)
        .join(deliveries, deliveries.c.id == delivered.c.delivery)
        .where(delivered.c.delivery == delivery, _to_go_back())
    )
    numbers = connection.scalars(chosen).all()
    if not numbers:
        raise NotNow(f"nothing of {delivery_name(delivery)} has to go back")
    for at in range(0, len(numbers), _AT_ONCE):
        connection.execute(
            update(delivered)
            .where(delivered.c.id.in_(numbers[at : at + _AT_ONCE]))
            .values(returned=now, returned_by=by, return_note=note)
        )
    return len(numbers)
