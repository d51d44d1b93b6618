"""Requests, their hubs and what was delivered, a page at a time: each page's `next` is where the following one begins."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Connection, Row, Select, and_, func, select

from inventory.database.delivery_tables import delivered, deliveries
from inventory.database.packing_tables import hub_places
from inventory.database.tables import hubs, request_hubs, requests, standings
from inventory.delivery.name import delivery_name
from inventory.errors import WrongInput

STATES: Final = ("judged", "authorised", "refused", "closed")
_REQUESTS: Final = 20
_LINES: Final = 100
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Page(Generic[_T]):
    """A part of a list."""

    items: Sequence[_T]
    next: str | None = None
    """Where the following part begins; None at the end."""


@dataclass(frozen=True, slots=True)
class ListedRequest:
    """A request, with how many of its hubs are accepted, refused and cancelled."""

    row: Row[*tuple[Any, ...]]
    accepted: int
    refused: int
    cancelled: int


def list_requests(
    connection: Connection, after: str | None, state: str | None, party: str | None
) -> Page[ListedRequest]:
    """List requests, newest first: those in this state, of this party."""
    chosen = _before(select(requests), requests.c.id, after)
    if state is not None:
        chosen = chosen.where(requests.c.state == state)
    if party is not None:
        chosen = chosen.where(requests.c.party == party)
    rows, following = _cut(connection, chosen, _REQUESTS)
    line = request_hubs.c
    counts = {
        row.request: row
        for row in connection.execute(
            select(
                line.request,
                func.count().label("lines"),
                func.count(line.refused).label("refused"),
                func.count().filter(line.refused.is_(None), line.cancelled.is_not(None)).label("cancelled"),
            )
            .where(line.request.in_([row.id for row in rows]))
            .group_by(line.request)
        )
    }
    return Page([_listed(row, counts.get(row.id)) for row in rows], following)


def _listed(row: Row[*tuple[Any, ...]], counts: Row[*tuple[Any, ...]] | None) -> ListedRequest:
    if counts is None:
        return ListedRequest(row, 0, 0, 0)
    return ListedRequest(
        row, counts.lines - counts.refused - counts.cancelled, counts.refused, counts.cancelled
    )


def list_parties(connection: Connection) -> Sequence[str]:
    """Return each party that has asked for something."""
    return connection.scalars(select(requests.c.party).distinct().order_by(requests.c.party)).all()


def list_lines(
    connection: Connection, request: int, work_order: str | None, after: str | None, reason: str | None
) -> Page[Row[*tuple[Any, ...]]]:
    """List a request's lines as they stand in it, each with its verdict, its result that counts, and where its hub is.

    `reason` is `accepted`, or why those are refused that are to be shown.
    """
    line = request_hubs.c
    here = and_(hub_places.c.hub == line.chf, hub_places.c.current, hub_places.c.work_order == work_order)
    chosen = (
        select(
            *(line.line, line.ids, line.chf, line.gpf, line.manufacturer, line.model, line.firmware),
            *(
                line.bridge_type,
                line.premises,
                line.region,
                line.installation_end,
                line.refused,
                line.detail,
                line.cancelled,
            ),
            *(standings.c.outcome, hub_places.c.place, hub_places.c.carton),
            hubs.c.firmware.label("said"),
        )
        .select_from(request_hubs)
        .outerjoin(standings, and_(standings.c.device == line.chf, standings.c.work_order == work_order))
        .outerjoin(hub_places, here)
        .outerjoin(hubs, hubs.c.device == line.chf)
        .where(line.request == request, line.line > _number(after, 0))
        .order_by(line.line)
    )
    if reason == "accepted":
        chosen = chosen.where(line.refused.is_(None))
    elif reason is not None:
        chosen = chosen.where(line.refused == reason)
    rows = connection.execute(chosen.limit(_LINES + 1)).all()
    shown = rows[:_LINES]
    return Page(shown, str(shown[-1].line) if len(rows) > _LINES else None)


@dataclass(frozen=True, slots=True)
class ListedDelivery:
    """Goods that came, once: how many hubs were accepted, and rejected for which reason."""

    row: Row[*tuple[Any, ...]]
    counts: Mapping[str, int]

    @property
    def name(self) -> str:
        """How people call it."""
        return delivery_name(self.row.id)

    @property
    def accepted(self) -> int:
        """How many were."""
        return self.counts.get("accepted", 0)

    @property
    def rejected(self) -> Mapping[str, int]:
        """How many for each reason."""
        return {reason: number for reason, number in self.counts.items() if reason != "accepted"}


def list_deliveries(
    connection: Connection, after: str | None = None, request: int | None = None
) -> Page[ListedDelivery]:
    """List deliveries, newest first: all, or those of one request."""
    chosen = _before(_deliveries(), deliveries.c.id, after)
    if request is not None:
        chosen = chosen.where(deliveries.c.request == request)
    rows, following = _cut(connection, chosen, _REQUESTS)
    counts = _delivered(connection, [row.id for row in rows])
    return Page([ListedDelivery(row, counts[row.id]) for row in rows], following)


def show_delivery(
    connection: Connection, number: int, after: str | None
) -> tuple[ListedDelivery, Page[Row[*tuple[Any, ...]]]]:
    """Return a delivery, and what came with it, rejected or not. Raises WrongInput for none."""
    row = connection.execute(_deliveries().where(deliveries.c.id == number)).first()
    if row is None:
        raise WrongInput(f"there is no delivery {delivery_name(number)}")
    # What was rejected comes first: somebody has to do something with it.
    rows = connection.execute(
        select(delivered)
        .where(delivered.c.delivery == number, delivered.c.rejected.is_not(None))
        .where(delivered.c.id > _number(after, 0))
        .order_by(delivered.c.id)
        .limit(_LINES + 1)
    ).all()
    shown = rows[:_LINES]
    following = str(shown[-1].id) if len(rows) > _LINES else None
    return ListedDelivery(row, _delivered(connection, [number])[number]), Page(shown, following)


def _deliveries() -> Select[*tuple[Any, ...]]:
    return select(deliveries, requests.c.party, requests.c.work_order).join(
        requests, requests.c.id == deliveries.c.request
    )


def _delivered(connection: Connection, numbers: Sequence[int]) -> Mapping[int, Counter[str]]:
    counts: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for number, reason, hubs_of_reason in connection.execute(
        select(delivered.c.delivery, delivered.c.rejected, func.count())
        .where(delivered.c.delivery.in_(numbers))
        .group_by(delivered.c.delivery, delivered.c.rejected)
    ):
        counts[number][reason or "accepted"] = hubs_of_reason
    return counts


def _before(chosen: Select[*tuple[Any, ...]], column: Any, after: str | None) -> Select[*tuple[Any, ...]]:
    chosen = chosen.order_by(column.desc())
    return chosen if after is None else chosen.where(column < _number(after, 0))


def _cut(
    connection: Connection, chosen: Select[*tuple[Any, ...]], most: int
) -> tuple[Sequence[Row[*tuple[Any, ...]]], str | None]:
    rows = connection.execute(chosen.limit(most + 1)).all()
    shown = rows[:most]
    return shown, str(shown[-1].id) if len(rows) > most else None


def _number(text: str | None, otherwise: int) -> int:
    """Return where a page begins. Raises WrongInput for what no page says."""
    if text is None:
        return otherwise
    if not (text.isascii() and text.isdigit() and len(text) < 18):
        raise WrongInput(f"{text[:20]!r} is no place in a list")
    return int(text)
