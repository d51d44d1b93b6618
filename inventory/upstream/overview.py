"""Where things stand upstream, for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, or_, select

from firmware_catalog.identity import Eui64
from inventory.database.tables import hubs, ssmi_files
from inventory.database.upstream_tables import (
    pre_notification_tries,
    pre_notifications,
    ssmi_rows,
    ssmi_uploads,
    upstream_orders,
)


class Count(NamedTuple):
    """How many hubs of one way are in one state."""

    way: str
    state: str
    hubs: int
    since: datetime | None
    """When the oldest of those that wait was made."""
    answer: str | None
    """What was last answered to one of them."""


def counts(connection: Connection) -> list[Count]:
    """Return how many pre-notifications and rows of files are in each state."""
    sent, row = pre_notifications.c, ssmi_rows.c
    found = [
        Count(way, state, number, since if state == "waiting" else None, answer)
        for way, state, number, since, answer in connection.execute(
            select(sent.csp, sent.state, func.count(), func.min(sent.made), func.max(sent.answer))
            .group_by(sent.csp, sent.state)
            .order_by(sent.csp, sent.state)
        )
    ]
    by_file = select(row.state, func.count()).group_by(row.state).order_by(row.state)
    return found + [Count("SSMI", state, number, None, None) for state, number in connection.execute(by_file)]


def waiting_orders(connection: Connection) -> Sequence[tuple[str, str]]:
    """Return each order that may not go up yet, with what it waits for."""
    order = upstream_orders.c
    rows = connection.execute(
        select(order.work_order, order.waits_for)
        .where(order.waits_for.is_not(None))
        .order_by(order.work_order)
    )
    return [(work_order, reason) for work_order, reason in rows]


def told_of(connection: Connection, either_id: Eui64) -> list[dict[str, Any]]:
    """Return all that was told of a hub, oldest first, each with its tries."""
    wanted = str(either_id)
    is_it = or_(hubs.c.device == wanted, hubs.c.gpf == wanted)
    sent, row, tried = pre_notifications.c, ssmi_rows.c, pre_notification_tries.c
    told = []
    columns = (
        sent.id,
        sent.csp,
        sent.work_order,
        sent.firmware,
        sent.state,
        sent.code,
        sent.answer,
        sent.document,
    )
    for one in connection.execute(
        select(*columns).join(hubs, hubs.c.device == sent.device).where(is_it).order_by(sent.id)
    ).all():
        tries = connection.execute(
            select(tried.begun, tried.worker, tried.ended, tried.outcome, tried.detail)
            .where(tried.notification == one.id)
            .order_by(tried.number)
        )
        told.append(
            {
                "by": one.csp,
                "work_order": one.work_order,
                "firmware": one.firmware,
                "state": one.state,
                "answer": one.answer,
                "document": one.document,
                "tries": [dict(each._mapping) for each in tries],  # noqa: SLF001 - its public name
            }
        )
    for by_file in connection.execute(
        select(row.file, ssmi_files.c.work_order, row.firmware, row.state, row.answer)
        .join(hubs, hubs.c.device == row.device)
        .join(ssmi_files, ssmi_files.c.id == row.file)
        .where(is_it)
        .order_by(row.file)
    ).all():
        up = ssmi_uploads.c
        tries = connection.execute(
            select(up.begun, up.uploaded_by, up.ended, up.outcome, up.detail)
            .where(up.file == by_file.file)
            .order_by(up.id)
        )
        told.append(
            {
                "by": "SSMI",
                "work_order": by_file.work_order,
                "firmware": by_file.firmware,
                "state": by_file.state,
                "answer": by_file.answer,
                "document": None,
                "tries": [dict(each._mapping) for each in tries],  # noqa: SLF001 - its public name
            }
        )
    return told
