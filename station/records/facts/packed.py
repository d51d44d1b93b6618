"""What is asked of places, cartons and pallets, and what is known of a hub that is to be put somewhere."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from firmware_catalog.identity import Eui64, FirmwareVersion
from station.domain.contents import Contents
from station.domain.destination import Destination
from station.domain.label import ScannedLabel
from station.domain.order_line import OrderLine
from station.domain.outcome import Code, Disposition, Outcome
from station.domain.slot_name import SlotName
from station.packing.belonging import KnownHub, Result, Stand
from station.packing.codes import carton_code, pallet_code
from station.records.facts.attempts import AttemptId
from station.records.facts.orders import order_line_state
from station.records.moments import utc_from_microseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Carton:
    """A carton as its books have it."""

    number: int
    order: str
    hubs: int
    capacity: int
    contents: Contents | None
    """None while nothing is in it."""
    opened: datetime
    closed: datetime | None
    reason: str | None
    """Why it was closed short."""
    held: str | None
    """Why nobody may use it."""
    pallet: int | None

    @property
    def code(self) -> str:
        """What is printed on it."""
        return carton_code(self.number)

    @property
    def state(self) -> str:
        """`open`, `closed` or `held`."""
        return "held" if self.held is not None else "open" if self.closed is None else "closed"

    def __str__(self) -> str:
        said = f"carton {self.code}: {self.hubs} of {self.capacity} hubs, {self.state}"
        said += f" ({self.held or self.reason})" if self.held or self.reason else ""
        said += f", {self.contents}" if self.contents is not None else ""
        return said + (f", on pallet {pallet_code(self.pallet)}" if self.pallet is not None else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pallet:
    """A pallet as its books have it."""

    number: int
    order: str
    cartons: int
    capacity: int
    opened: datetime
    closed: datetime | None
    reason: str | None

    @property
    def code(self) -> str:
        """What is printed on it."""
        return pallet_code(self.number)

    @property
    def state(self) -> str:
        """`open` or `closed`."""
        return "open" if self.closed is None else "closed"

    def __str__(self) -> str:
        said = f"pallet {self.code}: {self.cartons} of {self.capacity} cartons, {self.state}"
        return said + (f" ({self.reason})" if self.reason else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """A hub in a place, now or once."""

    sequence: int
    hub: Eui64
    gpf: Eui64 | None
    order: str | None
    stand: Stand
    placed: datetime
    actor: str | None
    """A pseudonym."""
    reason: str | None
    left: datetime | None
    left_for: str | None
    """Why it is there no more."""


_OPEN: Final = "work_order IN (SELECT work_order FROM orders WHERE closed IS NULL)"
_CARTON: Final = "SELECT number, work_order, hubs, capacity, contents, opened, closed, reason, held, pallet FROM cartons WHERE"
_PALLET: Final = "SELECT number, work_order, cartons, capacity, opened, closed, reason FROM pallets WHERE"
_PLACING: Final = "SELECT sequence, hub, gpf, work_order, place, carton, placed, actor, reason, left_at, left_for FROM hub_places WHERE"


def carton(tables: sqlite3.Connection, number: int) -> Carton | None:
    """Return the carton of this number."""
    return next(_cartons(tables.execute(f"{_CARTON} number = ?", (number,))), None)


def cartons_of(tables: sqlite3.Connection, order: str) -> tuple[Carton, ...]:
    """Return the cartons of an order, by number."""
    return tuple(_cartons(tables.execute(f"{_CARTON} work_order = ? ORDER BY number", (order,))))


def cartons_on(tables: sqlite3.Connection, pallet: int) -> tuple[Carton, ...]:
    """Return the cartons on a pallet, by number."""
    return tuple(_cartons(tables.execute(f"{_CARTON} pallet = ? ORDER BY number", (pallet,))))


def held_cartons(tables: sqlite3.Connection) -> tuple[Carton, ...]:
    """Return every carton that is held."""
    return tuple(_cartons(tables.execute(f"{_CARTON} held IS NOT NULL ORDER BY number")))


def cartons_in_use(tables: sqlite3.Connection) -> tuple[Carton, ...]:
    """Return every carton that holds hubs, of orders that are over too, as far as they are here."""
    return tuple(_cartons(tables.execute(f"{_CARTON} contents IS NOT NULL ORDER BY number")))


def pallet(tables: sqlite3.Connection, number: int) -> Pallet | None:
    """Return the pallet of this number."""
    return next(_pallets(tables.execute(f"{_PALLET} number = ?", (number,))), None)


def pallets_of(tables: sqlite3.Connection, order: str) -> tuple[Pallet, ...]:
    """Return the pallets of an order, by number."""
    return tuple(_pallets(tables.execute(f"{_PALLET} work_order = ? ORDER BY number", (order,))))


def hubs_in(tables: sqlite3.Connection, carton: int) -> tuple[Placing, ...]:
    """Return the hubs in a carton, in the order in which they were packed."""
    rows = tables.execute(f"{_PLACING} carton = ? AND left_at IS NULL ORDER BY sequence", (carton,))
    return tuple(_placings(rows))


def placed_for(tables: sqlite3.Connection, order: str) -> tuple[Placing, ...]:
    """Return which hubs stand in places for an order, by hub."""
    rows = tables.execute(f"{_PLACING} work_order = ? AND left_at IS NULL ORDER BY hub", (order,))
    return tuple(_placings(rows))


def placings_of(tables: sqlite3.Connection, *ids: Eui64) -> tuple[Placing, ...]:
    """Return every place in which the hub with one of these ids was put, oldest first."""
    found: dict[int, Placing] = {}
    for device in ids:
        rows = tables.execute(f"{_PLACING} hub = ?1 OR gpf = ?1", (str(device),))
        found.update((each.sequence, each) for each in _placings(rows))
    return tuple(found[sequence] for sequence in sorted(found))


def places_of_order(tables: sqlite3.Connection, order: str) -> Mapping[Destination, int]:
    """Return how many of an order's own hubs stand in which place."""
    rows = tables.execute(
        "SELECT place, count(*) FROM hub_places JOIN order_lines ON order_lines.work_order = hub_places.work_order"
        " AND chf = hub WHERE hub_places.work_order = ? AND left_at IS NULL GROUP BY place",
        (order,),
    )
    counts = {Destination(place): hubs for place, hubs in rows}
    return {place: counts[place] for place in Destination if place in counts}


