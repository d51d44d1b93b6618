"""Where hubs are and may go, told a second time: from the facts alone, without a table or a rule of the station's."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from firmware_catalog.identity import Eui64
from station.domain.destination import Destination
from station.domain.label import ScannedLabel
from station.domain.order_line import BridgeLine, ListedDevice
from station.domain.outcome import Code, Outcome
from station.messages.packing_fact import PackingFact
from station.packing.codes import carton_code, pallet_code
from station.records.chain import RecordedEvent
from station.records.facts.attempts import AttemptClosed, AttemptOpened, AttemptResumed
from station.records.facts.orders import OrderClosed, OrderLinesAdded
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

Kind = tuple[str, ...]


@dataclass
class Box:
    """A carton, or with cartons in it a pallet."""

    order: str
    capacity: int
    inside: set[Eui64 | int] = field(default_factory=set)
    closed: bool = False
    held: bool = False
    on: int | None = None

    @property
    def usable(self) -> bool:
        return not (self.closed or self.held)

    @property
    def state(self) -> str:
        return "held" if self.held else "closed" if self.closed else "open"


class Escape(AssertionError):
    """A hub is where it must not be."""


class PackingModel:
    """Hears every fact in order, and raises Escape at the first that must not be there."""

    def __init__(self) -> None:
        self.lines: dict[str, dict[Eui64, ListedDevice]] = defaultdict(dict)
        self.closed_orders: set[str] = set()
        self.results: dict[Eui64, list[AttemptClosed]] = defaultdict(list)
        self.open: dict[int, tuple[Eui64, str | None]] = {}
        self.places: dict[Eui64, HubPlaced] = {}
        self.cartons: dict[int, Box] = {}
        self.pallets: dict[int, Box] = {}
        self.packed = 0
        self.by_gpf: dict[Eui64, Eui64] = {}

    def hear(self, recorded: RecordedEvent) -> None:
        """Follow one fact."""
        event = recorded.event
        match event:
            case OrderLinesAdded():
                self.lines[event.order].update((line.device_id, line) for line in event.lines)
                self.by_gpf.update((line.ids.every[-1], line.device_id) for line in event.lines)
            case OrderClosed():
                self.closed_orders.add(event.order)
            case AttemptOpened():
                hub = event.hub.device_id if event.hub else self.chf_of(event.scanned_id)
                if hub is not None:
                    self.open[recorded.sequence] = hub, event.order
                    self.seen_in_a_slot(hub, event.order)
            case AttemptResumed():
                if event.attempt in self.open:
                    self.seen_in_a_slot(*self.open[event.attempt])
            case AttemptClosed():
                hub, _ = self.open.pop(event.attempt, (None, None))
                if hub is not None:
                    self.results[hub].append(event)
            case HubPlaced():
                self.place(event)
            case CartonOpened(carton=number):
                assert number not in self.cartons
                self.cartons[number] = Box(event.order, event.capacity)
            case CartonClosed():
                self.close(self.cartons[event.carton], event.reason)
            case CartonHeld():
                self.cartons[event.carton].held = True
                if event.found is not None:
                    self.leave(event.found, held=True)
            case CartonReleased():
                assert self.cartons[event.carton].held
                self.cartons[event.carton].held = False
            case PalletOpened(pallet=number):
                assert number not in self.pallets
                self.pallets[number] = Box(event.order, event.capacity)
            case CartonPutOnPallet():
                self.put_on_pallet(event)
            case CartonTakenOffPallet():
                self.off_pallet(event.carton)
            case PalletClosed():
                self.close(self.pallets[event.pallet], event.reason)
            case _:
                pass

    def chf_of(self, device: Eui64 | None) -> Eui64 | None:
        """By either id."""
        return None if device is None else self.by_gpf.get(device, device)

    def place(self, event: HubPlaced) -> None:
        stands = self.places.get(event.hub)
        if stands is not None and stands.order in self.closed_orders and event.taken_from is None:
            stands = None
        was = (None, None) if stands is None else (stands.place, stands.carton)
        if (event.taken_from, event.taken_from_carton) != was:
            raise Escape(f"{event.hub} is put {event.place} and stands in {was}")
        if event.carton is not None and (
            why := self.why_not(
                event.hub, event.carton, moved=stands is not None, decided=event.reason is not None
            )
        ):
            raise Escape(f"{event.hub} is in carton {event.carton}: {why}")
        if event.taken_from is not None:
            self.leave(event.hub, held=False)
        self.places[event.hub] = event
        if event.carton is not None:
            self.cartons[event.carton].inside.add(event.hub)
            self.packed += 1

    def why_not(self, hub: Eui64, carton: int, *, moved: bool = False, decided: bool = False) -> str | None:
        """Why a hub may not be packed there; None if it may."""
        box = self.cartons[carton]
        line = self.lines[box.order].get(hub)
        if box.order in self.closed_orders and not moved:
            return "its order is closed"
        if line is None:
            return "not on the order"
        if any(attempt_hub == hub for attempt_hub, _ in self.open.values()):
            return "an attempt is open"
        if hub in self.places and not moved and self.places[hub].order not in self.closed_orders:
            return "it is somewhere already"
        if moved and self.places[hub].place is not Destination.CARTON:
            return "it was put aside"
        last = self.last(hub, box.order)
        if last is None or not self.is_good(last, box.order, line):
            return f"its last result is {last and (last.outcome, last.code)}"
        if not box.usable:
            return "closed or held"
        if isinstance(line, BridgeLine) and not decided:
            for mate in self.mates(line, box.order):
                if not self.is_ready(mate, box.order, carton):
                    return f"{mate} of its set is not ready"
        inside = {self.kind(each, box.order) for each in box.inside if isinstance(each, Eui64)}
        if inside - {self.kind(hub, box.order)}:
            return "of another kind"
        return "full" if len(box.inside) >= box.capacity else None

    def last(self, hub: Eui64, order: str) -> AttemptClosed | None:
        """The newest result in the order, or of any that touched the hub."""
        touching = {Outcome.PASSED, Outcome.FAILED}
        return next(
            (each for each in reversed(self.results[hub]) if each.order == order or each.outcome in touching),
            None,
        )

    @staticmethod
    def is_good(last: AttemptClosed, order: str, line: ListedDevice) -> bool:
        done = last.outcome in {Outcome.PASSED, Outcome.ALREADY_CURRENT} or (
            last.outcome is Outcome.REJECTED and last.code is Code.ALREADY_PASSED
        )
        label = None if last.scanned_id is None else ScannedLabel(last.scanned_id, last.scanned_role)
        return (
            done and last.order == order and last.unsettled is None and (label is None or label.names(line))
        )

    def kind(self, hub: Eui64, order: str) -> Kind:
        line, last = self.lines[order][hub], self.last(hub, order)
        assert last is not None
        if isinstance(line, BridgeLine):
            return line.owner, line.premises
        return (line.owner, line.manufacturer, line.model, line.variant, str(last.firmware_read_back))

    def mates(self, bridge: BridgeLine, order: str) -> list[Eui64]:
        """The rest of a bridge's set."""
        lines = [line for line in self.lines[order].values() if isinstance(line, BridgeLine)]
        return [
            line.device_id
            for line in lines
            if line.premises == bridge.premises and line.device_id != bridge.device_id
        ]

    def is_ready(self, bridge: Eui64, order: str, carton: int | None) -> bool:
        """Whether a bridge passed, and is in no other place than this carton."""
        last, stands = self.last(bridge, order), self.places.get(bridge)
        return (
            last is not None
            and self.is_good(last, order, self.lines[order][bridge])
            and all(hub != bridge for hub, _ in self.open.values())
            and (carton is None or stands is None or stands.carton == carton)
        )

    def fills(self, box: Box) -> int:
        """So many fill it: of bridges, those of the set that passed."""
        for each in box.inside:
            line = self.lines[box.order].get(each) if isinstance(each, Eui64) else None
            if isinstance(line, BridgeLine):
                ready = sum(self.is_ready(mate, box.order, None) for mate in self.mates(line, box.order))
                return min(box.capacity, 1 + ready)
        return box.capacity

    def seen_in_a_slot(self, hub: Eui64, order: str | None) -> None:
        stands = self.places.get(hub)
        if stands is None:
            return
        came_back = stands.order in self.closed_orders and hub in self.lines[order or ""]
        if not came_back:
            self.leave(hub, held=True)

    def leave(self, hub: Eui64, *, held: bool) -> None:
        stands = self.places.pop(hub, None)
        if stands is None or stands.carton is None:
            return
        box = self.cartons[stands.carton]
        box.inside.discard(hub)
        box.closed = False
        box.held = box.held or held
        self.off_pallet(stands.carton)

    def put_on_pallet(self, event: CartonPutOnPallet) -> None:
        box, pallet = self.cartons[event.carton], self.pallets[event.pallet]
        if not box.closed or box.held or not box.inside or box.on is not None or box.order != pallet.order:
            raise Escape(f"carton {event.carton} is on pallet {event.pallet}: {box}")
        box.on = event.pallet
        pallet.inside.add(event.carton)
        if pallet.closed or len(pallet.inside) > pallet.capacity or len(self.owners(pallet)) > 1:
            raise Escape(f"pallet {event.pallet} is too full, closed or mixed: {pallet}")

    def owners(self, pallet: Box) -> set[str]:
        hubs = (self.cartons[each].inside for each in pallet.inside if isinstance(each, int))
        return {
            self.lines[pallet.order][hub].owner for inside in hubs for hub in inside if isinstance(hub, Eui64)
        }

    def off_pallet(self, carton: int) -> None:
        box = self.cartons[carton]
        if box.on is not None:
            pallet, box.on = self.pallets[box.on], None
            pallet.inside.discard(carton)
            pallet.closed = False

    def close(self, box: Box, reason: str | None) -> None:
        if not box.usable or (reason is None) != (len(box.inside) >= self.fills(box)):
            raise Escape(f"closed for {reason}: {box}")
        box.closed = True

    def check(self) -> None:
        """What holds at every moment."""
        for number, box in self.cartons.items():
            if len(box.inside) == box.capacity and not (box.closed or box.held):
                raise Escape(f"carton {number} is full and open")
            for hub in box.inside:
                assert isinstance(hub, Eui64)
                if (self.places[hub].place, self.places[hub].carton) != (Destination.CARTON, number):
                    raise Escape(f"{hub} is in carton {number} and in {self.places[hub]}")
                if any(attempt_hub == hub for attempt_hub, _ in self.open.values()):
                    raise Escape(f"{hub} is in carton {number} and in a slot")


