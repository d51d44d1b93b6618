"""Where hubs go from the bench, at the desk: a hub is looked up, and the journal has the last word."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal

from firmware_catalog.devices import Family
from firmware_catalog.identity import Eui64
from station.desk.act import Act
from station.desk.boxes import Closing, expect, find_carton, nothing_more
from station.desk.desk import Handlers
from station.desk.packing_requests import (
    CartonNow,
    CloseCarton,
    DecideHub,
    HoldCarton,
    HubPut,
    OpenCarton,
    PackHub,
    PutHub,
    ReleaseCarton,
)
from station.desk.refusals import Conflict, Invalid, NotFound
from station.domain.contents import Holding, Packed
from station.domain.destination import Destination
from station.domain.label import ScannedLabel
from station.domain.slot_name import SlotName
from station.packing.belonging import belongs
from station.packing.codes import Package, carton_code, pallet_code
from station.packing.settings import PackingSettings
from station.records.errors import PlaceRefused
from station.records.facts.events import Event
from station.records.facts.known_hubs import NamedHub, contents_of, hubs_ending_in, hubs_named, known_hub
from station.records.facts.orders import order_line_state
from station.records.facts.packed import Carton, Placing, carton, next_numbers, standing_of
from station.records.facts.packing import (
    CartonClosed,
    CartonHeld,
    CartonOpened,
    CartonReleased,
    HubPlaced,
)
from station.records.journal import Journal

_LOOK_SECONDS: Final = 5.0
"""How long a slot may take to look whether a hub still sits in it."""


@dataclass(frozen=True, slots=True)
class _Look:
    """What one state of the tables says of a hub that was scanned."""

    named: tuple[NamedHub, ...]
    stands: Placing | None
    order: str | None
    contents: Holding | None
    goes_home: Packed | None
    """What of it goes into a carton by its last result; None where it does not."""
    family: Family
    of_another: Conflict | None
    """That the order asked for does not list the hub, and another one that is open does."""


async def _in_no_slot(*_: Eui64) -> SlotName | None:
    """Know of no slots: no daemon runs."""
    return None


class PackingDesk:
    """Puts hubs into places and cartons, in one journal."""

    def __init__(
        self,
        journal: Journal,
        settings: Callable[[], PackingSettings],
        closing: Closing = nothing_more,
        seat_of: Callable[..., Awaitable[SlotName | None]] = _in_no_slot,
        is_recalled: Callable[[Packed], bool] = lambda _: False,
    ) -> None:
        """Prepare.

        `closing` says what else is recorded when a carton is closed, `seat_of` in which slot a hub of these ids sits, and
        `is_recalled` whether the release of such hubs is known to be withdrawn.
        """
        self._journal = journal
        self._settings = settings
        self._closing = closing
        self._seat_of = seat_of
        self._is_recalled = is_recalled
        self._one_by_one = asyncio.Lock()
        """Of two people who pack into one carton, or open one, the second sees what the first has done."""

    def handlers(self) -> Handlers:
        """Return what it answers."""
        return {
            OpenCarton: self._open_carton,
            PackHub: self._pack,
            PutHub: self._put,
            DecideHub: self._decide,
            CloseCarton: self._close_carton,
            HoldCarton: self._hold,
            ReleaseCarton: self._release,
        }

    # Hubs ----------------------------------------------------------------------------------------------------

    async def _pack(self, request: PackHub, act: Act) -> HubPut:
        await self._require_in_hand(request.label)
        async with self._one_by_one:
            into = await find_carton(self._journal, request.carton)
            look = await self._journal.ask(_look, request.label, into)
            return await self._place(act, look, Destination.CARTON, into, label=request.label)

    async def _put(self, request: PutHub, act: Act) -> HubPut:
        await self._require_in_hand(request.label)
        async with self._one_by_one:
            look = await self._journal.ask(_look, request.label, None)
            return await self._place(act, look, request.place, None, label=request.label)

    async def _decide(self, request: DecideHub, act: Act) -> HubPut:
        if (request.place is Destination.CARTON) != (request.carton is not None):
            raise Invalid("a carton is named for a hub that goes into one, and for no other")
        label = await self._label(request)
        await self._require_in_hand(label)
        async with self._one_by_one:
            into = None if request.carton is None else await find_carton(self._journal, request.carton)
            look = await self._journal.ask(_look, label, into)
            stands = look.stands
            now = "nowhere" if stands is None else str(stands.stand.place)
            if request.expected not in {None, now}:
                where = "in no place" if stands is None else str(stands.stand)
                raise Conflict(
                    f"{look.family} {label.device_id} is {where} now: look again, then decide anew", place=now
                )
            scanned = None if request.digits is not None else label
            return await self._place(
                act, look, request.place, into, label=scanned, reason=request.reason, taken_from=stands
            )

    async def _place(
        self,
        act: Act,
        look: _Look,
        place: Destination,
        into: Carton | None,
        *,
        label: ScannedLabel | None,
        reason: str | None = None,
        taken_from: Placing | None = None,
    ) -> HubPut:
        hub = _the_one(look, into)
        if look.of_another is not None and into is not None:
            raise look.of_another
        if look.goes_home is not None and self._is_recalled(look.goes_home):
            recalled = f"{look.goes_home.firmware}, which it runs, was withdrawn since it passed"
            if into is not None:
                raise Conflict(
                    f"{look.family} {hub.hub} does not go into a carton: {recalled}: it goes to quarantine",
                    hub=str(hub.hub),
                    belongs="quarantine",
                )
            if place is Destination.QUARANTINE:
                reason = reason or recalled
        placed = HubPlaced(
            hub=hub.hub,
            gpf=hub.gpf,
            scanned_id=None if label is None else label.device_id,
            order=look.order,
            place=place,
            carton=None if into is None else into.number,
            contents=look.contents if into is not None else None,
            taken_from=None if taken_from is None else taken_from.stand.place,
            taken_from_carton=None if taken_from is None else taken_from.stand.carton,
            reason=reason,
            actor=act.actor,
        )
        events: list[Event] = [placed]
        closed = False
        if into is None:
            where = _PUT[place]
        else:
            hubs = into.hubs + 1
            capacity = into.capacity if look.contents is None else look.contents.fills(into.capacity)
            closed = hubs >= capacity
            where = f"packed into carton {into.code}, {hubs} of {capacity}"
            if closed:
                where += ": it is full and closed"
                events += self._closed(into, hubs, None, act)
        out_of = "" if taken_from is None else await self._out_of(taken_from)
        answer = HubPut(
            hub=hub.hub,
            place=place,
            carton=None if into is None else into.code,
            closed=closed,
            line=f"{look.family} {hub.hub} {where}{out_of}",
        )
        try:
            await act.recording(answer).append(*events)
        except PlaceRefused as error:
            raise Conflict(str(error), hub=str(hub.hub), belongs=error.belongs) from error
        return answer

    async def _out_of(self, placing: Placing) -> str:
        """Say where a hub was, and what is to be done there now that it has left."""
        said = f". It was {placing.stand}"
        box = None if placing.stand.carton is None else await self._journal.ask(carton, placing.stand.carton)
        if box is None or box.closed is None:
            return f"{said}."
        said += ", which is open again" if box.held is None else ", which stays held"
        said += ": take its label off"
        return said + (f", and it off pallet {pallet_code(box.pallet)}." if box.pallet is not None else ".")

    async def _require_in_hand(self, label: ScannedLabel) -> None:
        """Refuse a hub that sits in a slot: whoever scanned its label there has another in hand, or will have."""
        (hub, *_) = await self._journal.ask(hubs_named, label)
        ids = (hub.hub,) if hub.gpf is None else (hub.hub, hub.gpf)
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                place = await self._seat_of(*ids)
        except TimeoutError:
            raise Conflict(
                f"{hub.hub} is not known to have left its slot; take it out, then scan it again"
            ) from None
        if place is not None:
            raise Conflict(
                f"{hub.hub} still sits in {place}: take it out first, then scan it here",
                hub=str(hub.hub),
                place=str(place),
            )

    async def _label(self, request: DecideHub) -> ScannedLabel:
        """Find the hub that a supervisor means. Raises a refusal where that is none, or more than one."""
        if (request.id is None) == (request.digits is None):
            raise Invalid(
                "a hub is named by its id or, where its label cannot be read, by its last six digits"
            )
        if request.digits is None:
            assert request.id is not None  # noqa: S101 - one of the two is there
            return ScannedLabel(request.id, request.role)
        found = await self._journal.ask(hubs_ending_in, request.digits.upper())
        if not found:
            raise NotFound(f"no hub of an order ends in {request.digits}, nor was one seen here that does")
        if len(found) > 1:
            ids = ", ".join(str(chf) for chf, _ in found[:4])
            raise Conflict(f"{len(found)} hubs end in {request.digits} ({ids}): give the whole id")
        return ScannedLabel(found[0][0], "CHF")

    # Cartons -------------------------------------------------------------------------------------------------

    async def _open_carton(self, request: OpenCarton, act: Act) -> CartonNow:
        async with self._one_by_one:
            settings = self._settings()
            number, _ = await self._journal.ask(next_numbers, settings.numbers_from)
            opened = CartonOpened(
                carton=number, order=request.order, capacity=settings.hubs_per_carton, actor=act.actor
            )
            answer = CartonNow(
                carton=carton_code(number),
                order=request.order,
                hubs=0,
                capacity=opened.capacity,
                state="open",
                line=f"carton {carton_code(number)} of order {request.order} is open, with room for {opened.capacity}",
            )
            await act.recording(answer).append(opened)
            return answer

    async def _close_carton(self, request: CloseCarton, act: Act) -> CartonNow:
        async with self._one_by_one:
            closing = await find_carton(self._journal, request.carton)
            expect(f"carton {closing.code}", request.expected_hubs, closing.hubs, "hub")
            reason = request.reason.strip()
            answer = _carton_now(
                closing,
                "closed",
                f"carton {closing.code} is closed with {closing.hubs} of {closing.capacity} {_devices_in(closing)}",
            )
            await act.recording(answer).append(*self._closed(closing, closing.hubs, reason or None, act))
            return answer

    def _closed(self, closing: Carton, hubs: int, reason: str | None, act: Act) -> tuple[Event, ...]:
        closed = CartonClosed(carton=closing.number, hubs=hubs, reason=reason, actor=act.actor)
        return (closed, *self._closing(Package.CARTON, closing.number, closing.order))

    async def _hold(self, request: HoldCarton, act: Act) -> CartonNow:
        async with self._one_by_one:
            held = await find_carton(self._journal, request.carton)
            found = None
            line = f"carton {held.code} is held: a supervisor looks into it"
            if request.found is not None:
                look = await self._journal.ask(_look, ScannedLabel(request.found), None)
                found = _the_one(look, None).hub
                if look.stands is not None and look.stands.stand.carton == held.number:
                    raise Conflict(
                        f"{look.family} {found} is in carton {held.code} by the books too: it belongs there"
                    )
                line += f"; {look.family} {found} goes where it belongs, by a scan"
                if look.stands is not None:
                    line += f" (by the books it was {look.stands.stand}"
                    line += ", which is held too)" if look.stands.stand.carton is not None else ")"
            answer = _carton_now(held, "held", line)
            await act.recording(answer).append(
                CartonHeld(carton=held.number, found=found, reason=request.reason, actor=act.actor)
            )
            return answer

    async def _release(self, request: ReleaseCarton, act: Act) -> CartonNow:
        async with self._one_by_one:
            held = await find_carton(self._journal, request.carton)
            state: Literal["open", "closed"] = "open" if held.closed is None else "closed"
            line = f"carton {held.code} is {state} again, with {held.hubs} of {held.capacity} {_devices_in(held)}"
            answer = _carton_now(held, state, line)
            await act.recording(answer).append(
                CartonReleased(carton=held.number, reason=request.reason, actor=act.actor)
            )
            return answer


_PUT: Final = {
    Destination.REWORK: "put to rework",
    Destination.SCRAP: "put to scrap",
    Destination.QUARANTINE: "put into quarantine",
    Destination.PARTY: "put with those that go back to their party",
    Destination.MAKER: "put with those that go back to their maker",
}


def _devices_in(box: Carton) -> str:
    return "hubs" if box.contents is None else f"{box.contents.family}s"


def _look(tables: sqlite3.Connection, label: ScannedLabel, into: Carton | None) -> _Look:
    """Look a hub up: for this carton's order, else for the one that it stands somewhere for, else for an open one about it."""
    named, order = hubs_named(tables, label), into.order if into is not None else None
    if order is not None and len(named) > 1:
        named = tuple(each for each in named if order in each.orders) or named
    first = named[0]
    stands = standing_of(tables, first.hub, first.gpf)
    if order is None:
        order = stands.order if stands is not None else next(iter(first.orders), None)
    known = known_hub(tables, first.hub, first.gpf, order, None)
    last = known.last
    contents = None
    if last is not None and last.firmware is not None and order is not None:
        contents = contents_of(tables, order, first.hub, last.firmware, None if into is None else into.number)
    goes = belongs(known).to is Destination.CARTON
    return _Look(
        named=named,
        stands=stands,
        order=order,
        contents=contents,
        goes_home=contents.of(first.hub) if goes and contents is not None else None,
        family=known.family,
        of_another=_of_another(tables, first, order),
    )


