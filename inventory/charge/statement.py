"""What a party is charged for a month: each hub that was re-flashed by then and not charged yet, and the transport of what left.

Nothing is charged for what failed here, ran the release already, or lies in a place for what failed. A result that comes late is charged
with the next month; what was charged once is never changed. A hub that went to such a place after it was charged is given back with the
next month, at what was charged; if it is found good after all, it is charged anew. Months are charged one after another: else what is
one month's would stand in another's statement.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, insert, or_, select

from firmware_catalog.devices import Family
from inventory.charge.lines import Charge, Credit, Lines, Transport
from inventory.charge.settings import ChargeSettings
from inventory.database.charge_tables import charged, charged_transport, credited, statements
from inventory.database.packing_tables import hub_places
from inventory.database.redelivery_tables import dispatches
from inventory.database.tables import requests, results, standings
from inventory.errors import InventoryError, WrongInput
from station.domain.counted import counted
from station.domain.destination import Destination
from station.domain.outcome import Outcome

_FAILED_HERE: Final = (
    Destination.REWORK.value,
    Destination.SCRAP.value,
    Destination.QUARANTINE.value,
    Destination.MAKER.value,
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
    credits: int
    """Hubs that were charged before and are given back."""
    credit_pence: int
    transport_pence: int
    table: bytes
    """CSV, a line for each hub and each transport, and the sum."""

    @property
    def total_pence(self) -> int:
        """What is to be paid; less than nothing where more is given back."""
        return self.pence - self.credit_pence + self.transport_pence


def _statement_of(lines: Lines, party: str, month: date, table: bytes) -> Statement:
    return Statement(
        party=party,
        month=month,
        hubs=len(lines.charges),
        pence=lines.pence,
        credits=len(lines.credits),
        credit_pence=lines.credit_pence,
        transport_pence=lines.transport_pence,
        table=table,
    )


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

    The caller writes alone. Raises NotCharged for a month that is not over, has no price, or comes after one that has to be charged first.
    """
    there = select(statements).where(statements.c.party == party, statements.c.month == month)
    if (row := connection.execute(there).first()) is not None:
        return _read(connection, row)
    if now < _begin(_after(month)):
        raise NotCharged(f"{month:%B %Y} is not over; see reflash inventory charge preview")
    lines = _due(connection, party, month, settings)
    done = _statement_of(lines, party, month, lines.table())
    statement = connection.scalar(
        insert(statements)
        .values(
            party=party,
            month=month,
            sha256=hashlib.sha256(done.table).hexdigest(),
            hubs=done.hubs,
            pence=done.pence,
            credits=done.credits,
            credit_pence=done.credit_pence,
            transport_pence=done.transport_pence,
            written=now,
            written_by=by,
        )
        .returning(statements.c.id)
    )
    for at in range(0, len(lines.charges), _AT_ONCE):
        rows = [
            {
                "work_order": each.work_order,
                "device": each.device,
                "statement": statement,
                "message": each.message,
                "pence": each.pence,
            }
            for each in lines.charges[at : at + _AT_ONCE]
        ]
        connection.execute(insert(charged), rows)
    if lines.credits:
        given_back = [
            {
                "work_order": each.of.work_order,
                "device": each.of.device,
                "charged_in": each.charged_in,
                "statement": statement,
                "why": each.why,
            }
            for each in lines.credits
        ]
        connection.execute(insert(credited), given_back)
    if lines.transport:
        left = [
            {"dispatch": each.dispatch, "statement": statement, "pence": each.pence}
            for each in lines.transport
        ]
        connection.execute(insert(charged_transport), left)
    return done


def preview(connection: Connection, party: str, month: date, settings: ChargeSettings) -> Statement:
    """Return what a month's statement would be as things stand now, over or not; nothing is written. Raises NotCharged."""
    there = select(statements).where(statements.c.party == party, statements.c.month == month)
    if (row := connection.execute(there).first()) is not None:
        return _read(connection, row)
    lines = _due(connection, party, month, settings)
    return _statement_of(lines, party, month, lines.table())


def _due(connection: Connection, party: str, month: date, settings: ChargeSettings) -> Lines:
    if connection.execute(select(requests.c.id).where(requests.c.party == party)).first() is None:
        raise WrongInput(f"{party} has never asked for anything; see reflash inventory requests list")
    end = _begin(_after(month))
    hubs, left = _not_charged(connection, party, end), _transport(connection, party, end)
    moments = [each.finished for each in hubs] + [each.dispatched for each in left]
    _require_earlier(connection, party, month, moments)
    charges = [_priced(each, settings) for each in hubs]
    return Lines(charges, _to_give_back(connection, party, month), left)


def _require_earlier(connection: Connection, party: str, month: date, moments: Sequence[datetime]) -> None:
    months = Counter(date(each.year, each.month, 1) for each in moments)
    written = set(connection.scalars(select(statements.c.month).where(statements.c.party == party)))
    for earlier in sorted(months):
        if earlier < month and earlier not in written:
            raise NotCharged(
                f"{earlier:%B %Y} has {counted(months[earlier], 'line')} that nobody has charged; charge it first: "
                f"reflash inventory charge write {earlier:%Y-%m}"
            )


