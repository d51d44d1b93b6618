"""Conditions of an append about hubs that leave the bench: see `conditions`.

This is where a hub is kept out of a carton that has no durable pass behind it, whoever scans what at the same time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator

from firmware_catalog.devices import Family
from firmware_catalog.identity import Eui64
from station.domain.contents import Holding, SetContents
from station.domain.counted import counted
from station.domain.destination import Destination
from station.packing.belonging import Stand, belongs, elsewhere, parted, refusal
from station.packing.codes import HIGHEST_NUMBER, Package, PackageCode, carton_code, pallet_code
from station.records.errors import EventRefused, NotAsExpected, PackageRefused, PlaceRefused
from station.records.expectations import Expectation
from station.records.facts.attempts import AttemptId
from station.records.facts.events import Event
from station.records.facts.known_hubs import contents_of, holds_as, known_hub
from station.records.facts.order_revisions import OrderRevised
from station.records.facts.orders import order_line_state, require_open_order
from station.records.facts.packed import Carton, Pallet, carton, cartons_of, cartons_on, hubs_in, pallet
from station.records.facts.packing import (
    CartonClosed,
    CartonHeld,
    CartonOpened,
    CartonPutOnPallet,
    CartonReleased,
    CartonTakenOffPallet,
    HubPlaced,
    PalletClosed,
    PalletOpened,
)


def check(
    tables: sqlite3.Connection, live: Collection[AttemptId], events: Collection[Event | Expectation]
) -> None:
    """Refuse what a place, a carton or a pallet does not take now. Raises a kind of EventRefused."""
    if sum(isinstance(event, HubPlaced | CartonPutOnPallet) for event in events) > 1:
        raise EventRefused("hubs and cartons are put somewhere one by one")
    for event in events:
        match event:
            case CartonOpened(carton=number):
                require_open_order(tables, event.order)
                _require_free(tables, PackageCode(Package.CARTON, number))
            case HubPlaced():
                _place_takes(tables, live, event)
                if event.carton is not None:
                    _carton_takes(tables, event, event.carton, closed=_closed_cartons(events))
            case CartonClosed():
                into = [
                    each for each in events if isinstance(each, HubPlaced) and each.carton == event.carton
                ]
                _carton_closes(tables, event, into)
            case CartonHeld():
                _require_carton(tables, event.carton)
            case CartonReleased():
                released = _require_carton(tables, event.carton)
                if released.held is None:
                    raise PackageRefused(f"carton {carton_code(event.carton)} is not held")
                for hub in _hubs_of_another_kind(tables, event.carton):
                    raise PackageRefused(
                        f"carton {carton_code(event.carton)} holds {_device_of(released.contents)} {hub}, which its order lists no more, or as another "
                        "kind: take it out first (reflash cartons take-out)"
                    )
            case OrderRevised():
                _cartons_are_held(tables, event, events)
            case PalletOpened(pallet=number):
                require_open_order(tables, event.order)
                _require_free(tables, PackageCode(Package.PALLET, number))
            case CartonPutOnPallet():
                _pallet_takes(tables, event, closed=_closed_pallets(events))
            case CartonTakenOffPallet():
                if _require_carton(tables, event.carton).pallet != event.pallet:
                    raise PackageRefused(
                        f"carton {carton_code(event.carton)} is not on pallet {pallet_code(event.pallet)}"
                    )
            case PalletClosed():
                onto = sum(
                    isinstance(each, CartonPutOnPallet) and each.pallet == event.pallet for each in events
                )
                _pallet_closes(tables, event, coming=onto)
            case _:
                pass


def _hubs_of_another_kind(tables: sqlite3.Connection, number: int) -> Iterator[Eui64]:
    """Yield the hubs in a carton that its order does not list, or not as what the carton holds."""
    of = _require_carton(tables, number)
    for placing in hubs_in(tables, number):
        state = order_line_state(tables, of.order, placing.hub)
        if of.contents is None or state is None or not holds_as(state.line, of.contents):
            yield placing.hub


def _cartons_are_held(
    tables: sqlite3.Connection, event: OrderRevised, events: Collection[Event | Expectation]
) -> None:
    """What a revision takes out of an order leaves in no carton: each that holds some of it is held in the same append."""
    held = {each.carton for each in events if isinstance(each, CartonHeld)}
    lines = {line.device_id: line for line in event.changed} | dict.fromkeys(event.withdrawn)
    for each in cartons_of(tables, event.order):
        if each.held is not None or each.number in held or each.contents is None:
            continue
        for placing in hubs_in(tables, each.number):
            line = lines.get(placing.hub)
            if placing.hub in lines and (line is None or not holds_as(line, each.contents)):
                raise NotAsExpected(
                    f"{each.contents.family} {placing.hub}, which this revision withdraws or changes, was packed into carton {each.code} meanwhile",
                    carton=each.code,
                )


def _require_carton(tables: sqlite3.Connection, number: int) -> Carton:
    """Return the carton of this number. Raises PackageRefused."""
    found = carton(tables, number)
    if found is None:
        raise PackageRefused(
            f"there is no carton {carton_code(number)} of an open order (reflash cartons list)"
        )
    return found


def _require_pallet(tables: sqlite3.Connection, number: int) -> Pallet:
    """Return the pallet of this number. Raises PackageRefused."""
    found = pallet(tables, number)
    if found is None:
        raise PackageRefused(
            f"there is no pallet {pallet_code(number)} of an open order (reflash cartons list)"
        )
    return found


def _require_free(tables: sqlite3.Connection, code: PackageCode) -> None:
    table = {Package.CARTON: "cartons", Package.PALLET: "pallets"}[code.package]
    (last,) = tables.execute(f"SELECT coalesce(max(number), 0) FROM {table}").fetchone()  # noqa: S608 - one of two names
    if code.number <= last:
        raise PackageRefused(f"{code.package} {code} was opened before")
    if code.number > HIGHEST_NUMBER:
        raise EventRefused(f"there are no more numbers for a {code.package}: correct packing.numbers_from")


def _place_takes(tables: sqlite3.Connection, live: Collection[AttemptId], event: HubPlaced) -> None:
    known = known_hub(tables, event.hub, event.gpf, event.order, live)
    taken_from = None if event.taken_from is None else Stand(event.taken_from, event.taken_from_carton)
    if known.stands != taken_from:
        where = (
            elsewhere(known, event.place, event.carton) or f"{known} is not {taken_from} any more; look again"
        )
        raise PlaceRefused(where)
    if taken_from is None and event.order is not None:
        require_open_order(tables, event.order)
    if taken_from == Stand(event.place, event.carton):
        raise PlaceRefused(f"{known} is {taken_from} already; nothing was changed")
    line = refusal(known, event.place, decided=event.reason is not None)
    if (
        line is None
        and event.place is Destination.CARTON
        and taken_from is not None
        and taken_from.place is not Destination.CARTON
    ):
        line = f"{known} is {taken_from}: seat it again, so that it is read once more, before it goes into a carton"
    if line is None and event.place is Destination.CARTON and event.reason is None:
        line = parted(known, event.carton)
    if line is not None:
        raise PlaceRefused(line, belongs(known).to)
    if event.place is Destination.CARTON and (
        event.carton is None or known.last is None or event.order is None
    ):
        raise EventRefused(f"{known} goes into no carton that is named")
    if event.carton is not None:
        firmware = None if known.last is None else known.last.firmware
        kind = (
            None
            if firmware is None
            else contents_of(tables, event.order or "", event.hub, firmware, event.carton)
        )
        if event.place is not Destination.CARTON or kind is None or event.contents != kind:
            raise EventRefused(
                f"{known} is not what is said of it ({event.contents}, the record has {kind}); look again"
            )


def _device_of(contents: Holding | None) -> Family:
    return Family.HUB if contents is None else contents.family


def _carton_takes(
    tables: sqlite3.Connection, event: HubPlaced, number: int, *, closed: Collection[int]
) -> None:
    into = _require_carton(tables, number)
    device = _device_of(event.contents)
    if into.order != event.order:
        raise PackageRefused(
            f"carton {into.code} is of order {into.order}, {device} {event.hub} of order {event.order}"
        )
    if into.held is not None:
        raise PackageRefused(f"carton {into.code} is held ({into.held}): a supervisor looks into it first")
    if into.closed is not None:
        raise PackageRefused(
            f"carton {into.code} is closed: take {device} {event.hub} out, open another carton for it"
        )
    if into.contents is not None and event.contents is not None and not into.contents.is_with(event.contents):
        raise PackageRefused(
            f"carton {into.code} holds {into.contents}; {device} {event.hub} is {event.contents}: open a carton of its own for it"
        )
    capacity = into.capacity if event.contents is None else event.contents.fills(into.capacity)
    if isinstance(event.contents, SetContents) and into.capacity < len(event.contents.bridges):
        raise PackageRefused(
            f"carton {into.code} has room for {into.capacity}, and {event.contents} has {len(event.contents.bridges)} bridges: "
            "open a larger one (packing.hubs_per_carton)"
        )
    if into.hubs + 1 >= capacity and number not in closed:
        raise PackageRefused(
            f"carton {into.code} is filled by this {device}, and would have to be closed; scan it again"
        )


def _carton_closes(tables: sqlite3.Connection, event: CartonClosed, coming: list[HubPlaced]) -> None:
    closing = _require_carton(tables, event.carton)
    if closing.held is not None:
        raise PackageRefused(
            f"carton {closing.code} is held ({closing.held}): a supervisor looks into it first"
        )
    if closing.closed is not None:
        raise PackageRefused(f"carton {closing.code} is closed already")
    hubs = closing.hubs + len(coming)
    contents = coming[0].contents if coming else closing.contents
    if event.hubs != hubs:
        device = _device_of(contents)
        raise PackageRefused(
            f"carton {closing.code} has {counted(hubs, device)} now, not {event.hubs}: look again"
        )
    capacity = closing.capacity if contents is None else contents.fills(closing.capacity)
    _require_reason(f"carton {closing.code}", hubs, capacity, event.reason)
    if (
        isinstance(contents, SetContents)
        and hubs < capacity
        and (event.actor is None or event.actor.role == "technician")
    ):
        raise PackageRefused(
            f"carton {closing.code} has {hubs} of the {capacity} bridges of premises {contents.premises}: a supervisor alone "
            "parts a set"
        )


def _pallet_takes(tables: sqlite3.Connection, event: CartonPutOnPallet, *, closed: Collection[int]) -> None:
    onto, put = _require_pallet(tables, event.pallet), _require_carton(tables, event.carton)
    if put.state != "closed":
        raise PackageRefused(f"carton {put.code} is {put.state}: only a closed carton goes on a pallet")
    if put.pallet is not None:
        raise PackageRefused(f"carton {put.code} is on pallet {pallet_code(put.pallet)} already")
    if put.contents is None:
        raise PackageRefused(f"carton {put.code} is empty")
    if put.order != onto.order:
        raise PackageRefused(
            f"pallet {onto.code} is of order {onto.order}, carton {put.code} of order {put.order}"
        )
    if onto.closed is not None:
        raise PackageRefused(f"pallet {onto.code} is closed: open another for carton {put.code}")
    others = {each.contents.owner for each in cartons_on(tables, onto.number) if each.contents is not None}
    if others - {put.contents.owner}:
        raise PackageRefused(
            f"pallet {onto.code} goes to {', '.join(others)}, carton {put.code} to {put.contents.owner}"
        )
    if onto.cartons + 1 >= onto.capacity and onto.number not in closed:
        raise PackageRefused(
            f"pallet {onto.code} is filled by this carton, and would have to be closed; scan it again"
        )


def _pallet_closes(tables: sqlite3.Connection, event: PalletClosed, *, coming: int) -> None:
    closing = _require_pallet(tables, event.pallet)
    if closing.closed is not None:
        raise PackageRefused(f"pallet {closing.code} is closed already")
    cartons = closing.cartons + coming
    if event.cartons != cartons:
        raise PackageRefused(
            f"pallet {closing.code} has {counted(cartons, 'carton')} now, not {event.cartons}: look again"
        )
    _require_reason(f"pallet {closing.code}", cartons, closing.capacity, event.reason)


def _require_reason(what: str, count: int, capacity: int, reason: str | None) -> None:
    if count < capacity and not (reason or "").strip():
        raise PackageRefused(f"{what} has {count} of {capacity}: it is closed short with a reason only")


def _closed_cartons(events: Collection[Event | Expectation]) -> set[int]:
    return {event.carton for event in events if isinstance(event, CartonClosed)}


def _closed_pallets(events: Collection[Event | Expectation]) -> set[int]:
    return {event.pallet for event in events if isinstance(event, PalletClosed)}
