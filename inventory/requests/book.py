"""The book of requests: taken in, judged, decided by a named person, and made into work orders."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, func, insert, select, update

from firmware_catalog.devices import Family
from firmware_catalog.identity import Eui64
from inventory.database.tables import LINE_COLUMNS, order_facts, request_hubs, requests
from inventory.errors import InventoryError, WrongInput
from inventory.notices import queue
from inventory.notices.kind import Kind
from inventory.requests import limits as limits_of
from inventory.requests.judging import Judged
from inventory.requests.limits import Beyond
from inventory.requests.listed import Listed, judged, row_of
from inventory.requests.order import order_bytes
from inventory.requests.settings import LimitSettings, RequestSettings
from inventory.upstream.orders import look_again_at_hubs_of
from station.domain.printable import printable

_TOLD_AS: Final = {
    "accepted": Kind.REQUEST_ACCEPTED,
    "in part": Kind.REQUEST_IN_PART,
    "rejected": Kind.REQUEST_REJECTED,
}
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
    family: Family

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
    listed: Listed,
    settings: RequestSettings,
    by: str,
    now: datetime,
) -> Verdict:
    """Judge a list and keep it, with every line and its reason. The caller writes alone.

    Raises NotNow for one that is there, WrongInput where nobody says when the extract was taken.
    """
    file, extract = listed.sheet, listed.extract
    there = connection.scalar(
        select(requests.c.id).where(
            requests.c.party == party, requests.c.file_sha256 == file.sha256, requests.c.state.in_(OPEN)
        )
    )
    if there is not None:
        raise NotNow(
            f"{file.name} is {name_of(there)} already; see reflash inventory requests show {name_of(there)}"
        )
    lines = judged(connection, listed, party, settings, in_open_requests(connection), now)
    request = connection.scalar(
        insert(requests)
        .values(
            party=party,
            family=listed.family,
            file=file.name,
            file_sha256=file.sha256,
            extract="" if extract is None else extract.name,
            extract_sha256="" if extract is None else extract.sha256,
            received=now,
            received_by=by,
            state="judged",
        )
        .returning(requests.c.id)
    )
    if request is None:
        raise AssertionError("an insert returns its id")
    for at in range(0, len(lines), _AT_ONCE):
        connection.execute(
            insert(request_hubs), [row_of(request, party, each) for each in lines[at : at + _AT_ONCE]]
        )
    look_again_at_hubs_of(connection, request)
    refused = Counter(each.reason.value for each in lines if each.reason is not None)
    verdict = Verdict(request, len(lines) - refused.total(), dict(refused), listed.family)
    queue.put(
        connection,
        request,
        party,
        _TOLD_AS[verdict.whole],
        {
            "request": verdict.name,
            "party": party,
            "devices": plural(listed.family),
            "file": file.name,
            "received": f"{now:%Y-%m-%d}",
            "accepted": verdict.accepted,
            "refused": refused.total(),
            "reason": None,
        },
        now,
        (("line", "ids", "reason", "detail"), _refused_lines(lines)) if refused else None,
        by=by,
    )
    return verdict


def _refused_lines(lines: Sequence[Judged]) -> Iterator[tuple[int, str, str, str | None]]:
    for each in lines:
        if each.reason is not None:
            yield each.asked.line, printable(each.asked.text), each.reason.value, each.detail


def in_open_requests(connection: Connection) -> dict[Eui64, str]:
    """Return the open request of each hub (by its CHF) and bridge that is in one."""
    rows = connection.execute(
        select(request_hubs.c.chf, request_hubs.c.request)
        .join(requests, requests.c.id == request_hubs.c.request)
        .where(
            requests.c.state.in_(OPEN), request_hubs.c.refused.is_(None), request_hubs.c.cancelled.is_(None)
        )
    )
    return {Eui64.parse(chf): name_of(request) for chf, request in rows}


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
    row = require(connection, request, "judged")
    over = limits_of.beyond_a_month(connection, regions_of(connection, request), limits, now)
    require_within(over)
    if connection.scalar(select(requests.c.id).where(requests.c.work_order == work_order)) is not None:
        raise NotNow(f"there is a work order {work_order} already; give this one another number")
    data = order_bytes(connection, request, work_order)
    if data is None:
        raise NotNow(f"{name_of(row.id)} has no accepted {row.family}; refuse it")
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
    connection.execute(
        update(request_hubs)
        .where(request_hubs.c.request == request, request_hubs.c.refused.is_(None))
        .values(authorised=now)
    )
    headings, listing = hubs_of_order(connection, row)
    queue.put(
        connection,
        request,
        row.party,
        Kind.AUTHORISED,
        {
            "request": name_of(row.id),
            "party": row.party,
            "work_order": work_order,
            "purchase_order": purchase_order,
            "hubs": len(listing),
            "devices": plural(row.family),
        },
        now,
        (headings, listing),
        by=by,
    )
    return data, [each.line for each in over]


def plural(family: str) -> str:
    """Return how several of a family are called."""
    return f"{Family(family)}s"


def naming(family: str) -> Mapping[str, ColumnElement[Any]]:
    """Return the columns of a line that say which device it is, by their headings: a hub's two ids, or a bridge and its set."""
    line = request_hubs.c
    if family == Family.HUB:
        return {"chf_id": line.chf, "gpf_id": line.gpf}
    return {"device_id": line.chf, "bridge_type": line.bridge_type, "premises": line.premises}


