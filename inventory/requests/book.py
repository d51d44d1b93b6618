"""The book of requests: taken in, judged, decided by a named person, and made into work orders."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, func, insert, select, update

from firmware_catalog.identity import Eui64
from inventory.database.tables import order_facts, request_hubs, requests
from inventory.errors import InventoryError, WrongInput
from inventory.requests.extract import Registered
from inventory.requests.judging import Judged, judge
from inventory.requests.request_file import Asked
from inventory.requests.settings import LimitSettings, RequestSettings
from inventory.requests.sheet import Sheet
from station.domain.printable import printable

OPEN: Final = ("judged", "authorised")
_AT_ONCE: Final = 1000


class NotNow(InventoryError):
    """A request is in a state in which this cannot be done with it, or a limit forbids it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a request's lines."""

    request: int
    accepted: int
    refused: Mapping[str, int]
    """How many for each reason."""

    @property
    def name(self) -> str:
        """How people call it."""
        return name_of(self.request)

    @property
    def whole(self) -> str:
        """`accepted`, `rejected`, or `in part` (requirement 2)."""
        if not self.refused:
            return "accepted"
        return "in part" if self.accepted else "rejected"


def name_of(request: int) -> str:
    """Return how people call a request."""
    return f"RQ-{request:06}"


def number_of(name: str) -> int:
    """Return a request's number by how people call it. Raises WrongInput."""
    digits = name.upper().removeprefix("RQ-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 18):
        raise WrongInput(f"{name[:40]!r} is no request, such as RQ-000001")
    return int(digits)


def take_in(
    connection: Connection,
    *,
    party: str,
    asked: Sequence[Asked],
    registered: Mapping[Eui64, Registered],
    files: tuple[Sheet, Sheet],
    settings: RequestSettings,
    by: str,
    now: datetime,
) -> Verdict:
    """Judge a list and keep it, with every line and its reason. The caller writes alone. Raises NotNow for one that is there."""
    file, extract = files
    there = connection.scalar(
        select(requests.c.id).where(
            requests.c.party == party, requests.c.file_sha256 == file.sha256, requests.c.state.in_(OPEN)
        )
    )
    if there is not None:
        raise NotNow(
            f"{file.name} is {name_of(there)} already; see reflash inventory requests show {name_of(there)}"
        )
    judged = judge(asked, party, registered, settings.release_of, _elsewhere(connection))
    request = connection.scalar(
        insert(requests)
        .values(
            party=party,
            file=file.name,
            file_sha256=file.sha256,
            extract=extract.name,
            extract_sha256=extract.sha256,
            received=now,
            received_by=by,
            state="judged",
        )
        .returning(requests.c.id)
    )
    if request is None:
        raise AssertionError("an insert returns its id")
    for at in range(0, len(judged), _AT_ONCE):
        connection.execute(insert(request_hubs), [_row(request, each) for each in judged[at : at + _AT_ONCE]])
    refused = Counter(each.reason.value for each in judged if each.reason is not None)
    return Verdict(request, len(judged) - refused.total(), dict(refused))


def _elsewhere(connection: Connection) -> dict[Eui64, str]:
    """Return the open request of each hub that is in one."""
    rows = connection.execute(
        select(request_hubs.c.chf, request_hubs.c.request)
        .join(requests, requests.c.id == request_hubs.c.request)
        .where(requests.c.state.in_(OPEN), request_hubs.c.refused.is_(None))
    )
    return {Eui64.parse(chf): name_of(request) for chf, request in rows}


def _row(request: int, judged: Judged) -> dict[str, Any]:
    hub, asked = judged.hub, judged.asked
    return {
        "request": request,
        "line": asked.line,
        "ids": printable(asked.text),
        "chf": hub and str(hub.chf),
        "gpf": hub and str(hub.gpf),
        "manufacturer": hub and hub.model.manufacturer,
        "model": hub and hub.model.model,
        "firmware": hub and str(hub.firmware),
        "status": hub and hub.status,
        "owner": hub and hub.owner,
        "region": hub and hub.region,
        "han_variant": hub and hub.han_variant,
        "chts_version": hub and hub.chts_version,
        "installation_end": asked.installation_end,
        "refused": judged.reason and judged.reason.value,
        "detail": judged.detail,
    }


def authorise(
    connection: Connection,
    request: int,
    *,
    work_order: str,
    purchase_order: str,
    by: str,
    limits: Sequence[LimitSettings],
    now: datetime,
) -> tuple[bytes, list[str]]:
    """Authorise a judged request in somebody's name; return its work order's file, and each limit that it goes beyond.

    The caller writes alone. Raises NotNow for a request that is decided, has no accepted hub, or would go beyond a limit that refuses.
    """
    row = _require(connection, request, "judged")
    over = _beyond(connection, request, limits, now)
    if refusing := [line for line, refuses in over if refuses]:
        raise NotNow(refusing[0])
    if connection.scalar(select(requests.c.id).where(requests.c.work_order == work_order)) is not None:
        raise NotNow(f"there is a work order {work_order} already; give this one another number")
    data = _order_file(connection, request, work_order)
    if data is None:
        raise NotNow(f"{name_of(row.id)} has no accepted hub; refuse it")
    connection.execute(
        update(requests)
        .where(requests.c.id == request)
        .values(
            state="authorised",
            work_order=work_order,
            purchase_order=purchase_order,
            order_sha256=hashlib.sha256(data).hexdigest(),
            decided=now,
            decided_by=by,
        )
    )
    return data, [line for line, _ in over]


def _beyond(
    connection: Connection, request: int, limits: Sequence[LimitSettings], now: datetime
) -> list[tuple[str, bool]]:
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    accepted = request_hubs.c.refused.is_(None)
    over = []
    for limit in limits:
        here = request_hubs.c.region.in_(limit.regions)
        asked = (
            connection.scalar(select(func.count()).where(request_hubs.c.request == request, accepted, here))
            or 0
        )
        before = connection.scalar(
            select(func.count())
            .select_from(request_hubs.join(requests, requests.c.id == request_hubs.c.request))
            .where(accepted, here, requests.c.work_order.is_not(None), requests.c.decided >= month)
        )
        total = asked + (before or 0)
        if asked and total > limit.hubs_a_month:
            regions = ", ".join(sorted(limit.regions))
            line = f"{total} hubs of {regions} would be authorised in {now:%B %Y}, more than {limit.hubs_a_month}"
            over.append((line, limit.refuse))
    return over


def decide(connection: Connection, request: int, state: str, *, by: str, reason: str, now: datetime) -> None:
    """Refuse a judged request, or close an authorised one, in somebody's name. Raises NotNow."""
    _require(connection, request, "judged" if state == "refused" else "authorised")
    values: dict[str, Any] = {"state": state, "decided_by": by, "reason": reason}
    if state == "refused":
        values["decided"] = now  # when an authorised one was authorised is what its month is counted by
    connection.execute(update(requests).where(requests.c.id == request).values(**values))


def order_file(connection: Connection, request: int) -> tuple[str, bytes]:
    """Return the work order of an authorised request, by number and file: the same bytes each time. Raises NotNow."""
    row = _require(connection, request, "authorised")
    data = _order_file(connection, request, row.work_order)
    if data is None or hashlib.sha256(data).hexdigest() != row.order_sha256:
        raise NotNow(f"work order {row.work_order} is not what was authorised: its rows were changed by hand")
    return row.work_order, data


def _order_file(connection: Connection, request: int, work_order: str) -> bytes | None:
    """Return the file as the stations take it (docs/work-orders.md): hubs that may be installed no longer soon come first."""
    hub = request_hubs.c
    columns = {
        "chf_id": hub.chf,
        "gpf_id": hub.gpf,
        "manufacturer": hub.manufacturer,
        "model": hub.model,
        "region": hub.region,
        "variant": hub.han_variant,
        "recorded_firmware_version": hub.firmware,
        "inventory_status": hub.status,
        "owner_party": hub.owner,
        "chts_version": hub.chts_version,
    }
    rows = connection.execute(
        select(*columns.values())
        .where(hub.request == request, hub.refused.is_(None))
        .order_by(hub.installation_end.is_(None), hub.installation_end, hub.line)
    ).all()
    if not rows:
        return None
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["order_number", "order_hubs", *columns])
    writer.writerows([work_order, len(rows), *row] for row in rows)
    return text.getvalue().encode()


