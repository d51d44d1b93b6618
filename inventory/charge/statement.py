"""What a party is charged for a month: each hub that was re-flashed by then and not charged yet, and the transport of what left.

Nothing is charged for what failed here, ran the release already, or lies in a place for what failed. A result that comes late is charged
with the next month; what was charged once is never changed.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, insert, or_, select

from inventory.charge.settings import ChargeSettings
from inventory.database.charge_tables import charged, charged_transport, statements
from inventory.database.packing_tables import hub_places
from inventory.database.redelivery_tables import dispatches
from inventory.database.tables import requests, results, standings
from inventory.errors import InventoryError, WrongInput
from station.domain.destination import Destination
from station.domain.outcome import Outcome

_FAILED_HERE: Final = (
    Destination.REWORK.value,
    Destination.SCRAP.value,
    Destination.QUARANTINE.value,
    Destination.MAKER.value,
)
_HEADINGS: Final = (
    *("kind", "work_order", "chf_id", "gpf_id", "firmware_version", "finished", "dispatch", "pounds"),
)
_AT_ONCE: Final = 1000


class NotCharged(InventoryError):
    """A month cannot be charged now."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What a party is charged for a month."""

    party: str
    month: date
    hubs: int
    pence: int
    transport_pence: int
    table: bytes
    """CSV, a line for each hub and each transport, and the sum."""


def write(
    connection: Connection,
    party: str,
    month: date,
    settings: ChargeSettings,
    *,
    by: str,
    now: datetime,
) -> Statement:
    """Charge a party for a month (its first day), in somebody's name; the same month again is the same statement.

    The caller writes alone. Raises NotCharged for a month that is not over, or has no price.
    """
    end = _begin(_after(month))
    there = select(statements).where(statements.c.party == party, statements.c.month == month)
    if (row := connection.execute(there).first()) is not None:
        return _read(connection, row)
    if now < end:
        raise NotCharged(f"{month:%B %Y} is not over")
    if connection.execute(select(requests.c.id).where(requests.c.party == party)).first() is None:
        raise WrongInput(f"{party} has never asked for anything; see reflash inventory requests list")
    hubs = [_priced(each, settings) for each in _not_charged(connection, party, end)]
    transport = _transport(connection, party, end)
    statement = connection.scalar(
        insert(statements)
        .values(
            party=party,
            month=month,
            sha256="",
            hubs=len(hubs),
            pence=sum(each["pence"] for each in hubs),
            transport_pence=sum(each.transport_pence for each in transport),
            written=now,
            written_by=by,
        )
        .returning(statements.c.id)
    )
    if statement is None:
        raise AssertionError("an insert returns its id")
    for at in range(0, len(hubs), _AT_ONCE):
        connection.execute(
            insert(charged), [{**each, "statement": statement} for each in hubs[at : at + _AT_ONCE]]
        )
    if transport:
        connection.execute(
            insert(charged_transport),
            [
                {"dispatch": each.id, "statement": statement, "pence": each.transport_pence}
                for each in transport
            ],
        )
    written = connection.execute(there).one()
    table = _table(connection, written)
    digest = hashlib.sha256(table).hexdigest()
    connection.execute(statements.update().where(statements.c.id == statement).values(sha256=digest))
    return _of(written, table)


def _not_charged(connection: Connection, party: str, end: datetime) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return each hub of the party's orders that was re-flashed before `end`, and not charged yet."""
    place = hub_places.c
    orders = select(requests.c.work_order).where(requests.c.party == party)
    return connection.execute(
        select(standings.c.work_order, standings.c.device, standings.c.message, results.c.finished)
        .join(results, results.c.message == standings.c.message)
        .outerjoin(
            charged,
            and_(charged.c.work_order == standings.c.work_order, charged.c.device == standings.c.device),
        )
        .outerjoin(hub_places, and_(place.hub == standings.c.device, place.current))
        .where(
            standings.c.work_order.in_(orders),
            standings.c.outcome == Outcome.PASSED.value,
            results.c.finished < end,
            charged.c.device.is_(None),
            # Asked of the order after the hub's place is found: by order first, each hub would be looked for among thousands.
            or_(
                place.place.is_(None),
                place.place.not_in(_FAILED_HERE),
                place.work_order.is_distinct_from(standings.c.work_order),
            ),
        )
        .order_by(standings.c.work_order, standings.c.device)
    ).all()


