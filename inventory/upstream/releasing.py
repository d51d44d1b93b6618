"""A supervisor lets a part of an order go up before the bench has closed it, or although results of it are missing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Select, insert, or_, select

from firmware_catalog.devices import Family
from firmware_catalog.identity import Eui64
from inventory.database.tables import request_hubs, requests, standings
from inventory.database.upstream_tables import upstream_released_hubs, upstream_releases
from inventory.errors import WrongInput
from inventory.upstream.orders import look_again
from station.domain.outcome import SUCCESSES


def release(
    connection: Connection, work_order: str, hubs: Sequence[Eui64], *, by: str, reason: str, now: datetime
) -> int:
    """Let these hubs of an order go up, by either id, or without any, those with a success; return how many.

    Raises WrongInput for an order that was not authorised here or is of bridges, for a hub that is not on it, and where there is none to release.
    """
    order = connection.execute(
        select(requests.c.id, requests.c.family).where(requests.c.work_order == work_order)
    ).first()
    if order is None:
        raise WrongInput(
            f"no work order {work_order} was authorised here; see reflash inventory requests list"
        )
    if order.family == Family.BRIDGE:
        raise WrongInput(f"work order {work_order} is of bridges, of which nothing goes upstream")
    line = request_hubs.c
    on_it = select(line.chf).where(line.request == order.id, line.refused.is_(None))
    if hubs:
        devices = [_one(connection, on_it, work_order, each) for each in hubs]
    else:
        done = select(standings.c.device).where(
            standings.c.work_order == work_order, standings.c.outcome.in_(SUCCESSES)
        )
        devices = list(connection.scalars(on_it.where(line.chf.in_(done))))
    if not devices:
        raise WrongInput(f"{work_order} has no hub with a success yet")
    act = connection.scalar(
        insert(upstream_releases)
        .values(work_order=work_order, released=now, released_by=by, reason=reason)
        .returning(upstream_releases.c.id)
    )
    connection.execute(
        insert(upstream_released_hubs), [{"release": act, "device": each} for each in sorted(set(devices))]
    )
    look_again(connection, [work_order])
    return len(set(devices))


def _one(connection: Connection, on_it: Select[str], work_order: str, either_id: Eui64) -> str:
    ids = request_hubs.c.chf, request_hubs.c.gpf
    found = connection.scalar(on_it.where(or_(*(each == str(either_id) for each in ids))))
    if found is None:
        raise WrongInput(f"{either_id} is no hub of {work_order}")
    return found


def reasons_of(connection: Connection, work_order: str) -> str | None:
    """Return why parts of an order were released; None where none was."""
    reasons = connection.scalars(
        select(upstream_releases.c.reason)
        .where(upstream_releases.c.work_order == work_order)
        .order_by(upstream_releases.c.id)
    ).all()
    return "; ".join(reasons) or None
