"""What leaves of packed hubs: composed when the fact is written, since the books that it tells will change."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable
from typing import Any, Final, TypeVar, assert_never

from station.domain.contents import Contents, Holding, SetContents
from station.messages.packing_fact import (
    PACKING_FACT,
    CartonStands,
    HeldBridge,
    Holds,
    HoldsSet,
    HubStands,
    PalletStands,
)
from station.packing.codes import Package, carton_code, pallet_code
from station.records.facts.attempts import AttemptOpened, AttemptResumed
from station.records.facts.base import Written
from station.records.facts.outbox import tell as tell_message
from station.records.facts.package_labels import PackageLabelAsked
from station.records.facts.packed import Carton, Pallet, carton, pallet
from station.records.facts.packing import (
    CartonClosed,
    CartonHeld,
    CartonOpened,
    CartonPutOnPallet,
    CartonReleased,
    CartonsRecalled,
    CartonTakenOffPallet,
    HubPlaced,
    Leaving,
    PackingFact,
    PalletClosed,
    PalletOpened,
    RecallEnded,
)

B = TypeVar("B", Carton, Pallet)

_IN_NO_PLACE: Final = dict.fromkeys(("place", "carton", "work_order"))

_SINCE: Final = 3
"""The vocabulary since which there are such facts."""


def tell(
    tables: sqlite3.Connection,
    written: Written,
    event: PackingFact | AttemptOpened | AttemptResumed,
    left: Collection[Leaving],
) -> None:
    """Let a fact leave with what it has touched, `left` being the hubs that stand in a place no more."""
    box, stack = _touched(event)
    told: dict[str, Any] = {"what": event.kind, "hub": None, "recalled": ()}
    match event:
        case AttemptOpened() | AttemptResumed():
            told |= {"what": "hub_seen_in_slot", "hub": _nowhere(left)}
        case HubPlaced():
            told["hub"] = HubStands(
                hub=event.hub,
                gpf=event.gpf,
                place=event.place,
                carton=None if event.carton is None else carton_code(event.carton),
                work_order=event.order,
            )
        case CartonHeld(found=found) if found is not None:
            told["hub"] = _nowhere(left) or HubStands(hub=found, gpf=None, **_IN_NO_PLACE)
        case CartonsRecalled() | RecallEnded():
            told["recalled"] = tuple(map(carton_code, event.cartons))
        case _:
            pass
    said = event.model_dump(include={"reason", "actor"})
    told |= {"reason": said.get("reason"), "actor": (said.get("actor") or {}).get("pseudonym")}
    cartons = {box, *(each.carton for each in left)} - {None}
    pallets = {stack, *(each.pallet for each in left)} - {None}
    _let_leave(tables, written, told, cartons, pallets)


def _touched(event: PackingFact | AttemptOpened | AttemptResumed) -> tuple[int | None, int | None]:
    """Return the carton and the pallet that a fact names."""
    match event:
        case CartonPutOnPallet() | CartonTakenOffPallet():
            return event.carton, event.pallet
        case PalletOpened() | PalletClosed():
            return None, event.pallet
        case HubPlaced() | CartonOpened() | CartonClosed() | CartonHeld() | CartonReleased():
            return event.carton, None
        case AttemptOpened() | AttemptResumed() | CartonsRecalled() | RecallEnded():
            return None, None
        case _:
            assert_never(event)


def tell_label(tables: sqlite3.Connection, written: Written, event: PackageLabelAsked) -> None:
    """Let it be known which SSCC a carton or pallet has."""
    if event.sscc is None:
        return
    actor = event.actor and event.actor.pseudonym
    told = {"what": event.kind, "hub": None, "reason": None, "actor": actor, "recalled": ()}
    of_carton = event.package is Package.CARTON
    _let_leave(tables, written, told, *(([event.number], []) if of_carton else ([], [event.number])))


def _nowhere(left: Iterable[Leaving]) -> HubStands | None:
    for each in left:
        return HubStands.model_validate({"hub": each.hub, "gpf": each.gpf, **_IN_NO_PLACE})
    return None


def _let_leave(
    tables: sqlite3.Connection,
    written: Written,
    told: dict[str, Any],
    cartons: Iterable[int | None],
    pallets: Iterable[int | None],
) -> None:
    boxes = [found for each in cartons if each is not None and (found := carton(tables, each))]
    stacks = [stack for each in pallets if each is not None and (stack := pallet(tables, each))]
    hub = told["hub"] and told["hub"].model_dump(mode="json")
    about = {
        **told,
        "hub": hub,
        "cartons": [_carton(tables, each).model_dump(mode="json") for each in _by_number(boxes)],
        "pallets": [_pallet(tables, each).model_dump(mode="json") for each in _by_number(stacks)],
    }
    # All under one key: whoever takes them over in order has the books at each moment.
    tell_message(tables, written, PACKING_FACT, PACKING_FACT.kind, since=_SINCE, about=json.dumps(about))


def _by_number(boxes: list[B]) -> list[B]:
    return sorted(boxes, key=lambda box: box.number)


def _carton(tables: sqlite3.Connection, found: Carton) -> CartonStands:
    return CartonStands(
        carton=found.code,
        work_order=found.order,
        state=found.state,
        hubs=found.hubs,
        capacity=found.capacity,
        holds=_holds(found.contents),
        holds_set=_holds_set(found.contents),
        pallet=None if found.pallet is None else pallet_code(found.pallet),
        sscc=_sscc(tables, Package.CARTON, found.number),
    )


def _holds(contents: Holding | None) -> Holds | None:
    if not isinstance(contents, Contents):
        return None
    return Holds(
        owner=contents.owner,
        manufacturer=contents.manufacturer,
        model=contents.model,
        han_variant=contents.variant,
        firmware=str(contents.firmware),
    )


def _holds_set(contents: Holding | None) -> HoldsSet | None:
    if not isinstance(contents, SetContents):
        return None
    bridges = tuple(
        HeldBridge(
            device=each.device_id,
            bridge_type=each.bridge_type,
            manufacturer=each.manufacturer,
            model=each.model,
            firmware=str(each.firmware),
        )
        for each in contents.bridges
    )
    return HoldsSet(owner=contents.owner, premises=contents.premises, bridges=bridges)


def _pallet(tables: sqlite3.Connection, found: Pallet) -> PalletStands:
    return PalletStands(
        pallet=found.code,
        work_order=found.order,
        state=found.state,
        cartons=found.cartons,
        capacity=found.capacity,
        sscc=_sscc(tables, Package.PALLET, found.number),
    )


def _sscc(tables: sqlite3.Connection, package: Package, number: int) -> str | None:
    found = tables.execute(
        "SELECT sscc FROM package_labels WHERE package = ? AND number = ? AND sscc IS NOT NULL"
        " ORDER BY asked DESC LIMIT 1",
        (package, number),
    ).fetchone()
    return None if found is None else str(found[0])