def _priced(hub: Row[*tuple[Any, ...]], settings: ChargeSettings) -> dict[str, Any]:
    day = hub.finished.date()
    pence = settings.pence_on(day)
    if pence is None:
        raise NotCharged(f"the configuration has no price for {day}, when {hub.device} was re-flashed")
    return {
        "work_order": hub.work_order,
        "device": hub.device,
        "message": hub.message,
        "pence": pence,
    }


def _transport(connection: Connection, party: str, end: datetime) -> Sequence[Row[*tuple[Any, ...]]]:
    return connection.execute(
        select(dispatches.c.id, dispatches.c.transport_pence)
        .join(requests, requests.c.id == dispatches.c.request)
        .outerjoin(charged_transport, charged_transport.c.dispatch == dispatches.c.id)
        .where(
            requests.c.party == party,
            dispatches.c.dispatched < end,
            dispatches.c.transport_pence.is_not(None),
            charged_transport.c.dispatch.is_(None),
        )
        .order_by(dispatches.c.id)
    ).all()


def _table(connection: Connection, row: Row[*tuple[Any, ...]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(_HEADINGS)
    for each in connection.execute(
        select(
            *(charged.c.work_order, charged.c.device, charged.c.pence),
            *(results.c.gpf, results.c.firmware_read_back, results.c.finished),
        )
        .join(results, results.c.message == charged.c.message)
        .where(charged.c.statement == row.id)
        .order_by(charged.c.work_order, charged.c.device)
    ):
        finished = f"{each.finished:%Y-%m-%dT%H:%M:%SZ}"
        hub = (each.work_order, each.device, each.gpf, each.firmware_read_back, finished)
        writer.writerow(["re-flash", *hub, "", pounds(each.pence)])
    for left in connection.execute(
        select(requests.c.work_order, dispatches.c.id, dispatches.c.dispatched, charged_transport.c.pence)
        .select_from(charged_transport)
        .join(dispatches, dispatches.c.id == charged_transport.c.dispatch)
        .join(requests, requests.c.id == dispatches.c.request)
        .where(charged_transport.c.statement == row.id)
        .order_by(dispatches.c.id)
    ):
        when = f"{left.dispatched:%Y-%m-%dT%H:%M:%SZ}"
        writer.writerow(
            ["transport", left.work_order, "", "", "", when, f"DP-{left.id:06}", pounds(left.pence)]
        )
    writer.writerow(["total", *[""] * 6, pounds(row.pence + row.transport_pence)])
    return text.getvalue().encode()


def _read(connection: Connection, row: Row[*tuple[Any, ...]]) -> Statement:
    table = _table(connection, row)
    if hashlib.sha256(table).hexdigest() != row.sha256:
        raise NotCharged(
            f"the statement of {row.party} for {row.month:%B %Y} is not what was written: rows were changed"
        )
    return _of(row, table)


def _of(row: Row[*tuple[Any, ...]], table: bytes) -> Statement:
    return Statement(row.party, row.month, row.hubs, row.pence, row.transport_pence, table)


def listed(connection: Connection) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return what was charged, newest month first."""
    return connection.execute(
        select(statements).order_by(statements.c.month.desc(), statements.c.party)
    ).all()


def month_of(text: str) -> date:
    """Return a month's first day, by 2026-11. Raises WrongInput."""
    try:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError as error:
        raise WrongInput(f"{text[:20]!r} is no month, such as 2026-11") from error


def pounds(pence: int) -> str:
    """Say a sum."""
    return f"{pence // 100}.{pence % 100:02}"


def _begin(month: date) -> datetime:
    return datetime.combine(month, time(), UTC)


def _after(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)
