"""What is asked of places, cartons and pallets, and what is known of a hub that is to be put somewhere."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from firmware_catalog.identity import DeviceModel, Eui64, FirmwareVersion
from station.domain.contents import Holding, read_holding
from station.domain.destination import Destination
from station.packing.belonging import Stand
from station.packing.codes import Package, PackageCode, carton_code, pallet_code
from station.records.moments import utc_from_microseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Carton:
    """A carton as its books have it."""

    number: int
    order: str
    hubs: int
    capacity: int
    contents: Holding | None
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
        devices = "hubs" if self.contents is None else f"{self.contents.family}s"
        said = f"carton {self.code}: {self.hubs} of {self.capacity} {devices}, {self.state}"
        said += f" ({self.held or self.reason})" if self.held or self.reason else ""
        said += f", {self.contents}" if self.contents is not None else ""
        return said + (f", on pallet {pallet_code(self.pallet)}" if self.pallet is not None else "")


@dataclass(frozen=True, slots=True)
class RecalledCarton:
    """A carton, and a release in it that is no longer to be given to any."""

    carton: Carton
    model: DeviceModel
    firmware: FirmwareVersion


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


OPEN_ORDERS: Final = "work_order IN (SELECT work_order FROM orders WHERE closed IS NULL)"
"""Of a row of any table with such a column."""
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


def recalled_cartons(tables: sqlite3.Connection) -> frozenset[int]:
    """Return the numbers of the cartons of which it was told that they are recalled."""
    return frozenset(number for (number,) in tables.execute("SELECT carton FROM recalled_cartons"))


def cartons_here(tables: sqlite3.Connection) -> tuple[Carton, ...]:
    """Return every carton of an order whose lines these tables have: its books are complete here."""
    here = "EXISTS (SELECT 1 FROM order_lines WHERE order_lines.work_order = cartons.work_order)"
    return tuple(_cartons(tables.execute(f"{_CARTON} {here} ORDER BY number")))


def pallet(tables: sqlite3.Connection, number: int) -> Pallet | None:
    """Return the pallet of this number."""
    return next(_pallets(tables.execute(f"{_PALLET} number = ?", (number,))), None)


def pallets_of(tables: sqlite3.Connection, order: str) -> tuple[Pallet, ...]:
    """Return the pallets of an order, by number."""
    return tuple(_pallets(tables.execute(f"{_PALLET} work_order = ? ORDER BY number", (order,))))


def package(tables: sqlite3.Connection, code: PackageCode) -> Carton | Pallet | None:
    """Return the carton or pallet with this code."""
    return (carton if code.package is Package.CARTON else pallet)(tables, code.number)


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


def standing_of(tables: sqlite3.Connection, hub: Eui64, gpf: Eui64 | None) -> Placing | None:
    """Return the place in which a hub stands now.

    Where it was put for an order that is over counts no more once an open order lists it anew.
    """
    rows = tables.execute(
        f"{_PLACING} (hub = ?1 OR gpf = ?1 OR hub = ?2 OR gpf = ?2) AND left_at IS NULL AND (work_order IS NULL"  # noqa: S608 - our own words
        f" OR {OPEN_ORDERS} OR NOT EXISTS (SELECT 1 FROM order_lines WHERE chf IN (?1, ?2) AND {OPEN_ORDERS}))"
        " ORDER BY sequence DESC LIMIT 1",
        (str(hub), None if gpf is None else str(gpf)),
    )
    return next(_placings(rows), None)


def _cartons(rows: Iterable[tuple[Any, ...]]) -> Iterator[Carton]:
    for number, order, hubs, capacity, contents, opened, closed, reason, held, pallet in rows:
        yield Carton(
            number=number,
            order=order,
            hubs=hubs,
            capacity=capacity,
            contents=None if contents is None else read_holding(contents),
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
