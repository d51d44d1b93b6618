"""The book of what left: by pallet, carton or hub, in parts, and what became of it on its way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Row, func, insert, or_, select, update

from firmware_catalog.devices import Family
from firmware_catalog.identity import Eui64
from inventory.database.redelivery_tables import dispatched, dispatches, fates
from inventory.errors import WrongInput
from inventory.intake.missing import missing
from inventory.notices import queue
from inventory.notices.kind import Kind
from inventory.redelivery.addresses import address_of
from inventory.redelivery.known import Goods, goods_of
from inventory.redelivery.leaving import (
    Carton,
    Pallet,
    why_not_alone,
    why_not_carton,
    why_not_pallet,
)
from inventory.requests.book import NotNow, name_of, plural, require
from inventory.upstream.redelivery import withheld

FATES: Final = ("delivered", "refused", "short", "lost")
"""What may become of goods on their way. What was refused came back, and may leave again."""
_SHOWN: Final = 20
_Box = TypeVar("_Box", Carton, Pallet)


class StaysHere(NotNow):
    """Goods may not leave, for each of some reasons."""

    def __init__(self, reasons: Sequence[str]) -> None:
        shown = list(reasons[:_SHOWN])
        if len(reasons) > _SHOWN:
            shown.append(f"and {len(reasons) - _SHOWN} more")
        super().__init__("\n".join(shown))
        self.reasons = tuple(reasons)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to leave."""

    pallets: Sequence[str] = ()
    cartons: Sequence[str] = ()
    hubs: Sequence[Eui64] = ()


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Goods that left."""

    number: int
    family: Family
    hubs: int
    address: str

    @property
    def name(self) -> str:
        """How people call it."""
        return dispatch_name(self.number)


@dataclass(frozen=True, slots=True)
class _Leaving:
    chf: str
    source: str | None = None
    carton: str | None = None
    pallet: str | None = None


def dispatch_name(number: int) -> str:
    """Return how people call goods that left."""
    return f"DP-{number:06}"


def dispatch_number(name: str) -> int:
    """Return its number by how people call it. Raises WrongInput."""
    digits = name.upper().removeprefix("DP-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 18):
        raise WrongInput(f"{name[:40]!r} is no dispatch, such as DP-000001")
    return int(digits)


def dispatch(
    connection: Connection,
    request: int,
    wanted: Wanted,
    *,
    carrier_note: str,
    transport_pence: int | None,
    despite_missing: str | None = None,
    despite_upstream: str | None = None,
    by: str,
    now: datetime,
) -> Dispatch:
    """Have goods leave, to the party that sent them, in somebody's name. The caller writes alone.

    `despite_missing` says why although messages have not come, `despite_upstream` why although the Smart Metering Inventory
    holds something else of a hub, other than one that was not read back. Raises StaysHere with each reason against it, NotNow, WrongInput.
    """
    row = require(connection, request, "authorised")
    address = address_of(connection, request)
    if address is None:
        raise NotNow(f"{name_of(request)} has no address to go back to; ask its party")
    held = withheld(connection, row.work_order)
    if despite_upstream is not None:
        # A hub that nobody read back may run anything: whatever is held upstream of it, it stays.
        held = {chf: why for chf, why in held.items() if why == "not_read_back"}
    goods = goods_of(connection, request, row.work_order, held)
    reasons: list[str] = []
    leaving = list(_leaving(goods, wanted, row.party, reasons))
    if despite_missing is None:
        # Whose message a hub by itself might be missing, nobody knows: any station's.
        sources = {each.source for each in leaving}
        reasons += [
            each.line
            for each in missing(connection)
            if (None in sources or each.source in sources) and each.kind in ("result", "packing")
        ]
    twice = [chf for chf, number in Counter(each.chf for each in leaving).items() if number > 1]
    reasons += [f"{chf} would leave twice" for chf in twice]
    if reasons:
        raise StaysHere(reasons)
    if not leaving:
        raise WrongInput("nothing is to leave: name a pallet, carton or hub")
    number = connection.scalar(
        insert(dispatches)
        .values(
            request=request,
            address=address,
            carrier_note=carrier_note,
            transport_pence=transport_pence,
            despite="; ".join(each for each in (despite_missing, despite_upstream) if each) or None,
            dispatched=now,
            dispatched_by=by,
        )
        .returning(dispatches.c.id)
    )
    if number is None:
        raise AssertionError("an insert returns its id")
    rows = [
        {
            "dispatch": number,
            "hub": each.chf,
            "source": each.source,
            "carton": each.carton,
            "pallet": each.pallet,
            "firmware": goods.hubs[each.chf].firmware,
            "fate": "on_the_way",
        }
        for each in leaving
    ]
    connection.execute(insert(dispatched), rows)
    gone = Dispatch(number, Family(row.family), len(rows), address)
    columns = ("hub", "carton", "pallet", "firmware")
    facts = {
        "request": name_of(request),
        "party": row.party,
        "work_order": row.work_order,
        "dispatch": gone.name,
        "dispatched": f"{now:%Y-%m-%d}",
        "carrier_note": carrier_note,
        "address": address,
        "hubs": len(rows),
        "devices": plural(row.family),
    }
    listing = columns, [[each[name] for name in columns] for each in rows]
    queue.put(connection, request, row.party, Kind.DISPATCHED, facts, now, listing, by=by)
    return gone


def _leaving(goods: Goods, wanted: Wanted, party: str, reasons: list[str]) -> Iterator[_Leaving]:
    """Yield what leaves; what speaks against it joins the reasons."""
    for code in wanted.pallets:
        pallet = _the_one(goods.pallets.get(code, ()), f"pallet {code}", reasons)
        if pallet is None:
            continue
        reasons += why_not_pallet(pallet)
        for carton in pallet.on_it:
            reasons += why_not_carton(carton, party, goods.hubs, on_pallet=code)
            yield from _inside(carton, goods)
    for code in wanted.cartons:
        alone = _the_one(goods.cartons.get(code, ()), f"carton {code}", reasons)
        if alone is not None:
            reasons += why_not_carton(alone, party, goods.hubs, on_pallet=None)
            yield from _inside(alone, goods)
    for id_ in wanted.hubs:
        chf = goods.chf_of.get(str(id_))
        if chf is None:
            reasons.append(f"{id_} is not on this order")
            continue
        reasons += why_not_alone(goods.hubs[chf])
        yield _Leaving(chf)


def _the_one(boxes: Sequence[_Box], name: str, reasons: list[str]) -> _Box | None:
    if not boxes:
        reasons.append(f"no bench has told of {name} of this order")
    elif len(boxes) > 1:
        reasons.append(
            f"{name} is of {' and of '.join(each.source for each in boxes)}: give each a range of its own"
        )
    return boxes[0] if len(boxes) == 1 else None


def _inside(carton: Carton, goods: Goods) -> Iterator[_Leaving]:
    for chf in carton.inside:
        if chf in goods.hubs:
            yield _Leaving(chf, carton.source, carton.code, carton.pallet)


def record_fate(
    connection: Connection,
    number: int,
    fate: str,
    wanted: Wanted,
    *,
    reason: str,
    by: str,
    now: datetime,
) -> int:
    """Record in somebody's name what became of goods on their way (all of them, if nothing is named); return of how many hubs.

    Raises WrongInput for what did not leave with this, NotNow where nothing would change.
    """
    if connection.scalar(select(dispatches.c.id).where(dispatches.c.id == number)) is None:
        raise WrongInput(f"there is no dispatch {dispatch_name(number)}")
    here = dispatched.c.dispatch == number
    conditions = []
    for column, codes in (
        (dispatched.c.pallet, wanted.pallets),
        (dispatched.c.carton, wanted.cartons),
        (dispatched.c.hub, [str(each) for each in wanted.hubs]),
    ):
        for code in codes:
            if connection.execute(select(dispatched.c.id).where(here, column == code)).first() is None:
                raise WrongInput(f"{code} did not leave with {dispatch_name(number)}")
            conditions.append(column == code)
    # What nobody named is what is still on its way.
    chosen = or_(*conditions) if conditions else dispatched.c.fate == "on_the_way"
    done = connection.execute(
        update(dispatched).where(here, chosen, dispatched.c.fate != fate).values(fate=fate)
    )
    if not done.rowcount:
        raise NotNow(f"nothing of {dispatch_name(number)} would change")
    what = [*wanted.pallets, *wanted.cartons, *map(str, wanted.hubs)]
    connection.execute(
        insert(fates).values(
            dispatch=number,
            fate=fate,
            what=", ".join(what) or "what was on its way",
            hubs=done.rowcount,
            reason=reason,
            recorded=now,
            recorded_by=by,
        )
    )
    return done.rowcount


def listed(connection: Connection, request: int) -> Sequence[Mapping[str, Any]]:
    """Return what left of a request, each time, with how many hubs are in which state."""
    counts: dict[int, Counter[str]] = {}
    for number, fate, hubs in connection.execute(
        select(dispatched.c.dispatch, dispatched.c.fate, func.count())
        .join(dispatches, dispatches.c.id == dispatched.c.dispatch)
        .where(dispatches.c.request == request)
        .group_by(dispatched.c.dispatch, dispatched.c.fate)
    ):
        counts.setdefault(number, Counter())[fate] = hubs
    rows: Sequence[Row[*tuple[Any, ...]]] = connection.execute(
        select(dispatches).where(dispatches.c.request == request).order_by(dispatches.c.id)
    ).all()
    return [
        {
            "dispatch": dispatch_name(row.id),
            "dispatched": row.dispatched,
            "dispatched_by": row.dispatched_by,
            "carrier_note": row.carrier_note,
            "address": row.address,
            "fates": dict(counts.get(row.id, ())),
        }
        for row in rows
    ]
