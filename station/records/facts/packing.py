"""Hubs that leave the bench: each stands in one place, cartons hold them, pallets hold cartons.

A hub that is seen in a slot stands in no place any more, whatever anybody has scanned: `leave_for_slot`.
"""

from __future__ import annotations

import sqlite3
from typing import Literal, NamedTuple, assert_never

from firmware_catalog.identity import Eui64, FirmwareVersion, OpaqueName
from station.domain.actor import Actor
from station.domain.contents import Holding
from station.domain.destination import Destination
from station.packing.codes import carton_code
from station.records.facts.attempts import AttemptOpened, AttemptResumed
from station.records.facts.base import Fact, Written, require


class CartonOpened(Fact):
    """Hubs of an order may be packed into a new carton. The first of them says what kind it holds."""

    kind: Literal["carton_opened"] = "carton_opened"
    carton: int
    """Its number, which no other carton of this station has."""
    order: str
    capacity: int
    """So many hubs fill it."""
    actor: Actor | None


class HubPlaced(Fact):
    """A hub was put in a place, by a scan there."""

    kind: Literal["hub_placed"] = "hub_placed"
    hub: Eui64
    """CHF id; what the label says where nobody knows that."""
    gpf: Eui64 | None
    scanned_id: Eui64 | None
    """None where digits were typed."""
    order: str | None
    """For which order; None for a hub that no open order is about."""
    place: Destination
    carton: int | None
    contents: Holding | None
    """Of which kind it is, into a carton."""
    taken_from: Destination | None
    """Where it stood until then, if it was taken out of a place again."""
    taken_from_carton: int | None
    reason: str | None
    """Why a supervisor decided so; None where it follows from the hub's last result."""
    actor: Actor | None


class CartonClosed(Fact):
    """Nothing more goes into a carton."""

    kind: Literal["carton_closed"] = "carton_closed"
    carton: int
    hubs: int
    reason: str | None
    """Why it stays short; None for a full one, which the scan that filled it has closed."""
    actor: Actor | None


class CartonHeld(Fact):
    """A carton is in dispute: nobody packs into it, or moves it on, until a supervisor releases it."""

    kind: Literal["carton_held"] = "carton_held"
    carton: int
    found: Eui64 | None
    """The hub that was found in it and does not belong there: it is in somebody's hand now, and in no place."""
    reason: str
    actor: Actor | None


class CartonReleased(Fact):
    """A supervisor has looked into a carton that was held: its books are right."""

    kind: Literal["carton_released"] = "carton_released"
    carton: int
    reason: str
    actor: Actor | None


class PalletOpened(Fact):
    """Cartons of an order may be put on a new pallet. The first of them says whose it is."""

    kind: Literal["pallet_opened"] = "pallet_opened"
    pallet: int
    order: str
    capacity: int
    actor: Actor | None


class CartonPutOnPallet(Fact):
    """A closed carton stands on a pallet."""

    kind: Literal["carton_put_on_pallet"] = "carton_put_on_pallet"
    carton: int
    pallet: int
    actor: Actor | None


class CartonTakenOffPallet(Fact):
    """A carton stands on its pallet no more; a pallet that was closed is open again."""

    kind: Literal["carton_taken_off_pallet"] = "carton_taken_off_pallet"
    carton: int
    pallet: int
    reason: str
    actor: Actor | None


class PalletClosed(Fact):
    """Nothing more goes on a pallet."""

    kind: Literal["pallet_closed"] = "pallet_closed"
    pallet: int
    cartons: int
    reason: str | None
    """Why it stays short; None for a full one."""
    actor: Actor | None


class CartonsRecalled(Fact):
    """The release that hubs in these cartons run is no longer to be given to any: withdrawn since they were packed."""

    kind: Literal["cartons_recalled"] = "cartons_recalled"
    manufacturer: OpaqueName
    model: OpaqueName
    firmware: FirmwareVersion
    cartons: tuple[int, ...]


