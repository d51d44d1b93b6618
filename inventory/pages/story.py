"""A hub's whole history, by either of its ids or their last digits: asked for, delivered, re-flashed, told of, sent back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, or_, select

from firmware_catalog.identity import Eui64
from inventory.assets import Asset, asset
from inventory.charge.lines import pounds
from inventory.database.charge_tables import charged, credited, statements
from inventory.database.delivery_tables import announced, delivered, deliveries
from inventory.database.packing_tables import hub_places
from inventory.database.redelivery_tables import dispatched, dispatches
from inventory.database.tables import LINE_COLUMNS, hubs, messages, request_hubs, requests, results
from inventory.database.upstream_tables import (
    pre_notifications,
    ssmi_rows,
    upstream_released_hubs,
    upstream_releases,
)
from inventory.delivery.name import delivery_name
from inventory.errors import WrongInput
from inventory.redelivery.book import dispatch_name
from inventory.requests.book import name_of
from inventory.upstream.overview import told_of

LEAST_DIGITS: Final = 4
_MOST_FOUND: Final = 20
_MOST_LOOKED_AT: Final = 2000
_SEPARATORS: Final = re.compile(r"[\s:-]+")


@dataclass(frozen=True, slots=True)
class Found:
    """A hub that was asked for by the last digits of an id."""

    chf: str | None
    gpf: str | None

    @property
    def either_id(self) -> str:
        """The id by which its history is asked for."""
        return self.chf or self.gpf or ""


def find(connection: Connection, text: str) -> Sequence[Found]:
    """Return the hubs one of whose ids is this, or ends with it. Raises WrongInput for less than four digits, or what is no id."""
    digits = _SEPARATORS.sub("", text).upper()
    if re.fullmatch(r"[0-9A-F]+", digits) is None or len(digits) > 16:
        raise WrongInput(
            f"{text[:40]!r} is no id of a hub, nor the end of one: 16 hex digits, or the last of them"
        )
    if len(digits) < LEAST_DIGITS:
        raise WrongInput(f"give {LEAST_DIGITS} digits at least: too many hubs end with {digits}")
    ending = f"{digits[-4:-2]}-{digits[-2:]}"
    hub, line = hubs.c, request_hubs.c
    pairs: dict[tuple[str | None, str | None], None] = {}
    for chf, gpf, of_chf, of_gpf in (
        (hub.device, hub.gpf, hub.device_ending, hub.gpf_ending),
        (line.chf, line.gpf, line.chf_ending, line.gpf_ending),
    ):
        for column in (of_chf, of_gpf):
            found = select(chf, gpf).where(column == ending).limit(_MOST_LOOKED_AT)
            pairs |= dict.fromkeys((row[0], row[1]) for row in connection.execute(found))
    fitting = [pair for pair in pairs if any(each is not None and _ends(each, digits) for each in pair)]
    # A hub that is asked for without its other id is the same.
    whole = {each for pair in fitting if None not in pair for each in pair}
    kept = [pair for pair in fitting if None not in pair or not {*pair} & whole]
    return [Found(*pair) for pair in sorted(kept, key=lambda pair: tuple(each or "" for each in pair))][
        : _MOST_FOUND + 1
    ]


def _ends(either_id: str, digits: str) -> bool:
    return either_id.replace("-", "").endswith(digits)


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that became known of a hub."""

    at: datetime
    line: str
    by: str | None = None
    """Who did it, or which station said it, with the message that is the evidence."""
    link: str | None = None
    """The page that has more of it."""


@dataclass(frozen=True, slots=True)
class Story:
    """A hub as it is known, and its history, oldest first."""

    asset: Asset | None
    line: Any
    """Its newest line in a request."""
    place: Any
    """Where a bench has it."""
    moments: Sequence[Moment]


