"""The book of deliveries: what a party announced, what came of it and when, what was rejected and went back."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Row, and_, delete, func, insert, or_, select

from firmware_catalog.devices import Family
from firmware_catalog.identity import Eui64
from inventory.database.delivery_tables import announced, delivered, deliveries
from inventory.database.tables import request_hubs, requests
from inventory.delivery.goods import Packed, Unit, UnitKind
from inventory.delivery.judging import Expected, Finding, Judged, Reason, judge, of_count
from inventory.delivery.name import delivery_name
from inventory.delivery.returns import to_go_back
from inventory.delivery.stock import accepted_before, in_store
from inventory.errors import WrongInput
from inventory.notices import queue
from inventory.notices.kind import Kind
from inventory.requests.book import NotNow, name_of, plural, require, require_within
from inventory.requests.extract import Registered
from inventory.requests.limits import beyond_the_store
from inventory.requests.settings import LimitSettings
from inventory.requests.sheet import Sheet

_AT_ONCE: Final = 1000
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of goods that came."""

    delivery: int
    accepted: int
    rejected: Mapping[str, int]
    """How many for each reason; a carton of which nobody knows what is in it counts as one."""
    warnings: Sequence[str]
    family: Family

    @property
    def name(self) -> str:
        """How people call it."""
        return delivery_name(self.delivery)


@dataclass(frozen=True, slots=True)
class _Coming:
    """A hub that came: in what, and what was seen of that, the nearest first."""

    pallet: str | None
    carton: str | None
    findings: tuple[Finding | None, ...]


def announce(
    connection: Connection, request: int, packed: Sequence[Packed], sheet: Sheet, *, by: str, now: datetime
) -> list[str]:
    """Keep what a party says it sends; of a hub that it announced before, this counts. Return those that are not on the order.

    The caller writes alone. Raises NotNow for a request that is not authorised, WrongInput for two ids that are no one hub's.
    """
    require(connection, request, "authorised")
    lines = _lines(connection, request, {str(each) for one in packed for each in one.ids})
    by_id = {each: line.chf for line in lines.values() for each in _ids_of(line)}
    rows, strange = [], []
    line_of: dict[str, int] = {}
    for one in packed:
        hubs = {by_id.get(str(each), str(each)) for each in one.ids}
        if len(hubs) > 1:
            raise WrongInput(
                f"{sheet.name}, line {one.line}: {' and '.join(map(str, one.ids))} are no one hub's by the order"
            )
        (hub,) = hubs
        if (first := line_of.setdefault(hub, one.line)) != one.line:
            raise WrongInput(
                f"{sheet.name}, line {one.line}: {hub} is on line {first} already, by its other id"
            )
        if hub not in lines:
            strange.append(hub)
        rows.append(
            {
                "request": request,
                "hub": hub,
                "pallet": one.pallet,
                "carton": one.carton,
                "file_sha256": sheet.sha256,
                "taken": now,
                "taken_by": by,
            }
        )
    for some in _some(rows):
        hubs_of_some = [row["hub"] for row in some]
        connection.execute(
            delete(announced).where(announced.c.request == request, announced.c.hub.in_(hubs_of_some))
        )
        connection.execute(insert(announced), some)
    return strange


def ids_of_order(connection: Connection, request: int) -> set[Eui64]:
    """Return the ids of all hubs that were ever on the order."""
    rows = connection.execute(
        select(request_hubs.c.chf, request_hubs.c.gpf).where(
            request_hubs.c.request == request, request_hubs.c.authorised.is_not(None)
        )
    )
    return {Eui64.parse(each) for row in rows for each in row if each is not None}


