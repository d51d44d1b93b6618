"""How many hubs each party says that it will ask for, month by month, and what it has asked for. The template is ours, labelled so."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Final, NamedTuple

from sqlalchemy import Connection, func, insert, select

from firmware_catalog.devices import Family
from inventory.database.delivery_tables import forecasts
from inventory.database.tables import request_hubs, requests
from inventory.errors import WrongInput
from inventory.requests.sheet import Sheet

TEMPLATE: Final = "reflash-forecast-1"
COLUMNS: Final = ("template", "month", "hubs")


class Forecast(NamedTuple):
    """What a party says of a month."""

    month: date
    """Its first day."""
    hubs: int


class Held(NamedTuple):
    """A month of a party: what it said, and what it has asked for since."""

    month: date
    forecast: int | None
    asked: int
    """Accepted hubs of requests that came in this month and were not refused."""


def read_forecast(sheet: Sheet) -> list[Forecast]:
    """Read a list of months, such as 2026-12, and hubs. Raises WrongInput."""
    found: dict[date, int] = {}
    for line, row in sheet.rows_of(TEMPLATE, COLUMNS):
        where = f"{sheet.name}, line {line}"
        try:
            month = date.fromisoformat(f"{row['month'].text[:7]}-01")
            hubs = int(row["hubs"].text)
        except ValueError as error:
            raise WrongInput(
                f"{where}: a month as 2026-12 and a number of hubs have to stand there"
            ) from error
        if month in found or not 0 <= hubs <= 10_000_000:
            raise WrongInput(
                f"{where}: month {month:%Y-%m} stands there twice, or its hubs are no number to believe"
            )
        found[month] = hubs
    if not found:
        raise WrongInput(f"{sheet.name} lists no month below its headings")
    return [Forecast(*each) for each in sorted(found.items())]


def record(
    connection: Connection, party: str, said: Sequence[Forecast], sheet: Sheet, *, by: str, now: datetime
) -> None:
    """Keep what a party said, in somebody's name; of a month that it spoke of before, this counts."""
    connection.execute(
        insert(forecasts),
        [
            {
                "party": party,
                "month": each.month,
                "hubs": each.hubs,
                "file_sha256": sheet.sha256,
                "recorded": now,
                "recorded_by": by,
            }
            for each in said
        ],
    )


def held(connection: Connection, party: str, months: Sequence[date]) -> list[Held]:
    """Hold what a party said of these months (first days) against what it has asked for."""
    newest = (
        select(func.max(forecasts.c.id))
        .where(forecasts.c.party == party, forecasts.c.month.in_(months))
        .group_by(forecasts.c.month)
    )
    said = dict(
        connection.execute(
            select(forecasts.c.month, forecasts.c.hubs).where(forecasts.c.id.in_(newest))
        ).all()
    )
    return [Held(month, said.get(month), _asked(connection, party, month)) for month in months]


def _asked(connection: Connection, party: str, month: date) -> int:
    begin = datetime(month.year, month.month, 1, tzinfo=UTC)
    count = connection.scalar(
        select(func.count())
        .select_from(request_hubs.join(requests, requests.c.id == request_hubs.c.request))
        .where(
            requests.c.party == party,
            requests.c.family == Family.HUB,
            requests.c.state != "refused",
            requests.c.received >= begin,
            requests.c.received < datetime.combine(month_after(month), begin.timetz()),
            request_hubs.c.refused.is_(None),
            request_hubs.c.cancelled.is_(None),
        )
    )
    return count or 0


def month_after(month: date, months: int = 1) -> date:
    """Return the first day of the month so many later."""
    years, index = divmod(month.month - 1 + months, 12)
    return date(month.year + years, index + 1, 1)


def warning(connection: Connection, party: str, now: datetime) -> str | None:
    """Say so if a party has asked for more in this month than it said, or never spoke of it."""
    month = date(now.year, now.month, 1)
    (this,) = held(connection, party, [month])
    if this.forecast is None:
        return f"{party} has sent no forecast for {month:%B %Y}"
    if this.asked > this.forecast:
        return (
            f"{party} has asked for {this.asked} hubs in {month:%B %Y}, and its forecast was {this.forecast}"
        )
    return None