def next_numbers(tables: sqlite3.Connection, lowest: int) -> tuple[int, int]:
    """Return the numbers of the next carton and the next pallet.

    Those that may have been given since the backup from which a journal was restored are passed over.
    """
    (restored,) = tables.execute("SELECT max(first_sequence) FROM identities").fetchone()
    numbers = []
    for table in ("cartons", "pallets"):
        last = tables.execute(
            f"SELECT number, sequence FROM {table} ORDER BY number DESC LIMIT 1"  # noqa: S608 - one of two names
        ).fetchone()
        number, sequence = (0, 0) if last is None else last
        passed_over = PASSED_OVER if restored > max(sequence, 1) else 0
        numbers.append(max(lowest, number + 1) + passed_over)
    return numbers[0], numbers[1]


PASSED_OVER: Final = 1000
"""So many numbers of cartons, and of pallets, are left out after a restore."""


@dataclass(frozen=True, slots=True)
class NamedHub:
    """A hub that a label names: by both ids where an order or an attempt tells them."""

    hub: Eui64
    gpf: Eui64 | None
    orders: tuple[str, ...]
    """Open orders that it may be put somewhere for: the one it was worked on for last comes first."""
    closed_order: str | None
    """The newest order that lists it and is closed."""


def hubs_named(tables: sqlite3.Connection, label: ScannedLabel) -> tuple[NamedHub, ...]:
    """Return every hub that a label may name: one, but for ids that two orders give to different hubs."""
    device = str(label.device_id)
    pairs: dict[tuple[Eui64, Eui64 | None], None] = {}
    where = {"CHF": "chf = ?1", "GPF": "gpf = ?1", None: "chf = ?1 OR gpf = ?1"}[label.role]
    for source in (
        f"SELECT DISTINCT chf, gpf FROM order_lines WHERE ({where}) AND {_OPEN} ORDER BY 1",  # noqa: S608 - our own words
        f"SELECT DISTINCT chf, gpf FROM order_lines WHERE ({where}) ORDER BY 1",  # noqa: S608 - the same
        f"SELECT DISTINCT chf, gpf FROM attempts WHERE ({where}) AND chf IS NOT NULL ORDER BY 1",  # noqa: S608 - the same
    ):
        rows = tables.execute(source, (device,)).fetchall()
        pairs.update(((Eui64.parse(chf), Eui64.parse(gpf)), None) for chf, gpf in rows)
        if pairs:
            break
    return tuple(_named(tables, hub, gpf) for hub, gpf in pairs or {(label.device_id, None): None})