def receive(
    connection: Connection,
    request: int,
    units: Sequence[Unit],
    *,
    delivery_note: str,
    extract: tuple[Sheet, Mapping[Eui64, Registered]] | None,
    limits: Sequence[LimitSettings],
    by: str,
    now: datetime,
) -> Receipt:
    """Take in goods that came, hub by hub, in somebody's name. The caller writes alone.

    Raises NotNow for a request that is not authorised, for bridges that are held against an extract, or where a store would have more
    than a limit that refuses.
    """
    row = require(connection, request, "authorised")
    if extract is not None and row.family == Family.BRIDGE:
        raise NotNow(f"{name_of(request)} is of bridges, which are in no extract: leave out --extract")
    judged = _judged(connection, row, units, None if extract is None else extract[1])
    regions = _regions(connection, request, [each.hub for each in judged if each.hub and not each.reason])
    over = beyond_the_store(in_store(connection), regions, limits)
    require_within(over)
    delivery = connection.scalar(
        insert(deliveries)
        .values(
            request=request,
            delivery_note=delivery_note,
            extract=extract and extract[0].name,
            extract_sha256=extract and extract[0].sha256,
            received=now,
            received_by=by,
        )
        .returning(deliveries.c.id)
    )
    if delivery is None:
        raise AssertionError("an insert returns its id")
    rows = [
        {
            "delivery": delivery,
            "hub": each.hub,
            "pallet": each.pallet,
            "carton": each.carton,
            "rejected": each.reason and each.reason.value,
            "detail": each.detail,
        }
        for each in judged
    ]
    for some in _some(rows):
        connection.execute(insert(delivered), some)
    rejected = Counter(each.reason.value for each in judged if each.reason is not None)
    accepted, warnings = len(judged) - rejected.total(), [each.line for each in over]
    receipt = Receipt(delivery, accepted, dict(rejected), warnings, Family(row.family))
    columns = ("pallet", "carton", "hub", "rejected", "detail")
    facts = {
        "request": name_of(request),
        "party": row.party,
        "work_order": row.work_order,
        "delivery": receipt.name,
        "delivery_note": delivery_note,
        "received": f"{now:%Y-%m-%d}",
        "devices": plural(row.family),
        "accepted": receipt.accepted,
        "rejected": rejected.total(),
    }
    listing = columns, [[each[name] for name in columns] for each in rows]
    queue.put(connection, request, row.party, Kind.GOODS_RECEIVED, facts, now, listing, by=by)
    return receipt


def _judged(
    connection: Connection,
    request: Row[*tuple[Any, ...]],
    units: Sequence[Unit],
    registered: Mapping[Eui64, Registered] | None,
) -> list[Judged]:
    if not units:
        raise WrongInput("nothing came: name a pallet, carton or hub")
    chf_of = _chf_of(connection, request.id, {unit.code for unit in units if unit.kind is UnitKind.HUB})
    findings: dict[tuple[UnitKind, str], Finding | None] = {}
    scanned: set[tuple[UnitKind, str]] = set()
    for unit in units:
        if (unit.kind, unit.code) in scanned:
            raise WrongInput(f"{unit.kind} {unit.code} is there twice")
        scanned.add((unit.kind, unit.code))
        # What is known of a hub goes by its CHF id, whichever was scanned; by either, what was seen of it stands.
        of = unit.kind, chf_of.get(unit.code, unit.code) if unit.kind is UnitKind.HUB else unit.code
        findings[of] = findings.get(of) or unit.finding
    coming, judged = _coming(connection, request.id, findings)
    lines = _lines(connection, request.id, set(coming))
    by_id = {each: line for line in lines.values() for each in _ids_of(line)}
    before = accepted_before(connection, request.id, [line.chf for line in lines.values()])
    here: dict[str, str] = {}
    for id_, one in coming.items():
        line = by_id.get(id_)
        hub = id_ if line is None else line.chf
        earlier = before.get(hub)
        expected = Expected(
            hub=hub,
            gpf=None if line is None else line.gpf,
            pallet=one.pallet,
            carton=one.carton,
            on_order=line is not None,
            cancelled=line is not None and line.cancelled is not None,
            received_in=None if earlier is None else delivery_name(earlier),
        )
        if here.setdefault(hub, id_) != id_:
            continue  # by its other id, it is the same hub
        judged.append(judge(expected, one.findings, request.party, registered))
    return judged


def _coming(
    connection: Connection, request: int, findings: Mapping[tuple[UnitKind, str], Finding | None]
) -> tuple[dict[str, _Coming], list[Judged]]:
    """Return the hubs that came by what is announced, and what can be said without knowing of any hub."""
    by_kind = {kind: [code for of, code in findings if of is kind] for kind in UnitKind}
    rows = _announced(connection, request, by_kind)
    of_carton = Counter(row.carton for row in rows if row.carton is not None)
    of_pallet = Counter(row.pallet for row in rows if row.pallet is not None)
    known = {UnitKind.PALLET: of_pallet, UnitKind.CARTON: of_carton}
    held = {
        (kind, code): of_count(finding, known[kind][code]) if kind in known else finding
        for (kind, code), finding in findings.items()
    }
    said = []
    pallet_of = {row.carton: row.pallet for row in rows if row.carton is not None}
    for (kind, code), finding in held.items():
        pallet = code if kind is UnitKind.PALLET else pallet_of.get(code)
        carton = code if kind is UnitKind.CARTON else None
        if kind in known and not known[kind][code]:
            said.append(Judged(None, pallet, carton, Reason.NOT_ANNOUNCED, "no packing list has it"))
        if finding is not None and finding.reason is Reason.FOREIGN_HUB:
            said.append(Judged(finding.detail, pallet, carton, Reason.FOREIGN_HUB, f"found in carton {code}"))
    coming = {}
    # What was announced by its GPF id before its line joined the order is the same hub.
    chf_of = _chf_of(connection, request, {row.hub for row in rows})
    for row in rows:
        hub = chf_of.get(row.hub, row.hub)
        seen = (
            held.get((UnitKind.HUB, hub)),
            held.get((UnitKind.CARTON, row.carton)),
            held.get((UnitKind.PALLET, row.pallet)),
        )
        if any(
            each in findings
            for each in (
                (UnitKind.HUB, hub),
                (UnitKind.CARTON, row.carton),
                (UnitKind.PALLET, row.pallet),
            )
        ):
            coming[hub] = _Coming(row.pallet, row.carton, seen)
    for code in by_kind[UnitKind.HUB]:
        coming.setdefault(code, _Coming(None, None, (held[UnitKind.HUB, code],)))
    return coming, said