def _of_another(tables: sqlite3.Connection, hub: NamedHub, order: str | None) -> Conflict | None:
    own = next(iter(hub.orders), None)
    if order is None or own in {None, order} or order_line_state(tables, order, hub.hub) is not None:
        return None
    known = known_hub(tables, hub.hub, hub.gpf, own, None)
    rule = belongs(known)
    return Conflict(
        f"{known.family} {hub.hub} is of order {own}, not of {order}; {rule}",
        hub=str(hub.hub),
        order=own,
        belongs=rule.to,
    )


def _the_one(look: _Look, into: Carton | None) -> NamedHub:
    """Return the hub that was scanned. Raises Conflict where it could be two, or is of an order that is over."""
    if len(look.named) > 1:
        hubs = " and ".join(str(each.hub) for each in look.named[:2])
        raise Conflict(
            f"this label names two hubs, {hubs}: put it aside, and name its CHF", belongs="quarantine"
        )
    (hub,) = look.named
    if into is not None and not hub.orders and hub.closed_order is not None:
        raise Conflict(
            f"{look.family} {hub.hub} is of order {hub.closed_order}, which is closed: it goes to quarantine",
            hub=str(hub.hub),
            belongs="quarantine",
        )
    return hub


def _carton_now(carton: Carton, state: Literal["open", "closed", "held"], line: str) -> CartonNow:
    return CartonNow(
        carton=carton.code,
        order=carton.order,
        hubs=carton.hubs,
        capacity=carton.capacity,
        state=state,
        line=line,
    )