class RecallEnded(Fact):
    """These cartons are recalled no more: their release stands again, or what ran it was taken out."""

    kind: Literal["recall_ended"] = "recall_ended"
    cartons: tuple[int, ...]


PackingFact = (
    CartonOpened
    | HubPlaced
    | CartonClosed
    | CartonHeld
    | CartonReleased
    | PalletOpened
    | CartonPutOnPallet
    | CartonTakenOffPallet
    | PalletClosed
    | CartonsRecalled
    | RecallEnded
)


class Leaving(NamedTuple):
    """A hub that stood in a place and does no more."""

    sequence: int
    """Of the row that put it there."""
    hub: str
    gpf: str | None
    carton: int | None
    pallet: int | None
    """On which that carton stood until then."""


def apply(tables: sqlite3.Connection, written: Written, event: PackingFact) -> list[Leaving]:
    """Bring the tables up to this fact; return which hubs have left a place by it. Raises EventRefused."""
    match event:
        case CartonOpened():
            tables.execute(
                "INSERT INTO cartons (number, work_order, sequence, opened, capacity) VALUES (?, ?, ?, ?, ?)",
                (event.carton, event.order, written.sequence, written.utc, event.capacity),
            )
        case HubPlaced():
            return _place(tables, written, event)
        case CartonClosed():
            _require_carton(
                tables.execute(
                    "UPDATE cartons SET closed = ?, reason = ? WHERE number = ? AND closed IS NULL",
                    (written.utc, event.reason, event.carton),
                ),
                event.carton,
                "open",
            )
        case CartonHeld():
            _hold(tables, event.carton, event.reason)
            if event.found is not None:
                why = f"it was found in carton {carton_code(event.carton)}"
                rows = _standing(tables, event.found)
                return _leave(tables, written, rows, why, held=f"hub {event.found}: {why}")
        case CartonReleased():
            _require_carton(
                tables.execute(
                    "UPDATE cartons SET held = NULL WHERE number = ? AND held IS NOT NULL", (event.carton,)
                ),
                event.carton,
                "held",
            )
        case PalletOpened():
            tables.execute(
                "INSERT INTO pallets (number, work_order, sequence, opened, capacity) VALUES (?, ?, ?, ?, ?)",
                (event.pallet, event.order, written.sequence, written.utc, event.capacity),
            )
        case CartonPutOnPallet():
            _require_carton(
                tables.execute(
                    "UPDATE cartons SET pallet = ? WHERE number = ? AND pallet IS NULL",
                    (event.pallet, event.carton),
                ),
                event.carton,
                "free to be put on a pallet",
            )
            tables.execute("UPDATE pallets SET cartons = cartons + 1 WHERE number = ?", (event.pallet,))
        case CartonTakenOffPallet():
            _off_its_pallet(tables, event.carton)
        case PalletClosed():
            require(
                tables.execute(
                    "UPDATE pallets SET closed = ?, reason = ? WHERE number = ? AND closed IS NULL",
                    (written.utc, event.reason, event.pallet),
                ),
                f"pallet {event.pallet} is not open",
            )
        case CartonsRecalled():
            tables.executemany(
                "INSERT OR IGNORE INTO recalled_cartons VALUES (?)", ((each,) for each in event.cartons)
            )
        case RecallEnded():
            tables.executemany(
                "DELETE FROM recalled_cartons WHERE carton = ?", ((each,) for each in event.cartons)
            )
        case _:
            assert_never(event)
    return []


