"""Makes pre-notifications of what the bench has closed, or a supervisor released: one for each hub that the inventory knows otherwise."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from inventory.database.upstream_tables import pre_notifications
from inventory.upstream.document import Documents, NotValid
from inventory.upstream.jobs import replace
from inventory.upstream.orders import due_orders, looked_at
from inventory.upstream.settings import RouteSettings, UpstreamSettings
from inventory.upstream.update import NotYet, ResultsMissing, Told, Update, of_route, update_of

NOT_VALID = "not_valid"
"""The code of a pre-notification that does not follow the schema: a dead letter that was never sent."""


def plan(
    connection: Connection, ways: UpstreamSettings, documents: Mapping[str, Documents], now: datetime
) -> int:
    """Look at each order of which something was told, and return how many pre-notifications were made. The caller writes alone.

    `documents` by CSP.
    """
    made = 0
    for work_order in due_orders(connection):
        try:
            update = update_of(connection, work_order, ways)
        except NotYet as reason:
            looked_at(connection, work_order, str(reason), again=isinstance(reason, ResultsMissing))
            continue
        _take_back_elsewhere(connection, update, ways, now)
        for route in ways.routes:
            if route.n3 is not None:
                told = of_route(update, ways, route)
                made += _plan_route(connection, work_order, told, route, documents[route.csp], now)
        lacks = update.lacks
        waits_for = None if lacks is None else str(lacks)
        looked_at(connection, work_order, waits_for, again=isinstance(lacks, ResultsMissing))
    return made


def _take_back_elsewhere(
    connection: Connection, update: Update, ways: UpstreamSettings, now: datetime
) -> None:
    """Take back what was never taken of hubs that go another way by now: their region was corrected."""
    csp_of = {
        each.chf: route and route.n3 and route.csp
        for each in update.told
        for route in [ways.route_of(each.region)]
    }
    sent, hubs = pre_notifications.c, sorted(csp_of)
    for at in range(0, len(hubs), 500):
        open_ones = select(sent.id, sent.device, sent.csp).where(
            sent.device.in_(hubs[at : at + 500]), sent.state == "waiting", sent.doubtful.is_(False)
        )
        for number, device, csp in connection.execute(open_ones).all():
            if csp_of[device] != csp:
                replace(connection, number, now)


def _plan_route(
    connection: Connection,
    work_order: str,
    told: Sequence[Told],
    route: RouteSettings,
    documents: Documents,
    now: datetime,
) -> int:
    made = 0
    for at in range(0, len(told), 500):
        some = told[at : at + 500]
        sent = pre_notifications.c
        open_ones = connection.execute(
            select(sent.id, sent.device, sent.csp, sent.firmware, sent.state, sent.doubtful)
            .where(sent.device.in_([each.chf for each in some]), sent.state.in_(("waiting", "refused")))
            .order_by(sent.id)
        ).all()
        rows = []
        for hub in some:
            before = [each for each in open_ones if each.device == hub.chf] if open_ones else []
            if before and (before[-1].csp, before[-1].firmware) == (route.csp, hub.firmware):
                continue
            for each in before:
                # One that may have been taken goes on until that is known; this one goes after it.
                if not each.doubtful:
                    replace(connection, each.id, now)
            rows.append(row_of(hub, work_order, route.csp, documents, now))
        if rows:
            connection.execute(insert(pre_notifications), rows)
        made += len(rows)
    return made


def row_of(
    hub: Told, work_order: str, csp: str, documents: Documents, now: datetime, **more: Any
) -> dict[str, Any]:
    """Return a new pre-notification's row, waiting, or refused before it is ever sent where it does not follow the schema."""
    notification_id = str(uuid.uuid4())
    row: dict[str, Any] = {
        "notification_id": notification_id,
        "csp": csp,
        "work_order": work_order,
        "device": hub.chf,
        "firmware": hub.firmware,
        "message": hub.message,
        "state": "waiting",
        "doubtful": False,
        "tries": 0,
        "due": now,
        "made": now,
        "made_by": None,
        "made_why": None,
        "corrects": None,
        "decided": None,
        "code": None,
        "answer": None,
    } | more
    try:
        row["document"] = documents.write(hub, notification_id)
    except NotValid as error:
        row |= {"document": "", "state": "refused", "decided": now, "code": NOT_VALID, "answer": str(error)}
    return row
