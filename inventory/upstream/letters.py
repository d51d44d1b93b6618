"""Dead letters: what upstream refused for good, until a person has corrected it and sends it again, or has settled it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, Table, and_, insert, or_, select, update

from firmware_catalog.identity import Eui64
from inventory.database.tables import hubs, request_hubs, requests, results, ssmi_files
from inventory.database.upstream_tables import pre_notifications, ssmi_rows
from inventory.errors import InventoryError, WrongInput
from inventory.upstream.corrections import correct, corrections_of, holding
from inventory.upstream.document import Documents
from inventory.upstream.jobs import replace
from inventory.upstream.orders import look_again
from inventory.upstream.planning import row_of
from inventory.upstream.settings import RouteSettings, UpstreamSettings
from inventory.upstream.update import Told


class NoDeadLetter(InventoryError):
    """Nothing was refused of that hub, or somebody has dealt with it."""


class Letter(NamedTuple):
    """What was refused, why, and by whom."""

    device: str
    work_order: str
    by: str
    """The CSP, or `SSMI`."""
    firmware: str
    refused: datetime
    code: str | None
    answer: str | None


def letters(connection: Connection) -> list[Letter]:
    """Return all dead letters, oldest first."""
    sent, row = pre_notifications.c, ssmi_rows.c
    refused = [
        Letter(*each)
        for each in connection.execute(
            select(
                sent.device, sent.work_order, sent.csp, sent.firmware, sent.decided, sent.code, sent.answer
            ).where(sent.state == "refused")
        )
    ]
    refused += [
        Letter(device, order, "SSMI", firmware, answered, None, answer)
        for device, order, firmware, answered, answer in connection.execute(
            select(row.device, ssmi_files.c.work_order, row.firmware, row.answered, row.answer)
            .join(ssmi_files, ssmi_files.c.id == row.file)
            .where(row.state == "refused")
        )
    ]
    return sorted(refused, key=lambda each: (each.refused, each.device))


def settle(connection: Connection, either_id: Eui64, *, by: str, reason: str, now: datetime) -> str:
    """Put a hub's dead letter away in somebody's name, unsent; return its CHF. Raises NoDeadLetter."""
    device = _device(connection, either_id)
    if _is_refused(connection, pre_notifications, device):
        connection.execute(
            update(pre_notifications)
            .where(pre_notifications.c.device == device, pre_notifications.c.state == "refused")
            .values(state="settled", settled_by=by, settled_why=reason, decided=now)
        )
    elif _is_refused(connection, ssmi_rows, device):
        _settle_rows(connection, device, "settled", by, reason)
    else:
        raise _none_refused(device)
    return device


def send_again(
    connection: Connection,
    either_id: Eui64,
    corrections: Mapping[str, str],
    ways: UpstreamSettings,
    documents: Mapping[str, Documents],
    *,
    by: str,
    reason: str,
    now: datetime,
) -> list[str]:
    """Have a hub told of again in somebody's name, corrected, with the version that it said last; say what happens next.

    It goes the way of its region as that is by now: a pre-notification under a new id, which replaces what was refused and what was
    never taken, wherever that went; or by the next file of its order. With a correction, nothing need have been refused. The caller writes
    alone. Raises NoDeadLetter, and WrongInput for a parameter that nobody may correct, a region to which no way leads, or a record that
    still does not follow the schema.
    """
    device = _device(connection, either_id)
    sent = pre_notifications.c
    open_ones = connection.execute(
        select(sent.id, sent.work_order)
        .where(
            sent.device == device,
            or_(sent.state == "refused", and_(sent.state == "waiting", sent.doubtful.is_(False))),
        )
        .order_by(sent.id.desc())
    ).all()
    in_files = _is_refused(connection, ssmi_rows, device)
    if not corrections and not in_files and not _is_refused(connection, pre_notifications, device):
        raise _none_refused(device)
    correct(connection, device, corrections, by=by, reason=reason, now=now)
    orders, hub = record_of(connection, device)
    route = ways.route_of(hub.region)
    if route is None:
        raise WrongInput(f"no way leads to {hub.region}, the region of {device}; see [[upstream.routes]]")
    if in_files:
        _settle_rows(connection, device, "again", by, reason)
    for each in open_ones:
        # One that a worker has begun to send meanwhile goes on until it is known what became of it; this one goes after it.
        replace(connection, each.id, now)
    look_again(connection, orders)
    if route.n3 is None:
        last = open_ones[0].work_order if open_ones else orders[-1]
        happens = f"{device} is in the next file of {last}: reflash inventory ssmi write {last}"
    elif not open_ones:
        happens = (
            f"{device} is told of to {route.csp} when its order is looked at, if there is anything to tell"
        )
    else:
        row = row_of(
            *(hub, open_ones[0].work_order, route.csp, documents[route.csp], now),
            made_by=by,
            made_why=reason,
            corrects=open_ones[0].id,
        )
        if row["state"] == "refused":
            raise WrongInput(f"it still does not follow the schema: {row['answer']}")
        connection.execute(insert(pre_notifications).values(row))
        happens = f"{device} is sent again to {route.csp}, with {hub.firmware}"
    return [happens, *_told_elsewhere(connection, device, route)]


def _told_elsewhere(connection: Connection, device: str, route: RouteSettings) -> Iterator[str]:
    """Yield what others than the CSP of a hub's region were sent of it."""
    sent = pre_notifications.c
    mine = route.csp if route.n3 is not None else None
    for row in connection.execute(
        select(sent.csp, sent.firmware, sent.state, sent.doubtful, sent.decided)
        .where(sent.device == device, sent.tries > 0, sent.csp.is_distinct_from(mine))
        .order_by(sent.id)
    ):
        if row.state == "waiting" and row.doubtful:
            yield f"{row.csp} may have taken {row.firmware}: it is asked until that is known"
        elif row.state == "accepted":
            yield f"{row.csp} has taken {row.firmware} on {row.decided:%Y-%m-%d}; have it taken back there"
        else:
            yield f"{row.csp} was sent {row.firmware}, and has not taken it"