def story(connection: Connection, either_id: Eui64) -> Story:
    """Return all that is known of a hub. Raises WrongInput for one that nobody has told of."""
    known = asset(connection, either_id)
    line = request_hubs.c
    ids = {str(each) for each in (either_id, *_ids_of(known)) if each is not None}
    lines = connection.execute(
        select(*LINE_COLUMNS, requests)
        .join(requests, requests.c.id == line.request)
        .where(or_(line.chf.in_(ids), line.gpf.in_(ids)))
        .order_by(requests.c.id.desc(), line.line.desc())
    ).all()
    ids |= {each for row in lines for each in (row.chf, row.gpf) if each is not None}
    if known is None and (other := [each for each in sorted(ids) if each != str(either_id)]):
        known = asset(connection, Eui64.parse(other[0]))
    orders = [row.work_order for row in lines if row.work_order]
    moments = [
        *_asked(lines),
        *_delivered(connection, ids, [row.request for row in lines]),
        *_results(connection, ids),
        *_told(connection, either_id if known is None else Eui64.parse(known.hub["device"])),
        *_decided(connection, ids, orders),
        *_left(connection, ids),
        *_charged(connection, ids, orders),
    ]
    if known is None and not moments:
        raise WrongInput(f"nobody has told of a hub {either_id}")
    place = connection.execute(
        select(hub_places).where(hub_places.c.hub.in_(ids), hub_places.c.current)
    ).first()
    return Story(
        known,
        lines[0] if lines else None,
        place,
        sorted(moments, key=lambda moment: (moment.at, moment.line)),
    )


def _ids_of(known: Asset | None) -> tuple[str | None, ...]:
    return () if known is None else (known.hub["device"], known.hub["gpf"])


def _asked(lines: Sequence[Any]) -> Iterator[Moment]:
    for row in lines:
        name = name_of(row.request)
        link = f"/requests/{name}"
        verdict = "accepted" if row.refused is None else f"refused: {row.refused}: {row.detail or ''}"
        yield Moment(
            row.received,
            f"{row.party} asked for it ({name}, line {row.line}): {verdict}",
            row.received_by,
            link,
        )
        if row.refused is not None:
            continue
        if row.authorised is not None:
            on = f"on work order {row.work_order} of {name}"
            yield Moment(row.authorised, f"authorised, {on}", row.decided_by, f"/orders/{name}")
        if row.cancelled is not None:
            yield Moment(row.cancelled, f"its line of {name} was cancelled", None, link)
        if row.state == "refused":
            yield Moment(row.decided, f"{name} was refused: {row.reason}", row.decided_by, link)
        if row.state == "closed":
            yield Moment(row.closed, f"{name} was closed: {row.closed_reason}", row.closed_by, link)


def _delivered(connection: Connection, ids: set[str], of: Sequence[int]) -> Iterator[Moment]:
    for row in connection.execute(
        select(announced).where(announced.c.request.in_(of), announced.c.hub.in_(ids))
    ):
        where = ", ".join(
            f"{what} {code}" for what, code in (("carton", row.carton), ("pallet", row.pallet)) if code
        )
        yield Moment(
            row.taken, f"announced for {name_of(row.request)}{f', in {where}' if where else ''}", row.taken_by
        )
    for row in connection.execute(
        select(delivered, deliveries.c.received, deliveries.c.received_by, deliveries.c.delivery_note)
        .join(deliveries, deliveries.c.id == delivered.c.delivery)
        .where(delivered.c.hub.in_(ids))
    ):
        name = delivery_name(row.delivery)
        became = "accepted" if row.rejected is None else f"rejected: {row.rejected}: {row.detail or ''}"
        yield Moment(
            row.received,
            f"came with {name} ({row.delivery_note}): {became}",
            row.received_by,
            f"/deliveries/{name}",
        )
        if row.returned is not None:
            yield Moment(row.returned, f"went back as rejected: {row.return_note}", row.returned_by)