def _one(connection: Connection, request: int) -> Row[*tuple[Any, ...]]:
    row = connection.execute(select(requests).where(requests.c.id == request)).first()
    if row is None:
        raise WrongInput(f"there is no request {name_of(request)}; see reflash inventory requests list")
    return row


def _require(connection: Connection, request: int, state: str) -> Row[*tuple[Any, ...]]:
    row = _one(connection, request)
    if row.state != state:
        by = f" by {row.decided_by}" if row.decided_by else ""
        raise NotNow(f"{name_of(request)} is {row.state}{by}, and has to be {state} for that")
    return row


def every(connection: Connection) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return each request with how many of its hubs are accepted, newest first."""
    accepted = select(func.count()).where(
        request_hubs.c.request == requests.c.id, request_hubs.c.refused.is_(None)
    )
    columns = (requests.c.id, requests.c.party, requests.c.received, requests.c.state, requests.c.work_order)
    return connection.execute(
        select(*columns, accepted.scalar_subquery().label("accepted")).order_by(requests.c.id.desc())
    ).all()


def shown(
    connection: Connection, request: int
) -> tuple[Row[*tuple[Any, ...]], Sequence[Row[*tuple[Any, ...]]], Sequence[str]]:
    """Return a request, its lines, and what the benches have told of its work order. Raises WrongInput."""
    row = _one(connection, request)
    lines = connection.execute(
        select(request_hubs).where(request_hubs.c.request == request).order_by(request_hubs.c.line)
    ).all()
    told = connection.scalars(
        select(order_facts.c.what)
        .where(order_facts.c.work_order == row.work_order)
        .order_by(order_facts.c.message)
    ).all()
    return row, lines, told