def leave_for_slot(
    tables: sqlite3.Connection, written: Written, event: AttemptOpened | AttemptResumed
) -> list[Leaving]:
    """A hub that is seen in a slot stands in no place: what it was packed for is not known to hold, nor is its carton.

    One that an order lists anew has come back to the bench in good order, after the end of an earlier one. Returns where
    it stood.
    """
    attempt = written.sequence if isinstance(event, AttemptOpened) else event.attempt
    chf, gpf, label, order = tables.execute(
        "SELECT chf, gpf, scanned_id, work_order FROM attempts WHERE attempt = ?", (attempt,)
    ).fetchone()
    ids = (chf, gpf) if chf is not None else (label, label)
    rows = _leaving(
        tables,
        "(hub IN (?1, ?2) OR gpf IN (?1, ?2)) AND (hub_places.work_order IS NULL"
        " OR EXISTS (SELECT 1 FROM orders WHERE orders.work_order = hub_places.work_order AND closed IS NULL)"
        " OR NOT EXISTS (SELECT 1 FROM order_lines WHERE work_order = ?3 AND (chf IN (?1, ?2) OR gpf IN (?1, ?2))))",
        *ids,
        order,
    )
    why = f"it was seen in {event.place}"
    return _leave(tables, written, rows, why, held=f"hub {ids[0]} of it was seen in {event.place}")


def _leaving(tables: sqlite3.Connection, which: str, *values: str | None) -> list[Leaving]:
    """Return the hubs that stand somewhere and of which `which` holds."""
    rows = tables.execute(
        "SELECT sequence, hub, gpf, carton, (SELECT pallet FROM cartons WHERE number = carton)"  # noqa: S608 - our own words
        f" FROM hub_places WHERE left_at IS NULL AND {which}",
        values,
    )
    return [Leaving(*row) for row in rows]


def _standing(tables: sqlite3.Connection, hub: Eui64) -> list[Leaving]:
    return _leaving(tables, "(hub = ?1 OR gpf = ?1)", str(hub))


def _place(tables: sqlite3.Connection, written: Written, event: HubPlaced) -> list[Leaving]:
    left = [] if event.taken_from is None else _standing(tables, event.hub)
    _leave(tables, written, left, event.reason or "", held=None)
    tables.execute(
        "INSERT INTO hub_places (sequence, placed, hub, gpf, work_order, place, carton, reason, actor)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            written.sequence,
            written.utc,
            str(event.hub),
            None if event.gpf is None else str(event.gpf),
            event.order,
            event.place,
            event.carton,
            event.reason,
            None if event.actor is None else event.actor.pseudonym,
        ),
    )
    if event.carton is not None and event.contents is not None:
        _require_carton(
            tables.execute(
                "UPDATE cartons SET hubs = hubs + 1, contents = ? WHERE number = ? AND closed IS NULL",
                (event.contents.model_dump_json(), event.carton),
            ),
            event.carton,
            "open",
        )
    return left


def _leave(
    tables: sqlite3.Connection, written: Written, rows: list[Leaving], why: str, *, held: str | None
) -> list[Leaving]:
    """Let hubs stand in their places no more. A carton that lacks one is open again, off its pallet, and perhaps held."""
    for sequence, _, _, carton, _ in rows:
        tables.execute(
            "UPDATE hub_places SET left_at = ?, left_for = ? WHERE sequence = ?", (written.utc, why, sequence)
        )
        if carton is None:
            continue
        _off_its_pallet(tables, carton)
        tables.execute(
            "UPDATE cartons SET hubs = hubs - 1, contents = iif(hubs = 1, NULL, contents), closed = NULL, reason = NULL"
            " WHERE number = ?",
            (carton,),
        )
        if held is not None:
            _hold(tables, carton, held)
    return rows


def _hold(tables: sqlite3.Connection, carton: int, why: str) -> None:
    """Hold a carton. Why it was held first stays: that is what somebody is to look into."""
    _require_carton(
        tables.execute("UPDATE cartons SET held = coalesce(held, ?) WHERE number = ?", (why, carton)),
        carton,
        "there",
    )


def _off_its_pallet(tables: sqlite3.Connection, carton: int) -> None:
    tables.execute(
        "UPDATE pallets SET cartons = cartons - 1, closed = NULL, reason = NULL"
        " WHERE number = (SELECT pallet FROM cartons WHERE number = ?)",
        (carton,),
    )
    tables.execute("UPDATE cartons SET pallet = NULL WHERE number = ?", (carton,))


def _require_carton(done: sqlite3.Cursor, carton: int, what: str) -> None:
    require(done, f"carton {carton_code(carton)} is not {what}")
