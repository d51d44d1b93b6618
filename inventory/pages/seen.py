"""Whether what a person saw still stands. A page has a mark of each thing that it lets somebody decide; who comes second is told who was first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, and_, or_, select

from firmware_catalog.identity import Eui64
from inventory.database.delivery_tables import delivered, deliveries, delivery_rejections, order_revisions
from inventory.database.redelivery_tables import addresses, dispatches, fates
from inventory.database.tables import hubs, requests, ssmi_files
from inventory.database.upstream_tables import pre_notifications, ssmi_rows, upstream_releases
from inventory.delivery.name import delivery_name
from inventory.errors import WrongInput
from inventory.redelivery.book import dispatch_name
from inventory.requests.book import NotNow, name_of


class Overtaken(NotNow):
    """Somebody else was first."""


@dataclass(frozen=True, slots=True)
class Seen:
    """How a thing stands: a mark that changes with it, and who changed it last."""

    mark: str
    line: str

    def require(self, mark: str) -> None:
        """Raise Overtaken if it stands otherwise than where this mark was seen."""
        if mark != self.mark:
            raise Overtaken(f"{self.line}; load the page anew, then decide")


def decision(connection: Connection, request: int) -> Seen:
    """Return how a request was decided, or its order amended. Raises WrongInput for no request."""
    row = connection.execute(select(requests).where(requests.c.id == request)).first()
    if row is None:
        raise WrongInput(f"there is no request {name_of(request)}")
    revised = connection.execute(
        select(order_revisions.c.revised, order_revisions.c.revised_by)
        .where(order_revisions.c.request == request)
        .order_by(order_revisions.c.revision.desc())
    ).first()
    if row.state == "authorised" and revised is not None:
        line = f"{name_of(request)} was amended {_by(revised.revised_by, revised.revised)}"
    elif row.state == "closed":
        line = f"{name_of(request)} was closed {_by(row.closed_by, row.closed)}"
    else:
        line = f"{name_of(request)} is {row.state} {_by(row.decided_by, row.decided)}"
    return Seen(f"{row.state}.{row.revision}", line)


def receipts(connection: Connection, request: int) -> Seen:
    """Return what was received last of a request."""
    return _last(
        connection,
        deliveries.c.received_by,
        deliveries.c.received,
        deliveries.c.request == request,
        lambda number: f"{delivery_name(number)} was received",
    )


def address(connection: Connection, request: int) -> Seen:
    """Return the address that counts."""
    return _last(
        connection,
        addresses.c.recorded_by,
        addresses.c.recorded,
        addresses.c.request == request,
        lambda _: f"the address of {name_of(request)} was recorded",
    )


def leaving(connection: Connection, request: int) -> Seen:
    """Return what left last of a request, and where its goods go."""
    left = _last(
        connection,
        dispatches.c.dispatched_by,
        dispatches.c.dispatched,
        dispatches.c.request == request,
        lambda number: f"{dispatch_name(number)} left",
    )
    to = address(connection, request)
    return Seen(f"{left.mark}.{to.mark}", f"{left.line or 'nothing has left yet'}; {to.line}")


def fate(connection: Connection, dispatch: int) -> Seen:
    """Return what was heard last of goods that left."""
    return _last(
        connection,
        fates.c.recorded_by,
        fates.c.recorded,
        fates.c.dispatch == dispatch,
        lambda _: f"what became of {dispatch_name(dispatch)} was recorded",
    )


def done(connection: Connection, request: int) -> Seen:
    """Return whether a party was told that its order is done."""
    row = connection.execute(
        select(requests.c.party, requests.c.done, requests.c.done_by).where(requests.c.id == request)
    ).first()
    if row is None or row.done is None:
        return Seen("0", "nobody was told yet")
    return Seen("1", f"{row.party} was told {_by(row.done_by, row.done)}")


def release(connection: Connection, work_order: str) -> Seen:
    """Return which part of an order was let go up last."""
    return _last(
        connection,
        upstream_releases.c.released_by,
        upstream_releases.c.released,
        upstream_releases.c.work_order == work_order,
        lambda _: f"a part of {work_order} was released",
    )


def rejections(connection: Connection, delivery: int) -> Seen:
    """Return what of a delivery was rejected last, after it had been accepted."""
    return _last(
        connection,
        delivery_rejections.c.rejected_by,
        delivery_rejections.c.rejected,
        delivery_rejections.c.delivery == delivery,
        lambda _: f"some of {delivery_name(delivery)} was rejected",
    )


def given_back(connection: Connection, delivery: int) -> Seen:
    """Return what of a delivery went back last."""
    returned = delivered.c.returned
    return _last(
        connection,
        delivered.c.returned_by,
        returned,
        and_(delivered.c.delivery == delivery, returned.is_not(None)),
        lambda _: f"what was rejected of {delivery_name(delivery)} went back",
        returned.desc(),
    )


def letter(connection: Connection, either_id: Eui64) -> Seen:
    """Return what was told of a hub last, and who decided about what was refused of it."""
    wanted = str(either_id)
    device = connection.scalar(
        select(hubs.c.device).where(or_(hubs.c.device == wanted, hubs.c.gpf == wanted))
    )
    sent, row = pre_notifications.c, ssmi_rows.c
    told = connection.execute(
        select(sent.id, sent.state, sent.made_by, sent.made, sent.settled_by, sent.decided)
        .where(sent.device == device)
        .order_by(sent.id.desc())
    ).first()
    filed = connection.execute(
        select(row.file, row.state, row.settled_by, ssmi_files.c.written_by, ssmi_files.c.written)
        .join(ssmi_files, ssmi_files.c.id == row.file)
        .where(row.device == device)
        .order_by(row.file.desc())
    ).first()
    mark, line = [], f"nothing was told of {device or wanted}"
    if filed is not None:
        mark.append(f"{filed.file}.{filed.state}")
        if filed.settled_by is not None:
            line = f"what the SSMI refused of {device} was put down as {filed.state} by {filed.settled_by}"
        else:
            line = f"{device} is in a file that was written {_by(filed.written_by, filed.written)}"
    if told is not None:
        mark.append(f"{told.id}.{told.state}")
        if told.settled_by is not None:
            line = f"what was refused of {device} was settled {_by(told.settled_by, told.decided)}"
        elif told.made_by is not None:
            line = f"{device} was sent again {_by(told.made_by, told.made)}"
        else:
            line = f"the last that was told of {device} is {told.state}"
    return Seen("-".join(mark), line)


def _last(
    connection: Connection,
    by: Column[str],
    at: Column[datetime],
    which: ColumnElement[bool],
    what: Callable[[int], str],
    *order: ColumnElement[Any],
) -> Seen:
    """Return who did a thing last, by the columns that say so, and in which row; of several the newest, or as ordered."""
    number = by.table.c.id
    row = connection.execute(select(number, by, at).where(which).order_by(*order, number.desc())).first()
    return Seen("0", "") if row is None else Seen(str(row[0]), f"{what(row[0])} {_by(row[1], row[2])}")


def _by(who: str | None, when: datetime | None) -> str:
    at = "" if when is None else f" at {when:%Y-%m-%d %H:%M:%S}Z"
    return f"by {who or 'nobody that is known'}{at}"