def _results(connection: Connection, ids: set[str]) -> Iterator[Moment]:
    result, message = results.c, messages.c
    for row in connection.execute(
        select(results, message.source, message.event_id)
        .join(messages, message.id == result.message)
        .where(result.device.in_(ids))
    ):
        under = f"under {row.work_order}" if row.work_order else "under no order"
        code = f" ({row.code})" if row.code else ""
        runs = (
            f", runs {row.firmware_read_back}" if row.firmware_read_back else ", said nothing of what it runs"
        )
        line = f"attempt {row.attempt} {under}: {row.outcome}{code}{runs}"
        yield Moment(row.finished, line, f"{row.source}, {row.event_id}")


def _told(connection: Connection, device: Eui64) -> Iterator[Moment]:
    for told in told_of(connection, device):
        for tried in told["tries"]:
            outcome = tried["outcome"] or "no answer is known"
            line = f"{told['firmware']} was told to {told['by']}: {outcome}"
            detail = f": {tried['detail']}" if tried["detail"] else ""
            yield Moment(tried["begun"], line + detail, tried.get("uploaded_by") or tried.get("worker"))


def _decided(connection: Connection, ids: set[str], of: Sequence[str]) -> Iterator[Moment]:
    """What people decided of what goes up."""
    sent, row, release = pre_notifications.c, ssmi_rows.c, upstream_releases.c
    for told in connection.execute(select(pre_notifications).where(sent.device.in_(ids))):
        if told.made_by is not None:
            yield Moment(told.made, f"sent again to {told.csp}: {told.made_why}", told.made_by)
        if told.settled_by is not None:
            line = f"what {told.csp} refused was settled: {told.settled_why}"
            yield Moment(told.decided, line, told.settled_by)
    for told in connection.execute(
        select(ssmi_rows).where(row.device.in_(ids), row.settled_by.is_not(None), row.answered.is_not(None))
    ):
        line = f"what the SSMI refused was put down as {told.state}: {told.settled_why}"
        yield Moment(told.answered, line, told.settled_by)
    part = upstream_released_hubs.c
    for told in connection.execute(
        select(upstream_releases)
        .join(upstream_released_hubs, part.release == release.id)
        .where(release.work_order.in_(of), part.device.in_(ids))
    ):
        yield Moment(
            told.released, f"released upstream, of {told.work_order}: {told.reason}", told.released_by
        )


def _left(connection: Connection, ids: set[str]) -> Iterator[Moment]:
    for row in connection.execute(
        select(
            dispatched,
            *(dispatches.c.dispatched.label("at"), dispatches.c.dispatched_by),
            *(dispatches.c.address, dispatches.c.carrier_note, dispatches.c.request),
        )
        .join(dispatches, dispatches.c.id == dispatched.c.dispatch)
        .where(dispatched.c.hub.in_(ids))
    ):
        inside = ", ".join(
            f"{what} {code}" for what, code in (("carton", row.carton), ("pallet", row.pallet)) if code
        )
        line = f"left with {dispatch_name(row.dispatch)} ({row.carrier_note}){f', in {inside}' if inside else ''}, to {row.address}"
        fate = "" if row.fate == "on_the_way" else f": {row.fate}"
        yield Moment(row.at, line + fate, row.dispatched_by, f"/orders/{name_of(row.request)}")


def _charged(connection: Connection, ids: set[str], of: Sequence[str]) -> Iterator[Moment]:
    for row in connection.execute(
        select(charged, statements.c.written, statements.c.written_by, statements.c.month)
        .join(statements, statements.c.id == charged.c.statement)
        .where(charged.c.work_order.in_(of), charged.c.device.in_(ids))
    ):
        yield Moment(
            row.written,
            f"£{pounds(row.pence)} charged for {row.work_order}, {row.month:%B %Y}",
            row.written_by,
        )
    for row in connection.execute(
        select(credited, statements.c.written, statements.c.written_by, statements.c.month)
        .join(statements, statements.c.id == credited.c.statement)
        .where(credited.c.work_order.in_(of), credited.c.device.in_(ids))
    ):
        line = f"the charge for {row.work_order} was given back, {row.month:%B %Y}: {row.why}"
        yield Moment(row.written, line, row.written_by)