def hubs_ending_in(tables: sqlite3.Connection, digits: str) -> tuple[tuple[Eui64, Eui64], ...]:
    """Return the hubs of orders, and seen in slots, whose CHF or GPF ends in these six digits."""
    end = f"%{digits[:2]}-{digits[2:4]}-{digits[4:]}"
    rows = tables.execute(
        "SELECT chf, gpf FROM order_lines WHERE chf LIKE ?1 OR gpf LIKE ?1"
        " UNION SELECT chf, gpf FROM attempts WHERE chf IS NOT NULL AND (chf LIKE ?1 OR gpf LIKE ?1) ORDER BY 1",
        (end,),
    )
    return tuple((Eui64.parse(chf), Eui64.parse(gpf)) for chf, gpf in rows)


def _named(tables: sqlite3.Connection, hub: Eui64, gpf: Eui64 | None) -> NamedHub:
    listed = tables.execute(
        "SELECT orders.work_order, closed IS NULL FROM order_lines JOIN orders USING (work_order)"
        " WHERE chf = ? AND closed IS NOT ' import unfinished' ORDER BY imported DESC, orders.work_order",
        (str(hub),),
    ).fetchall()
    worked_for = tables.execute(
        "SELECT DISTINCT work_order FROM attempts JOIN orders USING (work_order)"  # noqa: S608 - our own words
        f" WHERE ({_OF_HUB}) AND orders.closed IS NULL ORDER BY attempt DESC",
        (str(hub), None if gpf is None else str(gpf)),
    ).fetchall()
    open_orders = [order for (order,) in worked_for] + [order for order, is_open in listed if is_open]
    over = next((order for order, is_open in listed if not is_open), None)
    return NamedHub(hub, gpf, tuple(dict.fromkeys(open_orders)), over)


_OF_HUB: Final = (
    "attempts.chf = ?1 OR attempts.gpf = ?2 OR (attempts.chf IS NULL AND attempts.scanned_id IN (?1, ?2))"
)


def known_hub(
    tables: sqlite3.Connection,
    hub: Eui64,
    gpf: Eui64 | None,
    order: str | None,
    live: Collection[AttemptId] | None,
) -> KnownHub:
    """Return what is known of a hub, seen from one order.

    `live` are the attempts that are being worked on now; None where that is not known: then every open one is.
    """
    ids = (str(hub), None if gpf is None else str(gpf))
    unfinished = tables.execute(
        f"SELECT attempt, jig, slot, lost FROM attempts WHERE ({_OF_HUB}) AND closed IS NULL ORDER BY attempt DESC",  # noqa: S608 - our own words
        ids,
    ).fetchall()
    at_work = [
        SlotName(jig=jig, slot=slot)
        for attempt, jig, slot, _ in unfinished
        if live is None or attempt in live
    ]
    left = [
        SlotName(jig=jig, slot=slot)
        for attempt, jig, slot, _ in unfinished
        if live is not None and attempt not in live
    ]
    last = tables.execute(
        "SELECT work_order, outcome, code, disposition, unsettled, scanned_id, scanned_role, read_back FROM attempts"  # noqa: S608 - our own words
        f" WHERE ({_OF_HUB}) AND closed IS NOT NULL AND (work_order IS ?3 OR outcome IN (?4, ?5))"
        " ORDER BY attempt DESC LIMIT 1",
        (*ids, order, Outcome.PASSED, Outcome.FAILED),
    ).fetchone()
    touched = tables.execute(
        f"SELECT 1 FROM attempts WHERE ({_OF_HUB}) AND work_order IS ?3 AND outcome IN (?4, ?5) LIMIT 1",  # noqa: S608 - our own words
        (*ids, order, Outcome.PASSED, Outcome.FAILED),
    ).fetchone()
    placing = standing_of(tables, hub, gpf)
    listed = order is not None and order_line_state(tables, order, hub) is not None
    return KnownHub(
        hub=ids[0],
        order=order,
        listed=listed,
        at_work=str(at_work[0]) if at_work else None,
        unfinished=str(left[0]) if left else None,
        last=None if last is None else _result(last, hub, gpf),
        touched=touched is not None,
        stands=None if placing is None else placing.stand,
    )


