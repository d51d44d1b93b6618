"""Amends an authorised order: lines added or cancelled, also after its hubs arrived, are a new revision of its whole file.

Whoever runs the station shows what that changes there, and signs it (docs/work-orders.md, `reflash orders revise`).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, func, insert, or_, select, update

from firmware_catalog.identity import Eui64
from inventory.database.delivery_tables import delivered, deliveries, order_revisions
from inventory.database.tables import request_hubs, requests
from inventory.errors import WrongInput
from inventory.notices import queue
from inventory.notices.kind import Kind
from inventory.requests import limits
from inventory.requests.book import (
    NotNow,
    Verdict,
    file_name,
    hubs_of_order,
    in_open_requests,
    name_of,
    plural,
    require,
    require_within,
)
from inventory.requests.bridge_judging import broken_sets
from inventory.requests.extract import Registered
from inventory.requests.judging import Judged
from inventory.requests.listed import Listed, judged, row_of
from inventory.requests.order import order_bytes
from inventory.requests.settings import RequestSettings
from inventory.upstream.orders import look_again_at_hubs_of

_AT_ONCE: Final = 1000


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
    add: Listed | None,
    cancel: Sequence[Eui64],
    settings: RequestSettings,
    by: str,
    reason: str,
    now: datetime,
) -> Revised:
    """Add hubs to an authorised order, and cancel lines of others (by either id), in somebody's name. The caller writes alone.

    Raises NotNow if nothing would change, no line or half a set of bridges would be left, the list is of another family, or a limit
    refuses; WrongInput for a line that is none.
    """
    row = require(connection, request, "authorised")
    _cancel(connection, request, cancel, now)
    verdict, warnings = None, list[str]()
    if add is not None:
        if add.family != row.family:
            raise NotNow(
                f"{name_of(request)} is of {plural(row.family)}, and {add.sheet.name} lists {plural(add.family)}: "
                "an order has one or the other"
            )
        verdict, warnings = _add(connection, row, add, settings, now)
    added = verdict.accepted if verdict else 0
    if not added and not cancel:
        raise NotNow(f"nothing of work order {row.work_order} would change")
    if (broken := broken_sets(_sets(connection, request))) is not None:
        raise NotNow(f"{broken}: a set is cancelled and joins as a whole")
    data = order_bytes(connection, request, row.work_order)
    if data is None:
        raise NotNow(
            f"no line of work order {row.work_order} would be left; close {name_of(request)} instead"
        )
    revision, digest = row.revision + 1, hashlib.sha256(data).hexdigest()
    list_file, extract = (add.sheet, add.extract) if add is not None else (None, None)
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
    headings, listing = hubs_of_order(connection, row)
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
            "devices": plural(row.family),
        },
        now,
        (headings, listing),
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
            found |= {Eui64.parse(each): chf for each in (chf, gpf) if each is not None}
    return found


def _sets(connection: Connection, request: int) -> dict[str, tuple[int, int]]:
    """Return by premises how many bridges its set has, and how many of them stand on the order."""
    line = request_hubs.c
    rows = connection.execute(
        select(line.premises, func.max(line.set_members), func.count())
        .where(
            line.request == request,
            line.premises.is_not(None),
            line.refused.is_(None),
            line.cancelled.is_(None),
        )
        .group_by(line.premises)
    )
    return {premises: (has, stands) for premises, has, stands in rows}


def standing_and_rejected(connection: Connection, request: int) -> list[Eui64]:
    """Return the hubs whose line stands though they were rejected at delivery, each time that they came; of bridges, their whole sets."""
    hub = request_hubs.c
    came = select(delivered.c.hub).join(deliveries, deliveries.c.id == delivered.c.delivery)
    came = came.where(deliveries.c.request == request)
    stands = and_(
        hub.request == request, hub.authorised.is_not(None), hub.refused.is_(None), hub.cancelled.is_(None)
    )
    rejected = and_(
        stands,
        hub.chf.in_(came.where(delivered.c.rejected.is_not(None))),
        hub.chf.not_in(came.where(delivered.c.rejected.is_(None))),
    )
    of_rejected = select(hub.premises).where(rejected, hub.premises.is_not(None))
    rows = connection.scalars(select(hub.chf).where(stands, or_(rejected, hub.premises.in_(of_rejected))))
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
    connection: Connection, row: Row[*tuple[Any, ...]], add: Listed, settings: RequestSettings, now: datetime
) -> tuple[Verdict, list[str]]:
    lines = judged(connection, add, row.party, settings, in_open_requests(connection), now)
    joining = [each.hub for each in lines if each.reason is None]
    regions = Counter(each.region for each in joining if isinstance(each, Registered))
    over = limits.beyond_a_month(connection, regions, settings.limits, now)
    require_within(over)
    after = connection.scalar(select(func.max(request_hubs.c.line)).where(request_hubs.c.request == row.id))
    _forget_cancelled(connection, row.id, lines)
    rows = []
    for each in lines:
        values = row_of(row.id, row.party, each)
        # A list that joins has lines of its own: they are counted on from the last.
        values["line"] += after or 0
        rows.append({**values, "authorised": None if each.reason is not None else now})
    for at in range(0, len(rows), _AT_ONCE):
        connection.execute(insert(request_hubs), rows[at : at + _AT_ONCE])
    look_again_at_hubs_of(connection, row.id)
    refused = Counter(each.reason.value for each in lines if each.reason is not None)
    verdict = Verdict(row.id, len(lines) - refused.total(), dict(refused), add.family)
    return verdict, [each.line for each in over]


def _forget_cancelled(connection: Connection, request: int, lines: Sequence[Judged]) -> None:
    """A hub that joins again has one line that counts."""
    accepted = [each.hub for each in lines if each.reason is None and each.hub is not None]
    joining = [str(hub.chf if isinstance(hub, Registered) else hub.device) for hub in accepted]
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