def model_of(events: Iterable[RecordedEvent]) -> PackingModel:
    """Hear a whole journal."""
    model = PackingModel()
    for recorded in events:
        model.hear(recorded)
    model.check()
    return model


def books_from_messages(payloads: Iterable[bytes]) -> tuple[dict[str, Any], ...]:
    """What a consumer has who takes over each message of packing in order, and knows nothing else."""
    hubs: dict[str, Any] = {}
    cartons: dict[str, Any] = {}
    pallets: dict[str, Any] = {}
    for number, payload in enumerate(payloads, start=1):
        told = PackingFact.model_validate(json.loads(payload)["data"])
        assert told.station_sequence == number
        if told.hub is not None:
            hubs.pop(str(told.hub.hub), None)
            if told.hub.place is not None:
                hubs[str(told.hub.hub)] = told.hub.place, told.hub.carton
        cartons.update((each.carton, (each.state, each.hubs, each.pallet)) for each in told.cartons)
        pallets.update((each.pallet, (each.state, each.cartons)) for each in told.pallets)
    return hubs, cartons, pallets


def books_of_model(model: PackingModel) -> tuple[dict[str, Any], ...]:
    """The same by the facts."""
    hubs = {
        str(hub): (each.place, None if each.carton is None else carton_code(each.carton))
        for hub, each in model.places.items()
    }
    cartons = {
        carton_code(number): (box.state, len(box.inside), None if box.on is None else pallet_code(box.on))
        for number, box in model.cartons.items()
    }
    return hubs, cartons, {pallet_code(n): (box.state, len(box.inside)) for n, box in model.pallets.items()}
