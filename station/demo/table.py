"""The packing table: hubs go where their slot's word sends them, by a scan there, and wherever that scan sends them instead."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from firmware_catalog.identity import Eui64
from station.demo.scene import DemoHub
from station.desk.order_requests import CloseOrder
from station.desk.packing_requests import (
    CloseCarton,
    ClosePallet,
    DecideHub,
    HubPut,
    OpenCarton,
    OpenPallet,
    PackHub,
    PutHub,
    PutOnPallet,
)
from station.desk.refusals import Conflict, Refused
from station.desk.scans_at_desk import Ask
from station.domain.destination import Destination
from station.domain.outcome import Code, Disposition
from station.domain.to_do import ToDo

_MOST_SCANS: Final = 6
"""How often one hub is scanned at a table in a row: as the scanner says, and no further."""
_ASK_AGAIN: Final = (*[0.25] * 40, None)
"""Pauses before a jig that is not known to be clear yet is asked about again, in seconds."""
_LAST: Final = "last hubs of the order"


@dataclass(frozen=True, slots=True)
class Said:
    """What a slot said of a hub that was to be taken out."""

    to_do: ToDo
    disposition: Disposition | None
    code: Code | None


@dataclass(slots=True)
class PackingTable:
    """Cartons and crates, for everybody who packs. `where` is the world: whatever the station has in its books."""

    technician: Ask
    supervisor: Ask
    hubs: Mapping[Eui64, DemoHub]
    changed: Callable[[], None]
    """Called when a hub has come to its place."""
    tell: Callable[[str], None]
    """Hears each scan that was refused, in one line."""
    where: dict[Eui64, tuple[Destination, str | None]] = field(default_factory=dict)
    """In which crate each hub lies, and of a carton its code."""
    cartons: dict[str, int] = field(default_factory=dict)
    """How many hubs lie in each, by its code."""
    pallets: list[str] = field(default_factory=list)
    left_over: set[Eui64] = field(default_factory=set)
    """Hubs about which a supervisor decided, for no slot got an answer out of them."""
    waiting: dict[str, set[Eui64]] = field(default_factory=lambda: defaultdict(set))
    """Bridges that lie on the table until their set can be packed, by premises."""
    _open: dict[tuple[str, str | None], str] = field(default_factory=dict)
    """The carton that is packed into, of an order and, of bridges, of a premises."""
    _order_of: dict[str, str] = field(default_factory=dict)
    """Whose carton each is, by its code."""
    _closed: set[str] = field(default_factory=set)
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def bring(self, hub: Eui64, said: Said | None, *, is_done: bool = True) -> None:
        """Bring the hub in hand to where this word sends a hub; one that is not done is put back once that is refused."""
        if hub in self.where:
            return
        to = None if said is None else _place_for(said)
        for _ in range(_MOST_SCANS):
            try:
                put = await self._scan(hub, to)
            except Refused as refused:
                self.tell(f"at the table: {refused}")
                if "belongs" not in refused.facts:
                    if "place" not in refused.facts:  # else its slot has yet to notice that it is out
                        self._open.pop(self._box(hub), None)  # it is full, or of another kind: the next one
                    continue
                belongs = refused.facts["belongs"]
                if belongs is None and not is_done:
                    return
                if belongs == to == Destination.CARTON:  # a bridge, whose set is not ready
                    await self._lay_aside(hub)
                    return
                to = None if belongs is None else Destination(str(belongs))
            else:
                self._lies(hub, put)
                await self._pack_what_waits(hub)
                return
        raise Conflict(f"hub {hub} finds no place")

    async def finish(self) -> None:
        """Close what is short, put the cartons on pallets, and end each order."""
        for code in sorted(self.cartons.keys() - self._closed):
            await self.technician(CloseCarton(carton=code, reason=_LAST, expected_hubs=self.cartons[code]))
        for order in sorted({hub.order for hub in self.hubs.values()}):
            await self._finish(order)

    async def _finish(self, order: str) -> None:
        pallet: str | None = None
        cartons = [code for code, hubs in self.cartons.items() if hubs and self._order_of[code] == order]
        for code in cartons:
            if pallet is None:
                pallet = (await self.technician(OpenPallet(order=order))).pallet
                self.pallets.append(pallet)
            if (await self.technician(PutOnPallet(pallet=pallet, carton=code))).state == "closed":
                pallet = None
        if pallet is not None:
            await self.technician(ClosePallet(pallet=pallet, reason=_LAST))
        over = CloseOrder(
            order=order,
            reason="demonstration over",
            incomplete_accepted=any(self.hubs[hub].order == order for hub in self.left_over),
            trays_empty=True,
        )
        for pause in _ASK_AGAIN:
            try:
                await self.supervisor(over)
            except Conflict as refused:
                if "unknown" not in refused.facts or pause is None:
                    raise
                await asyncio.sleep(pause)  # "ask again in a moment": a slot has yet to see that it is empty
            else:
                return

    async def _lay_aside(self, bridge: Eui64) -> None:
        """Lay a bridge aside until the last of its set is here."""
        premises = self.hubs[bridge].premises
        assert premises is not None  # noqa: S101 - else it would be a hub
        self.waiting[premises].add(bridge)
        await self._pack_what_waits(bridge)

    async def _pack_what_waits(self, newest: Eui64) -> None:
        """Pack the bridges that lie here, once each of their set is here, or in its place; a supervisor parts a set that cannot be whole."""
        premises = self.hubs[newest].premises
        if premises is None or not (waiting := self.waiting[premises]):
            return
        of_set = {each for each, bridge in self.hubs.items() if bridge.premises == premises}
        if of_set - waiting - self.where.keys():
            return
        for bridge in sorted(waiting):
            waiting.discard(bridge)
            carton = await self._open_carton(bridge)
            try:
                put = await self._scan(bridge, Destination.CARTON)
            except Refused as refused:
                self.tell(f"at the table: {refused}")
                parted = DecideHub(
                    id=bridge, place=Destination.CARTON, carton=carton, reason="its set cannot be whole"
                )
                put = await self.supervisor(parted)
            self._lies(bridge, put)

    def _box(self, hub: Eui64) -> tuple[str, str | None]:
        return self.hubs[hub].order, self.hubs[hub].premises

    async def _scan(self, hub: Eui64, to: Destination | None) -> HubPut:
        label = self.hubs[hub].label
        own = {"id": hub} if self.hubs[hub].gpf is None else {"id": hub, "role": "CHF"}
        match to:
            case Destination.CARTON:
                carton = await self._open_carton(hub)
                return await self.technician(PackHub(id=label.device_id, role=label.role, carton=carton))
            case Destination.SCRAP:
                reason = "failed in two slots"
                return await self.supervisor(DecideHub.model_validate({**own, "place": to, "reason": reason}))
            case None:
                reason = "it gives no answer, however often it is seated"
                decided = DecideHub.model_validate({**own, "place": Destination.REWORK, "reason": reason})
                put = await self.supervisor(decided)
                self.left_over.add(hub)
                return put
            case _:
                return await self.technician(PutHub(id=label.device_id, role=label.role, place=to))

    async def _open_carton(self, hub: Eui64) -> str:
        order, _ = box = self._box(hub)
        async with self._opening:
            if box not in self._open:
                carton = (await self.technician(OpenCarton(order=order))).carton
                self._open[box] = carton
                self._order_of[carton] = order
                self.cartons[carton] = 0
            return self._open[box]

    def _lies(self, hub: Eui64, put: HubPut) -> None:
        self.where[hub] = put.place, put.carton
        if put.carton is not None:
            self.cartons[put.carton] += 1
            if put.closed:
                self._closed.add(put.carton)
                self._open = {box: carton for box, carton in self._open.items() if carton != put.carton}
        self.changed()


def _place_for(said: Said) -> Destination | None:
    match said.to_do:
        case ToDo.PASS:
            return Destination.CARTON
        case ToDo.FAIL:
            return Destination.SCRAP if said.disposition is Disposition.SCRAP else Destination.REWORK
        case ToDo.HOLD:
            return Destination.PARTY if said.code is Code.NOT_PENDING else Destination.QUARANTINE
        case _:
            return None


def misplaced(
    where: Mapping[Eui64, tuple[Destination, str | None]],
    told: Mapping[str, tuple[str, str | None]],
    done: set[str],
    hubs: Iterable[Mapping[str, Any]],
) -> list[str]:
    """Return the hubs that are in no crate or another than was told, in a carton without being done, or in a slot."""
    wrong = []
    for hub in hubs:
        chf = str(hub["chf"])
        lies = where.get(Eui64.parse(chf))
        undone = lies is not None and lies[0] is Destination.CARTON and chf not in done
        if lies is None or told.get(chf) != lies or undone or hub["slot"] is not None:
            wrong.append(chf)
    return wrong
