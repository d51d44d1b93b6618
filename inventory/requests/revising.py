"""Amends an authorised order: lines added or cancelled, also after its hubs arrived, are a new revision of its whole file.

Whoever runs the station shows what that changes there, and signs it (docs/work-orders.md, `reflash orders revise`).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, func, insert, or_, select, update

from firmware_catalog.identity import Eui64
from inventory.assets import bridges
from inventory.database.delivery_tables import delivered, deliveries, order_revisions
from inventory.database.tables import request_hubs, requests
from inventory.errors import WrongInput
from inventory.notices import queue
from inventory.notices.kind import Kind
from inventory.requests import limits
from inventory.requests.book import (
    HUB_HEADINGS,
    NotNow,
    Verdict,
    file_name,
    hubs_of_order,
    in_open_requests,
    name_of,
    require,
    require_within,
    row_of,
)
from inventory.requests.extract import Registered, require_taken
from inventory.requests.judging import Judged, judge
from inventory.requests.order import order_bytes
from inventory.requests.request_file import Asked
from inventory.requests.settings import RequestSettings
from inventory.requests.sheet import Sheet

_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class Added:
    """A list of hubs that join an order, and the extract that they are judged by."""

    asked: Sequence[Asked]
    registered: Mapping[Eui64, Registered]
    files: tuple[Sheet, Sheet]


@dataclass(frozen=True, slots=True)
class Revised:
    """An amended order."""

    revision: int
    verdict: Verdict | None
    """Of the lines that were to be added."""
    cancelled: int
    name: str
    """Of its file, without the ending."""
    data: bytes
    warnings: Sequence[str]


def revise(
    connection: Connection,
    request: int,
    *,
    add: Added | None,
    cancel: Sequence[Eui64],
    settings: RequestSettings,
    by: str,
    reason: str,
    now: datetime,
) -> Revised:
    """Add hubs to an authorised order, and cancel lines of others (by either id), in somebody's name. The caller writes alone.

    Raises NotNow if nothing would change, no line would be left, or a limit refuses; WrongInput for a line that is none.
    """
    row = require(connection, request, "authorised")
    _cancel(connection, request, cancel, now)
    verdict, warnings = None, list[str]()
    if add is not None:
        verdict, warnings = _add(connection, row, add, settings, now)
    added = verdict.accepted if verdict else 0
    if not added and not cancel:
        raise NotNow(f"nothing of work order {row.work_order} would change")
    data = order_bytes(connection, request, row.work_order)
    if data is None:
        raise NotNow(
            f"no line of work order {row.work_order} would be left; close {name_of(request)} instead"
        )
    revision, digest = row.revision + 1, hashlib.sha256(data).hexdigest()
    list_file, extract = add.files if add is not None else (None, None)
    connection.execute(
        insert(order_revisions).values(
            request=request,
            revision=revision,
            order_sha256=digest,
            file=list_file and list_file.name,
            file_sha256=list_file and list_file.sha256,
            extract=extract and extract.name,
            extract_sha256=extract and extract.sha256,
            added=added,
            cancelled=len(set(cancel)),
            revised=now,
            revised_by=by,
            reason=reason,
        )
    )
    connection.execute(
        update(requests).where(requests.c.id == request).values(revision=revision, order_sha256=digest)
    )
    listing = hubs_of_order(connection, request)
    queue.put(
        connection,
        request,
        row.party,
        Kind.AMENDED,
        {
            "request": name_of(row.id),
            "party": row.party,
            "work_order": row.work_order,
            "added": added,
            "cancelled": len(set(cancel)),
            "hubs": len(listing),
        },
        now,
        (HUB_HEADINGS, listing),
        by=by,
    )
    name = file_name(row.work_order, revision)
    return Revised(revision, verdict, len(set(cancel)), name, data, warnings)


def standing_hubs(connection: Connection, request: int, ids: Sequence[Eui64]) -> dict[Eui64, str]:
    """Return the CHF id of each hub, by either id, of which a line stands on the order."""
    found: dict[Eui64, str] = {}
    texts = sorted({str(each) for each in ids})
    hub = request_hubs.c
    stands = and_(hub.request == request, hub.refused.is_(None), hub.cancelled.is_(None))
    for at in range(0, len(texts), _AT_ONCE):
        some = texts[at : at + _AT_ONCE]
        for chf, gpf in connection.execute(
            select(hub.chf, hub.gpf).where(stands, or_(hub.chf.in_(some), hub.gpf.in_(some)))
        ):
            found[Eui64.parse(chf)] = found[Eui64.parse(gpf)] = chf
    return found


def standing_and_rejected(connection: Connection, request: int) -> list[Eui64]:
    """Return the hubs whose line stands though they were rejected at delivery, each time that they came."""
    hub = request_hubs.c
    came = select(delivered.c.hub).join(deliveries, deliveries.c.id == delivered.c.delivery)
    came = came.where(deliveries.c.request == request)
    rows = connection.scalars(
        select(hub.chf).where(
            hub.request == request,
            hub.authorised.is_not(None),
            hub.refused.is_(None),
            hub.cancelled.is_(None),
            hub.chf.in_(came.where(delivered.c.rejected.is_not(None))),
            hub.chf.not_in(came.where(delivered.c.rejected.is_(None))),
        )
    )
    return [Eui64.parse(each) for each in rows]


def _cancel(connection: Connection, request: int, cancel: Sequence[Eui64], now: datetime) -> None:
    standing = standing_hubs(connection, request, cancel)
    if unknown := [str(each) for each in cancel if each not in standing]:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise WrongInput(f"no line of {name_of(request)} stands for {unknown[0]}{more}")
    hubs = sorted({standing[each] for each in cancel})
    for at in range(0, len(hubs), _AT_ONCE):
        connection.execute(
            update(request_hubs)
            .where(
                request_hubs.c.request == request,
                request_hubs.c.refused.is_(None),
                request_hubs.c.chf.in_(hubs[at : at + _AT_ONCE]),
            )
            .values(cancelled=now)
        )


def _add(
    connection: Connection, row: Row[*tuple[Any, ...]], add: Added, settings: RequestSettings, now: datetime
) -> tuple[Verdict, list[str]]:
    require_taken(add.files[1], add.registered, now)
    judged = judge(
        add.asked,
        row.party,
        add.registered,
        settings.release_of,
        in_open_requests(connection),
        bridges(connection),
    )
    regions = Counter(each.hub.region for each in judged if each.reason is None and each.hub is not None)
    over = limits.beyond_a_month(connection, regions, settings.limits, now)
    require_within(over)
    after = connection.scalar(select(func.max(request_hubs.c.line)).where(request_hubs.c.request == row.id))
    _forget_cancelled(connection, row.id, judged)
    rows = []
    for each in judged:
        values = row_of(row.id, each)
        # A list that joins has lines of its own: they are counted on from the last.
        values["line"] += after or 0
        rows.append({**values, "authorised": None if each.reason is not None else now})
    for at in range(0, len(rows), _AT_ONCE):
        connection.execute(insert(request_hubs), rows[at : at + _AT_ONCE])
    refused = Counter(each.reason.value for each in judged if each.reason is not None)
    verdict = Verdict(row.id, len(judged) - refused.total(), dict(refused))
    return verdict, [each.line for each in over]


def _forget_cancelled(connection: Connection, request: int, judged: Sequence[Judged]) -> None:
    """A hub that joins again has one line that counts."""
    joining = [str(each.hub.chf) for each in judged if each.reason is None and each.hub is not None]
    for at in range(0, len(joining), _AT_ONCE):
        connection.execute(
            update(request_hubs)
            .where(
                request_hubs.c.request == request,
                request_hubs.c.cancelled.is_not(None),
                request_hubs.c.refused.is_(None),
                request_hubs.c.chf.in_(joining[at : at + _AT_ONCE]),
            )
            .values(refused="cancelled", detail="it was cancelled, and joined again")
        )
