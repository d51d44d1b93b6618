"""Which hubs of a work order are told upstream, with which version, and which are held back, with the reason.

Only what a hub itself said last is told, and only what the inventory does not hold already. The successes of an order go up once
the bench has reconciled and closed it and nothing of it is missing; a part that a supervisor released goes up before, whatever its
results. A hub of which too little is known is held by name.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, or_, select

from firmware_catalog.devices import Family
from inventory.database.tables import (
    hubs,
    request_hubs,
    requests,
    results,
    standings,
)
from inventory.database.upstream_tables import (
    pre_notifications,
    ssmi_rows,
    upstream_released_hubs,
    upstream_releases,
)
from inventory.errors import InventoryError
from inventory.intake.missing import missing_of
from inventory.intake.whose_order import not_closed_at
from inventory.upstream.corrections import corrections_of, holding
from inventory.upstream.settings import RouteSettings, UpstreamSettings
from inventory.upstream.smi_versions import smi_versions
from station.domain.outcome import SUCCESSES


class NotYet(InventoryError):
    """Nothing may be told of this order now."""


class OfBridges(NotYet):
    """Nothing of an order of bridges is ever told: it waits for nothing."""


class ResultsMissing(NotYet):
    """Results have not come: what comes next, of whatever order, may be what is waited for."""


class Told(NamedTuple):
    """One hub with the version that it said last, and the rest of its record as the extract has it."""

    chf: str
    gpf: str
    firmware: str
    message: int
    """Of the result in which it said so."""
    manufacturer: str
    model: str
    region: str
    han_variant: str
    chts_version: str


class Held(NamedTuple):
    """One hub of which nothing is told, and why."""

    chf: str
    reason: str
    """`no_success`, `bridge`, `not_read_back`, `no_gpf`, `ids_disagree`, `no_route` or `refused_upstream`."""


@dataclass(frozen=True, slots=True)
class Update:
    """What is told of one work order."""

    work_order: str
    told: Sequence[Told]
    held: Sequence[Held]
    known: Sequence[str]
    """The CHFs of which the inventory holds already what they said."""
    lacks: NotYet | None
    """Why only what a supervisor released of it is told; None: all of it is."""


def update_of(connection: Connection, work_order: str, ways: UpstreamSettings | None = None) -> Update:
    """Return what is to be told of an order; without `ways`, whatever its hubs' regions.

    Raises OfBridges for one of bridges, NotYet for one that was not authorised here, and, unless a supervisor released a part of it: for one that the bench has
    not closed, and while results of a station that worked on it have not come: one of them may say that a hub runs something else by now.
    """
    order = connection.execute(
        select(requests.c.id, requests.c.family).where(requests.c.work_order == work_order)
    ).first()
    if order is None:
        raise NotYet(f"no work order {work_order} was authorised here; see reflash inventory requests list")
    if order.family == Family.BRIDGE:
        raise OfBridges(f"work order {work_order} is of bridges, of which nothing goes upstream")
    request = order.id
    released = _released(connection, work_order)
    lacks = None
    try:
        _require_closed(connection, work_order)
        _require_all(connection, work_order)
    except NotYet as not_yet:
        if not released:
            raise
        lacks = not_yet
    lines = [
        each for each in _lines(connection, request, work_order) if lacks is None or each.chf in released
    ]
    known_there = smi_versions(connection, [each.chf for each in lines])
    refused = _refused(connection, [each.chf for each in lines])
    told, held, known = [], [], []
    for line in lines:
        reason = _against(line, released)
        if reason is None and known_there.get(line.chf) == line.firmware:
            known.append(line.chf)
        elif reason is None and ways is not None and ways.route_of(line.region) is None:
            held.append(Held(line.chf, "no_route"))
        elif reason is None and (line.chf, line.firmware) in refused:
            held.append(Held(line.chf, "refused_upstream"))
        elif reason is None:
            told.append(_told(line))
        else:
            held.append(Held(line.chf, reason))
    return Update(work_order, told, held, known, lacks)


def of_route(update: Update, ways: UpstreamSettings, route: RouteSettings) -> list[Told]:
    """Return what of an update goes by one way."""
    return [each for each in update.told if ways.route_of(each.region) is route]


class _Line(NamedTuple):
    """A hub of an order: what the extract held of it, what counts of it there, and what is known of it."""

    chf: str
    asked_gpf: str
    manufacturer: str
    model: str
    region: str
    han_variant: str
    chts_version: str
    outcome: str | None
    result_gpf: str | None
    firmware_read_back: str | None
    known_gpf: str | None
    firmware: str | None
    firmware_message: int | None
    said_gpf: str | None
    """Of the device that said that version."""


def _lines(connection: Connection, request: int, work_order: str) -> list[_Line]:
    of_result, said = results.alias("of_result"), results.alias("said")
    hub = request_hubs.c
    rows: Sequence[Any] = connection.execute(
        select(
            hub.taken.label("stated"),
            *(hub.chf, hub.gpf.label("asked_gpf"), hub.manufacturer, hub.model),
            *(hub.region, hub.han_variant, hub.chts_version),
            *(standings.c.outcome, of_result.c.gpf.label("result_gpf"), of_result.c.firmware_read_back),
            *(
                hubs.c.gpf.label("known_gpf"),
                hubs.c.firmware,
                hubs.c.firmware_message,
                said.c.gpf.label("said_gpf"),
            ),
        )
        .outerjoin(standings, and_(standings.c.device == hub.chf, standings.c.work_order == work_order))
        .outerjoin(of_result, of_result.c.message == standings.c.message)
        .outerjoin(hubs, hubs.c.device == hub.chf)
        .outerjoin(said, said.c.message == hubs.c.firmware_message)
        # A line that was cancelled after the bench had worked on its hub is told of all the same.
        .where(
            hub.request == request,
            hub.refused.is_(None),
            or_(hub.cancelled.is_(None), standings.c.outcome.is_not(None)),
        )
        .order_by(hub.chf, hub.line)
    ).all()
    # A hub that was cancelled and joined again has two lines.
    lines = {row.chf: (_Line(*row[1:]), row.stated) for row in rows}
    corrected = corrections_of(connection, request)
    return [line._replace(**holding(corrected.get(chf, ()), stated)) for chf, (line, stated) in lines.items()]


def _against(line: _Line, released: Collection[str]) -> str | None:
    if line.outcome not in SUCCESSES and line.chf not in released:
        return "no_success"
    # What names itself by one id is a bridge, also where a hub has that id; nothing of a bridge is ever told to the SMI.
    told = (line.outcome, line.result_gpf), (line.firmware, line.said_gpf)
    if any(said is not None and gpf is None for said, gpf in told):
        return "bridge"
    if line.firmware is None or line.firmware_read_back is None:
        return "not_read_back"
    if line.known_gpf is None:
        return "no_gpf"
    if {line.asked_gpf, line.result_gpf or line.known_gpf} != {line.known_gpf}:
        return "ids_disagree"
    return None


def _told(line: _Line) -> Told:
    if line.known_gpf is None or line.firmware is None or line.firmware_message is None:
        raise AssertionError("a hub with no reason against it has said what it is")
    return Told(
        chf=line.chf,
        gpf=line.known_gpf,
        firmware=line.firmware,
        message=line.firmware_message,
        manufacturer=line.manufacturer,
        model=line.model,
        region=line.region,
        han_variant=line.han_variant,
        chts_version=line.chts_version,
    )


def _released(connection: Connection, work_order: str) -> set[str]:
    return set(
        connection.scalars(
            select(upstream_released_hubs.c.device)
            .join(upstream_releases, upstream_releases.c.id == upstream_released_hubs.c.release)
            .where(upstream_releases.c.work_order == work_order)
        )
    )


def _refused(connection: Connection, devices: Sequence[str]) -> set[tuple[str, str]]:
    """Return each hub with each version that was refused of it, where nobody has it sent again."""
    found: set[tuple[str, str]] = set()
    for at in range(0, len(devices), 500):
        some = devices[at : at + 500]
        for table in (pre_notifications, ssmi_rows):
            refused = select(table.c.device, table.c.firmware).where(
                table.c.device.in_(some), table.c.state.in_(("refused", "settled"))
            )
            found |= {(device, firmware) for device, firmware in connection.execute(refused)}
    return found


def _require_closed(connection: Connection, work_order: str) -> None:
    if (station := not_closed_at(connection, work_order)) is not None:
        raise NotYet(
            f"{station} has not told that {work_order} is reconciled and closed; there, run: reflash orders show {work_order}"
        )


def _require_all(connection: Connection, work_order: str) -> None:
    if (lacking := missing_of(connection, work_order, ("result",))) is not None:
        raise ResultsMissing(f"{work_order}: {lacking.line}")