def standing_of(tables: sqlite3.Connection, hub: Eui64, gpf: Eui64 | None) -> Placing | None:
    """Return the place in which a hub stands now.

    Where it was put for an order that is over counts no more once an open order lists it anew.
    """
    rows = tables.execute(
        f"{_PLACING} (hub = ?1 OR gpf = ?1 OR hub = ?2 OR gpf = ?2) AND left_at IS NULL AND (work_order IS NULL"  # noqa: S608 - our own words
        f" OR {_OPEN} OR NOT EXISTS (SELECT 1 FROM order_lines WHERE chf IN (?1, ?2) AND {_OPEN}))"
        " ORDER BY sequence DESC LIMIT 1",
        (str(hub), None if gpf is None else str(gpf)),
    )
    return next(_placings(rows), None)


def contents_of(
    tables: sqlite3.Connection, order: str, hub: Eui64, firmware: FirmwareVersion
) -> Contents | None:
    """Return of which kind an order's hub is; None where the order does not list it."""
    state = order_line_state(tables, order, hub)
    return None if state is None else contents_by(state.line, firmware)


def contents_by(line: OrderLine, firmware: FirmwareVersion) -> Contents:
    """Return of which kind a hub is, by what its order says of it and what it said itself."""
    return Contents(
        owner=line.owner,
        manufacturer=line.manufacturer,
        model=line.model,
        variant=line.variant,
        firmware=firmware,
    )


def _result(row: tuple[Any, ...], hub: Eui64, gpf: Eui64 | None) -> Result:
    order, outcome, code, disposition, unsettled, scanned_id, role, read_back = row
    label = None if scanned_id is None else ScannedLabel(Eui64.parse(scanned_id), role)
    return Result(
        order=order,
        outcome=Outcome(outcome),
        code=None if code is None else Code(code),
        disposition=None if disposition is None else Disposition(disposition),
        unsettled=unsettled,
        mislabelled=label is not None and not label.names(_BothIds(hub, gpf or hub)),
        firmware=None if read_back is None else FirmwareVersion.parse(read_back),
    )


@dataclass(frozen=True, slots=True)
class _BothIds:
    chf: Eui64
    gpf: Eui64


def _cartons(rows: Iterable[tuple[Any, ...]]) -> Iterator[Carton]:
    for number, order, hubs, capacity, contents, opened, closed, reason, held, pallet in rows:
        yield Carton(
            number=number,
            order=order,
            hubs=hubs,
            capacity=capacity,
            contents=None if contents is None else Contents.model_validate_json(contents),
            opened=utc_from_microseconds(opened),
            closed=None if closed is None else utc_from_microseconds(closed),
            reason=reason,
            held=held,
            pallet=pallet,
        )


def _pallets(rows: Iterable[tuple[Any, ...]]) -> Iterator[Pallet]:
    for number, order, cartons, capacity, opened, closed, reason in rows:
        yield Pallet(
            number=number,
            order=order,
            cartons=cartons,
            capacity=capacity,
            opened=utc_from_microseconds(opened),
            closed=None if closed is None else utc_from_microseconds(closed),
            reason=reason,
        )


def _placings(rows: Iterable[tuple[Any, ...]]) -> Iterator[Placing]:
    for sequence, hub, gpf, order, place, carton, placed, actor, reason, left, left_for in rows:
        yield Placing(
            sequence=sequence,
            hub=Eui64.parse(hub),
            gpf=None if gpf is None else Eui64.parse(gpf),
            order=order,
            stand=Stand(Destination(place), carton),
            placed=utc_from_microseconds(placed),
            actor=actor,
            reason=reason,
            left=None if left is None else utc_from_microseconds(left),
            left_for=left_for,
        )