def _announced(
    connection: Connection, request: int, by_kind: Mapping[UnitKind, Sequence[str]]
) -> list[Row[*tuple[Any, ...]]]:
    columns = (
        (announced.c.pallet, by_kind[UnitKind.PALLET]),
        (announced.c.carton, by_kind[UnitKind.CARTON]),
        (announced.c.hub, by_kind[UnitKind.HUB]),
    )
    found = {}
    for column, values in columns:
        for some in _some(values):
            for row in connection.execute(
                select(announced.c.hub, announced.c.pallet, announced.c.carton).where(
                    announced.c.request == request, column.in_(some)
                )
            ):
                found[row.hub] = row
    return list(found.values())


def _lines(connection: Connection, request: int, ids: Iterable[str]) -> dict[str, Row[*tuple[Any, ...]]]:
    """Return the order's line of each of these hubs, by CHF id; one that was cancelled, too."""
    hub, found = request_hubs.c, {}
    of_order = and_(hub.request == request, hub.authorised.is_not(None), hub.refused.is_(None))
    for some in _some(sorted(ids)):
        for row in connection.execute(
            select(hub.chf, hub.gpf, hub.cancelled).where(of_order, or_(hub.chf.in_(some), hub.gpf.in_(some)))
        ):
            found[row.chf] = row
    return found


def _chf_of(connection: Connection, request: int, ids: Iterable[str]) -> dict[str, str]:
    """Return the CHF id of each of these hubs that is on the order, by either id."""
    lines = _lines(connection, request, ids)
    return {each: line.chf for line in lines.values() for each in _ids_of(line)}


def _ids_of(line: Row[*tuple[Any, ...]]) -> Iterator[str]:
    yield line.chf
    if line.gpf is not None:
        yield line.gpf


def _regions(connection: Connection, request: int, chfs: Sequence[str]) -> Counter[str]:
    regions: Counter[str] = Counter()
    for some in _some(chfs):
        rows = connection.execute(
            select(request_hubs.c.region, func.count())
            .where(
                request_hubs.c.request == request,
                request_hubs.c.refused.is_(None),
                request_hubs.c.chf.in_(some),
            )
            .group_by(request_hubs.c.region)
        )
        regions.update(dict(rows.all()))
    return regions


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an order's hubs have come."""

    family: Family
    ordered: int
    accepted: int
    rejected: int
    """Goods that have to go back."""
    outstanding: Sequence[str]
    """CHF ids on the order that have not been accepted."""
    receipts: Sequence[Mapping[str, Any]]


def progress(connection: Connection, request: int) -> Progress:
    """Return how far an order's hubs have come. Raises WrongInput for no request."""
    family = connection.scalar(select(requests.c.family).where(requests.c.id == request))
    if family is None:
        raise WrongInput(f"there is no request {name_of(request)}; see reflash inventory requests list")
    standing = connection.scalars(
        select(request_hubs.c.chf)
        .where(
            request_hubs.c.request == request,
            request_hubs.c.authorised.is_not(None),
            request_hubs.c.refused.is_(None),
            request_hubs.c.cancelled.is_(None),
        )
        .order_by(request_hubs.c.line)
    ).all()
    came = accepted_before(connection, request)
    counts: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for delivery, reason, number in connection.execute(
        select(delivered.c.delivery, delivered.c.rejected, func.count())
        .join(deliveries, deliveries.c.id == delivered.c.delivery)
        .where(deliveries.c.request == request)
        .group_by(delivered.c.delivery, delivered.c.rejected)
    ):
        counts[delivery][reason or "accepted"] = number
    receipts = [
        {
            "delivery": delivery_name(row.id),
            "delivery_note": row.delivery_note,
            "received": row.received,
            "received_by": row.received_by,
            **counts[row.id],
        }
        for row in connection.execute(
            select(deliveries).where(deliveries.c.request == request).order_by(deliveries.c.id)
        )
    ]
    return Progress(
        family=Family(family),
        ordered=len(standing),
        accepted=len(came),
        rejected=len(to_go_back(connection, request)),
        outstanding=[each for each in standing if each not in came],
        receipts=receipts,
    )


def _some(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for at in range(0, len(items), _AT_ONCE):
        yield items[at : at + _AT_ONCE]
