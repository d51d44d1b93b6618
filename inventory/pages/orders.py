"""Work orders: how far each is, what of it went up, left and was charged."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Connection, FromClause, Row, and_, func, select

from inventory.database.charge_tables import charged, charged_transport, credited
from inventory.database.delivery_tables import delivered, deliveries, order_revisions
from inventory.database.redelivery_tables import dispatched, dispatches, fates
from inventory.database.tables import order_facts, request_hubs, requests, ssmi_files, standings
from inventory.database.upstream_tables import (
    pre_notifications,
    ssmi_rows,
    upstream_orders,
    upstream_released_hubs,
    upstream_releases,
)
from inventory.pages.lists import Page
from inventory.redelivery.book import dispatch_name
from station.domain.outcome import SUCCESSES

_ORDERS: Final = 10


@dataclass(frozen=True, slots=True)
class Progress:
    """An order, and how many of its hubs are how far."""

    row: Row[*tuple[Any, ...]]
    ordered: int
    received: int
    succeeded: int
    failed: int
    left: int
    bench: str | None
    """What a bench told of it last."""


def list_orders(connection: Connection, after: str | None) -> Page[Progress]:
    """List work orders, those authorised last first."""
    chosen = select(requests).where(requests.c.work_order.is_not(None)).order_by(requests.c.id.desc())
    if after is not None and after.isascii() and after.isdigit():
        chosen = chosen.where(requests.c.id < int(after[:18]))
    rows = connection.execute(chosen.limit(_ORDERS + 1)).all()
    shown = rows[:_ORDERS]
    following = str(shown[-1].id) if len(rows) > _ORDERS else None
    return Page(_progress(connection, shown), following)


def _progress(connection: Connection, rows: Sequence[Row[*tuple[Any, ...]]]) -> list[Progress]:
    numbers, names = [row.id for row in rows], [row.work_order for row in rows]

    def counted(key: Column[Any], joined: FromClause, condition: ColumnElement[bool]) -> dict[Any, int]:
        chosen = select(key, func.count()).select_from(joined).where(condition).group_by(key)
        return dict(connection.execute(chosen).all())

    line, came, left = request_hubs.c, deliveries.c, dispatches.c
    stands = and_(line.refused.is_(None), line.cancelled.is_(None), line.request.in_(numbers))
    ordered = counted(line.request, request_hubs, stands)
    received = counted(
        came.request,
        delivered.join(deliveries, came.id == delivered.c.delivery),
        and_(came.request.in_(numbers), delivered.c.rejected.is_(None)),
    )
    gone = counted(
        left.request,
        dispatched.join(dispatches, left.id == dispatched.c.dispatch),
        and_(left.request.in_(numbers), dispatched.c.fate != "refused"),
    )
    outcomes: defaultdict[str, Counter[bool]] = defaultdict(Counter)
    for name, outcome, hubs in connection.execute(
        select(standings.c.work_order, standings.c.outcome, func.count())
        .where(standings.c.work_order.in_(names))
        .group_by(standings.c.work_order, standings.c.outcome)
    ):
        outcomes[name][outcome in SUCCESSES] += hubs
    told = dict(
        connection.execute(
            select(order_facts.c.work_order, order_facts.c.what)
            .where(order_facts.c.work_order.in_(names))
            .order_by(order_facts.c.message)
        ).all()
    )
    return [
        Progress(
            row=row,
            ordered=ordered.get(row.id, 0),
            received=received.get(row.id, 0),
            succeeded=outcomes[row.work_order][True],
            failed=outcomes[row.work_order][False],
            left=gone.get(row.id, 0),
            bench=told.get(row.work_order),
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Released:
    """A part of an order that somebody let go up."""

    row: Row[*tuple[Any, ...]]
    hubs: int


@dataclass(frozen=True, slots=True)
class Left:
    """Goods of an order that left, once, with how many hubs became what, and what was heard of them."""

    row: Row[*tuple[Any, ...]]
    fates: Mapping[str, int]
    heard: Sequence[Row[*tuple[Any, ...]]]

    @property
    def name(self) -> str:
        """How people call it."""
        return dispatch_name(self.row.id)


@dataclass(frozen=True, slots=True)
class OrderDetail:
    """What an order's page has beyond its overview."""

    revisions: Sequence[Row[*tuple[Any, ...]]]
    waits_for: str | None
    """Why nothing of it may go up yet."""
    released: Sequence[Released]
    told: Mapping[str, int]
    """What went up, by how it stands there."""
    left: Sequence[Left]
    charged_hubs: int
    charged_pence: int
    credited_hubs: int
    credited_pence: int
    """Charged, and given back since."""
    transport_pence: int