def _is_charged(work_order: ColumnElement[str], device: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that a hub is charged for an order, and not given back since."""
    return exists().where(charged.c.work_order == work_order, charged.c.device == device, ~_is_given_back())


def _is_given_back() -> ColumnElement[bool]:
    return exists().where(
        credited.c.work_order == charged.c.work_order,
        credited.c.device == charged.c.device,
        credited.c.charged_in == charged.c.statement,
    )


def _not_charged(connection: Connection, party: str, end: datetime) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return each hub of the party's orders that was re-flashed before `end`, and not charged yet."""
    place = hub_places.c
    # What a bridge costs is not published, and not agreed.
    orders = select(requests.c.work_order).where(requests.c.party == party, requests.c.family == Family.HUB)
    return connection.execute(
        select(
            *(standings.c.work_order, standings.c.device, standings.c.message),
            *(results.c.gpf, results.c.firmware_read_back, results.c.finished),
        )
        .join(results, results.c.message == standings.c.message)
        .outerjoin(hub_places, and_(place.hub == standings.c.device, place.current))
        .where(
            standings.c.work_order.in_(orders),
            standings.c.outcome == Outcome.PASSED.value,
            results.c.finished < end,
            ~_is_charged(standings.c.work_order, standings.c.device),
            # Asked of the order after the hub's place is found: by order first, each hub would be looked for among thousands.
            or_(
                place.place.is_(None),
                place.place.not_in(_FAILED_HERE),
                place.work_order.is_distinct_from(standings.c.work_order),
            ),
        )
    ).all()


def _priced(hub: Row[*tuple[Any, ...]], settings: ChargeSettings) -> Charge:
    day = hub.finished.date()
    pence = settings.pence_on(day)
    if pence is None:
        raise NotCharged(f"the configuration has no price for {day}, when {hub.device} was re-flashed")
    return Charge(
        work_order=hub.work_order,
        device=hub.device,
        message=hub.message,
        gpf=hub.gpf,
        firmware=hub.firmware_read_back,
        finished=hub.finished,
        pence=pence,
    )


def _to_give_back(connection: Connection, party: str, month: date) -> list[Credit]:
    """Return each hub that was charged in a month before, and lies where what failed does."""
    place = hub_places.c
    rows = connection.execute(
        select(
            *(charged.c.work_order, charged.c.device, charged.c.message),
            *(results.c.gpf, results.c.firmware_read_back, results.c.finished, charged.c.pence),
            *(charged.c.statement, place.place),
        )
        .join(statements, statements.c.id == charged.c.statement)
        .join(results, results.c.message == charged.c.message)
        .join(
            hub_places,
            and_(
                place.hub == charged.c.device,
                place.current,
                place.work_order == charged.c.work_order,
                place.place.in_(_FAILED_HERE),
            ),
        )
        .where(
            statements.c.party == party,
            statements.c.month < month,
            ~_is_given_back(),
        )
    )
    return [Credit(Charge(*charge), charged_in, where) for *charge, charged_in, where in rows]


def _transport(connection: Connection, party: str, end: datetime) -> list[Transport]:
    rows = connection.execute(
        select(
            *(dispatches.c.id, requests.c.work_order, dispatches.c.dispatched, dispatches.c.transport_pence)
        )
        .join(requests, requests.c.id == dispatches.c.request)
        .outerjoin(charged_transport, charged_transport.c.dispatch == dispatches.c.id)
        .where(
            requests.c.party == party,
            dispatches.c.dispatched < end,
            dispatches.c.transport_pence.is_not(None),
            charged_transport.c.dispatch.is_(None),
        )
    )
    return [Transport(*each) for each in rows]


def _read(connection: Connection, row: Row[*tuple[Any, ...]]) -> Statement:
    """Return a statement that was written."""
    charge = (
        *(charged.c.work_order, charged.c.device, charged.c.message),
        *(results.c.gpf, results.c.firmware_read_back, results.c.finished, charged.c.pence),
    )
    of_result = results.c.message == charged.c.message
    charges = (
        select(*charge)
        .join(results, of_result)
        .where(charged.c.statement == row.id)
        .order_by(charged.c.work_order, charged.c.device)
    )
    given_back = (
        select(*charge, credited.c.charged_in, credited.c.why)
        .join(results, of_result)
        .join(
            credited,
            and_(
                credited.c.work_order == charged.c.work_order,
                credited.c.device == charged.c.device,
                credited.c.charged_in == charged.c.statement,
            ),
        )
        .where(credited.c.statement == row.id)
    )
    left = (
        select(dispatches.c.id, requests.c.work_order, dispatches.c.dispatched, charged_transport.c.pence)
        .select_from(charged_transport)
        .join(dispatches, dispatches.c.id == charged_transport.c.dispatch)
        .join(requests, requests.c.id == dispatches.c.request)
        .where(charged_transport.c.statement == row.id)
        .order_by(dispatches.c.id)
    )
    lines = Lines(
        [Charge(*each) for each in connection.execute(charges)],
        [Credit(Charge(*of), charged_in, why) for *of, charged_in, why in connection.execute(given_back)],
        [Transport(*each) for each in connection.execute(left)],
    )
    # Before there were credits, lines stood as the database sorts them.
    for table in (lines.table(), lines.table_as_it_stands()):
        if hashlib.sha256(table).hexdigest() == row.sha256:
            return _statement_of(lines, row.party, row.month, table)
    raise NotCharged(
        f"the statement of {row.party} for {row.month:%B %Y} is not what was written: rows were changed"
    )


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


def _begin(month: date) -> datetime:
    return datetime.combine(month, time(), UTC)


def _after(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)