def hubs_of_order(
    connection: Connection, request: Row[*tuple[Any, ...]]
) -> tuple[Sequence[str], Sequence[Row[*tuple[Any, ...]]]]:
    """Return headings and rows that name each device of a request whose line stands."""
    hub, columns = request_hubs.c, naming(request.family)
    rows = connection.execute(
        select(*columns.values())
        .where(hub.request == request.id, hub.refused.is_(None), hub.cancelled.is_(None))
        .order_by(hub.line)
    )
    return tuple(columns), rows.all()


def regions_of(connection: Connection, request: int) -> dict[str, int]:
    """Return how many accepted hubs of a request are of which region."""
    rows = connection.execute(
        select(request_hubs.c.region, func.count())
        .where(request_hubs.c.request == request, request_hubs.c.refused.is_(None))
        .group_by(request_hubs.c.region)
    )
    return dict(rows.all())


def require_within(over: Sequence[Beyond]) -> None:
    """Raise NotNow if one of these limits refuses."""
    for each in over:
        if each.refuses:
            raise NotNow(each.line)


def decide(connection: Connection, request: int, state: str, *, by: str, reason: str, now: datetime) -> None:
    """Refuse a judged request, or close an authorised one, in somebody's name. Raises NotNow."""
    row = require(connection, request, "judged" if state == "refused" else "authorised")
    # When, and by whom, an authorised one was authorised stays: its month is counted by that.
    act = (
        ("decided", "decided_by", "reason")
        if state == "refused"
        else ("closed", "closed_by", "closed_reason")
    )
    values = {"state": state, **dict(zip(act, (now, by, reason), strict=True))}
    connection.execute(update(requests).where(requests.c.id == request).values(**values))
    if state == "refused":
        facts = {
            "request": name_of(row.id),
            "party": row.party,
            "file": row.file,
            "received": f"{row.received:%Y-%m-%d}",
            "devices": plural(row.family),
            "accepted": 0,
            "refused": 0,
            "reason": reason,
        }
        queue.put(connection, request, row.party, Kind.REQUEST_REJECTED, facts, now, by=by)


def file_name(work_order: str, revision: int) -> str:
    """Return how the file of an order is called, without its ending."""
    return work_order if revision == 1 else f"{work_order}-revision-{revision}"


def order_file(connection: Connection, request: int) -> tuple[str, bytes]:
    """Return the work order of an authorised request as it stands, by the file's name and content: the same bytes each time.

    Raises NotNow.
    """
    row = require(connection, request, "authorised")
    data = order_bytes(connection, request, row.work_order)
    if data is None or hashlib.sha256(data).hexdigest() != row.order_sha256:
        raise NotNow(f"work order {row.work_order} is not what was authorised: its rows were changed by hand")
    return file_name(row.work_order, row.revision), data


def _one(connection: Connection, request: int) -> Row[*tuple[Any, ...]]:
    row = connection.execute(select(requests).where(requests.c.id == request)).first()
    if row is None:
        raise WrongInput(f"there is no request {name_of(request)}; see reflash inventory requests list")
    return row


def require(connection: Connection, request: int, state: str) -> Row[*tuple[Any, ...]]:
    """Return a request that is in this state. Raises NotNow for another state, WrongInput for no request."""
    row = _one(connection, request)
    if row.state != state:
        raise NotNow(f"{name_of(request)} is {state_of(row)}, and has to be {state} for that")
    return row


def state_of(row: Row[*tuple[Any, ...]]) -> str:
    """Say in which state a request is, and by whom, where somebody decided."""
    by = row.closed_by or row.decided_by
    return f"{row.state} by {by}" if by else str(row.state)


def every(connection: Connection, limit: int | None = None) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return each request (so many of them) with how many of its hubs are accepted, newest first."""
    accepted = select(func.count()).where(
        request_hubs.c.request == requests.c.id,
        request_hubs.c.refused.is_(None),
        request_hubs.c.cancelled.is_(None),
    )
    request = requests.c
    columns = (
        *(request.id, request.party, request.family, request.received, request.state, request.work_order),
    )
    return connection.execute(
        select(*columns, accepted.scalar_subquery().label("accepted"))
        .order_by(requests.c.id.desc())
        .limit(limit)
    ).all()


@dataclass(frozen=True, slots=True)
class Shown:
    """A request, its lines, and what the benches have told of its work order."""

    row: Row[*tuple[Any, ...]]
    lines: Sequence[Row[*tuple[Any, ...]]]
    bench: Sequence[str]
    bench_has_it: bool
    """A bench has told that it took in the order's file as it stands now."""


def shown(connection: Connection, request: int) -> Shown:
    """Return where a request stands. Raises WrongInput."""
    row = _one(connection, request)
    lines = connection.execute(
        select(*LINE_COLUMNS).where(request_hubs.c.request == request).order_by(request_hubs.c.line)
    ).all()
    told = connection.execute(
        select(order_facts.c.what, order_facts.c.file_sha256)
        .where(order_facts.c.work_order == row.work_order)
        .order_by(order_facts.c.message)
    ).all()
    has_it = any(sha256 == row.order_sha256 for _, sha256 in told if sha256 is not None)
    return Shown(row, lines, [what for what, _ in told], has_it)
