"""Makes pre-notifications of what the bench has closed, or a supervisor released: one for each hub that the inventory knows otherwise."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from inventory.database.tables import request_hubs, requests
from inventory.database.upstream_tables import pre_notifications
from inventory.upstream.document import Documents, NotValid
from inventory.upstream.jobs import replace
from inventory.upstream.orders import due_orders, looked_at
from inventory.upstream.settings import RouteSettings, UpstreamSettings
from inventory.upstream.update import NotYet, OfBridges, ResultsMissing, Told, Update, of_route, update_of

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
        open_ones = _open_of(connection, work_order)
        try:
            update = update_of(connection, work_order, ways)
        except NotYet as reason:
            waits = None if isinstance(reason, OfBridges) else str(reason)
            looked_at(connection, work_order, waits, again=isinstance(reason, ResultsMissing))
            continue
        _take_back_elsewhere(connection, update, ways, open_ones, now)
        for route in ways.routes:
            if route.n3 is not None:
                told = of_route(update, ways, route)
                made += _plan_route(connection, work_order, told, route, documents[route.csp], open_ones, now)
        lacks = update.lacks
        waits_for = None if lacks is None else str(lacks)
        looked_at(connection, work_order, waits_for, again=isinstance(lacks, ResultsMissing))
    return made


_Open = Mapping[str, Sequence[Row[*tuple[Any, ...]]]]
"""Pre-notifications that wait or were refused, oldest first, by CHF."""


def _open_of(connection: Connection, work_order: str) -> _Open:
    sent, line = pre_notifications.c, request_hubs.c
    of_order = select(line.chf).join(requests, requests.c.id == line.request)
    found: defaultdict[str, list[Row[*tuple[Any, ...]]]] = defaultdict(list)
    for row in connection.execute(
        select(sent.id, sent.device, sent.csp, sent.firmware, sent.state, sent.doubtful)
        .where(
            sent.state.in_(("waiting", "refused")),
            sent.device.in_(of_order.where(requests.c.work_order == work_order)),
        )
        .order_by(sent.id)
    ):
        found[row.device].append(row)
    return found


def _take_back_elsewhere(
    connection: Connection, update: Update, ways: UpstreamSettings, open_ones: _Open, now: datetime
) -> None:
    """Take back what was never taken of hubs that go another way by now: their region was corrected."""
    for hub in update.told:
        route = ways.route_of(hub.region)
        csp = None if route is None or route.n3 is None else route.csp
        for each in open_ones.get(hub.chf, ()):
            if each.state == "waiting" and each.csp != csp:
                replace(connection, each.id, now)


def _plan_route(
    connection: Connection,
    work_order: str,
    told: Sequence[Told],
    route: RouteSettings,
    documents: Documents,
    open_ones: _Open,
    now: datetime,
) -> int:
    rows = []
    for hub in told:
        before = open_ones.get(hub.chf, ())
        if before and (before[-1].csp, before[-1].firmware) == (route.csp, hub.firmware):
            continue
        for each in before:
            # One that may have been taken goes on until that is known; this one goes after it.
            if not each.doubtful:
                replace(connection, each.id, now)
        rows.append(row_of(hub, work_order, route.csp, documents, now))
    for at in range(0, len(rows), 500):
        connection.execute(insert(pre_notifications), rows[at : at + 500])
    return len(rows)


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