def record_of(connection: Connection, device: str) -> tuple[list[str], Told]:
    """Return the orders that a hub is on, oldest first, and its record as it is known. Raises NoDeadLetter."""
    line = request_hubs.c
    rows = connection.execute(
        select(
            *(
                requests.c.work_order,
                line.taken,
                line.request,
                results.c.gpf.label("said_gpf"),
                line.chf,
                hubs.c.gpf,
                hubs.c.firmware,
            ),
            *(hubs.c.firmware_message, line.manufacturer, line.model, line.region, line.han_variant),
            line.chts_version,
        )
        .join(hubs, hubs.c.device == line.chf)
        .join(requests, requests.c.id == line.request)
        .outerjoin(results, results.c.message == hubs.c.firmware_message)
        .where(
            line.chf == device,
            line.refused.is_(None),
            line.bridge_type.is_(None),
            requests.c.work_order.is_not(None),
        )
        .order_by(line.request, line.line)
    ).all()
    if not rows or rows[-1].firmware is None:
        raise NoDeadLetter(f"{device} is on no order, or has never said what it runs")
    *_, (_, stated, request, said_gpf, *record) = rows
    if said_gpf is None:
        raise NoDeadLetter(f"a bridge said last that it is {device}; nothing of a bridge goes upstream")
    corrected = corrections_of(connection, request).get(device, ())
    return [row.work_order for row in rows], Told(*record)._replace(**holding(corrected, stated))


def _device(connection: Connection, either_id: Eui64) -> str:
    wanted = str(either_id)
    device: str | None = connection.scalar(
        select(hubs.c.device).where(or_(hubs.c.device == wanted, hubs.c.gpf == wanted))
    )
    if device is None:
        raise NoDeadLetter(f"no station has told of {either_id}")
    return device


def _is_refused(connection: Connection, table: Table, device: str) -> bool:
    refused = select(table.c.device).where(table.c.device == device, table.c.state == "refused")
    return connection.execute(refused).first() is not None


def _none_refused(device: str) -> NoDeadLetter:
    return NoDeadLetter(f"nothing was refused of {device}; see reflash inventory upstream dead")


def _settle_rows(connection: Connection, device: str, state: str, by: str, reason: str) -> None:
    row, of_file = ssmi_rows.c, ssmi_files.c
    refused = and_(row.device == device, row.state == "refused")
    orders = connection.scalars(
        select(of_file.work_order).join(ssmi_rows, row.file == of_file.id).where(refused)
    )
    look_again(connection, set(orders))
    connection.execute(
        update(ssmi_rows).where(refused).values(state=state, settled_by=by, settled_why=reason)
    )