def order_detail(connection: Connection, request: int, work_order: str) -> OrderDetail:
    """Return what there is of an authorised order."""
    release, part = upstream_releases.c, upstream_released_hubs.c
    released = connection.execute(
        select(upstream_releases, func.count(part.device).label("hubs"))
        .outerjoin(upstream_released_hubs, part.release == release.id)
        .where(release.work_order == work_order)
        .group_by(*release)
        .order_by(release.id)
    ).all()
    was_charged = and_(
        charged.c.work_order == credited.c.work_order,
        charged.c.device == credited.c.device,
        charged.c.statement == credited.c.charged_in,
    )
    hubs, pence = connection.execute(
        select(func.count(), func.coalesce(func.sum(charged.c.pence), 0)).where(
            charged.c.work_order == work_order
        )
    ).one()
    back, pence_back = connection.execute(
        select(func.count(), func.coalesce(func.sum(charged.c.pence), 0))
        .select_from(credited)
        .join(charged, was_charged)
        .where(credited.c.work_order == work_order)
    ).one()
    transport = connection.scalar(
        select(func.coalesce(func.sum(charged_transport.c.pence), 0))
        .join(dispatches, dispatches.c.id == charged_transport.c.dispatch)
        .where(dispatches.c.request == request)
    )
    return OrderDetail(
        revisions=connection.execute(
            select(order_revisions)
            .where(order_revisions.c.request == request)
            .order_by(order_revisions.c.revision)
        ).all(),
        waits_for=connection.scalar(
            select(upstream_orders.c.waits_for).where(upstream_orders.c.work_order == work_order)
        ),
        released=[Released(row, row.hubs) for row in released],
        told=_told(connection, work_order),
        left=_left(connection, request),
        charged_hubs=hubs,
        charged_pence=pence,
        credited_hubs=back,
        credited_pence=pence_back,
        transport_pence=transport or 0,
    )


def _told(connection: Connection, work_order: str) -> Mapping[str, int]:
    sent, row = pre_notifications.c, ssmi_rows.c
    found: Counter[str] = Counter()
    for state, doubtful, hubs in connection.execute(
        select(sent.state, sent.doubtful, func.count())
        .where(sent.work_order == work_order)
        .group_by(sent.state, sent.doubtful)
    ):
        found["unknown" if state == "waiting" and doubtful else state] += hubs
    for state, hubs in connection.execute(
        select(row.state, func.count())
        .join(ssmi_files, ssmi_files.c.id == row.file)
        .where(ssmi_files.c.work_order == work_order)
        .group_by(row.state)
    ):
        found[state] += hubs
    return dict(found)


def _left(connection: Connection, request: int) -> list[Left]:
    counts: defaultdict[int, Counter[str]] = defaultdict(Counter)
    of_request = dispatches.c.request == request
    for number, fate, hubs in connection.execute(
        select(dispatched.c.dispatch, dispatched.c.fate, func.count())
        .join(dispatches, dispatches.c.id == dispatched.c.dispatch)
        .where(of_request)
        .group_by(dispatched.c.dispatch, dispatched.c.fate)
    ):
        counts[number][fate] = hubs
    heard: defaultdict[int, list[Row[*tuple[Any, ...]]]] = defaultdict(list)
    for row in connection.execute(
        select(fates)
        .join(dispatches, dispatches.c.id == fates.c.dispatch)
        .where(of_request)
        .order_by(fates.c.id)
    ):
        heard[row.dispatch].append(row)
    rows = connection.execute(select(dispatches).where(of_request).order_by(dispatches.c.id))
    return [Left(row, counts[row.id], heard[row.id]) for row in rows]
