"""Scans at the packing table: what is chosen takes the hubs, or cartons, that are scanned after it.

What may go where is the desk's to say. Here stands only what a person chose last, as `reflash cartons pack` keeps it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar
from uuid import uuid4

from pydantic import BaseModel, ConfigDict

from firmware_catalog.identity import Eui64
from station.bench.labels import ActCode, Badge, NewBox, SignOffCode, Undo, read_scan
from station.desk.act import Bearer
from station.desk.label_printing_requests import PrintLabel
from station.desk.looking_requests import ShowBox
from station.desk.packing_requests import (
    CartonNow,
    CloseCarton,
    ClosePallet,
    HubPut,
    OpenCarton,
    OpenPallet,
    PackHub,
    PalletNow,
    PutHub,
    PutOnPallet,
)
from station.desk.refusals import Conflict, Invalid
from station.desk.request import Answer, Command
from station.desk.session_requests import CloseSession, OpenSession
from station.domain.destination import Destination
from station.domain.label import ScannedLabel
from station.packing.codes import Package, PackageCode
from station.screen.asking import Ask

A = TypeVar("A", bound=Answer)
Say = Callable[..., str]
"""A line of the texts' table `screen`."""


class Chosen(BaseModel):
    """What takes the next scans."""

    model_config = ConfigDict(frozen=True)

    name: str
    """A box's code, or a place's name."""
    order: str | None = None
    inside: int | None = None
    """Hubs in the carton, or cartons on the pallet, as far as this page knows."""
    capacity: int | None = None


class Packed(BaseModel):
    """What a scan at the table came to."""

    model_config = ConfigDict(frozen=True)

    line: str
    hub: Eui64 | None = None
    """Whose label was scanned last: a supervisor may decide about it."""
    call: bool = False
    """Whether a supervisor is asked for."""
    closed: bool = False
    """Whether a box was closed by it."""


class PackingTable:
    """Follows the scanner of one page."""

    def __init__(self, ask: Ask, say: Say, orders: Callable[[], Mapping[str, str | None]]) -> None:
        """`orders` says which order each jig works on."""
        self._ask = ask
        self._say = say
        self._orders = orders
        self._box: PackageCode | None = None
        self._place: Destination | None = None
        self._session: Bearer | None = None
        """Whose the scans are. It ends as every session does, and then nothing is done before a badge, or `sign off`."""
        self._hub: Eui64 | None = None
        """Whose label was scanned last."""
        self._put_last: HubPut | None = None
        self._closed: PackageCode | None = None
        """The box that was closed last, whose label may be wanted once more."""
        self.chosen: Chosen | None = None

    async def read(self, text: str, badge_prefix: str | None) -> Packed:
        """Take one line. Raises ScanRefused, Refused, ControlError."""
        match scan := read_scan(text, badge_prefix=badge_prefix):
            case ScannedLabel():
                return await self._put(scan)
            case PackageCode():
                return await self._choose_or_stack(scan)
            case Destination():
                name = self._say(f"place_{scan}")
                self._choose(Chosen(name=name), place=scan)
                return Packed(line=self._say("pack_place", place=name))
            case NewBox():
                return await self._open(scan)
            case Badge():
                opened = await self._ask(OpenSession(), proof=scan)
                await self._sign_off()
                self._session = Bearer(opened.secret)
                return Packed(line=self._say("pack_badge"))
            case SignOffCode():
                await self._sign_off()
                return Packed(line=self._say("pack_nobody"))
            case Undo():
                return self._undo()
            case ActCode.DONE:
                return await self._done()
            case ActCode.PRINT:
                return await self._print()
            case ActCode.SUPERVISOR:
                return Packed(line=self._say("pack_supervisor"), hub=self._hub, call=True)
            case _:
                raise Invalid(self._say("pack_no_slot"))

    async def _do(self, command: Command[A]) -> A:
        return await self._ask(command, proof=self._session, key=uuid4())

    async def _sign_off(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await self._ask(CloseSession(secret=session.secret))

    # Hubs ----------------------------------------------------------------------------------------------------

    async def _put(self, label: ScannedLabel) -> Packed:
        self._hub, self._put_last = label.device_id, None
        request: Command[HubPut]
        if self._place is not None:
            request = PutHub(id=label.device_id, role=label.role, place=self._place)
        elif self._box is None:
            raise Invalid(self._say("pack_where"))
        elif self._box.package is Package.PALLET:
            raise Invalid(self._say("pack_carton_wanted", pallet=self._box))
        else:
            request = PackHub(id=label.device_id, role=label.role, carton=str(self._box))
        put = self._put_last = await self._do(request)
        if put.closed:
            self._end()
        elif self.chosen is not None and self.chosen.inside is not None:
            self.chosen = self.chosen.model_copy(update={"inside": self.chosen.inside + 1})
        return Packed(line=put.line, hub=put.hub, closed=put.closed)

    # Boxes ---------------------------------------------------------------------------------------------------

    async def _choose_or_stack(self, code: PackageCode) -> Packed:
        if code.package is Package.CARTON and self._box is not None and self._box.package is Package.PALLET:
            stacked = await self._do(PutOnPallet(pallet=str(self._box), carton=str(code)))
            return self._of_pallet(stacked)
        await self._look(code)
        return Packed(line=self._say(f"pack_{code.package}", code=code))

    async def _look(self, code: PackageCode) -> None:
        """Choose a box as its books have it now."""
        shown = await self._ask(ShowBox(code=str(code)))
        if shown.pallet is not None:
            name, order, inside = shown.pallet.pallet, shown.pallet.order, shown.pallet.cartons
            capacity = shown.pallet.capacity
        else:
            (carton,) = shown.cartons
            name, order, inside, capacity = carton.carton, carton.order, carton.hubs, carton.capacity
        self._choose(Chosen(name=name, order=order, inside=inside, capacity=capacity), box=code)

    async def _open(self, new: NewBox) -> Packed:
        order = new.order or self._the_order()
        if new.package is Package.CARTON:
            return self._of_carton(await self._do(OpenCarton(order=order)))
        return self._of_pallet(await self._do(OpenPallet(order=order)))

    def _the_order(self) -> str:
        """Return the order that the whole bench works on. Raises Invalid where that has to be said."""
        orders = {order for order in self._orders().values() if order is not None}
        if len(orders) != 1:
            raise Invalid(self._say("pack_which_order"))
        return orders.pop()

    async def _done(self) -> Packed:
        box, chosen = self._box, self.chosen
        if box is None or chosen is None:
            if self._place is None:
                raise Invalid(self._say("pack_nothing_chosen"))
            self._leave()
            return Packed(line=self._say("pack_left"))
        reason = self._say("pack_done_reason")
        try:
            if box.package is Package.CARTON:
                close = CloseCarton(carton=str(box), reason=reason, expected_hubs=chosen.inside)
                return self._of_carton(await self._do(close))
            closing = ClosePallet(pallet=str(box), reason=reason, expected_cartons=chosen.inside)
            return self._of_pallet(await self._do(closing))
        except Conflict:
            await self._look(box)  # what it says now is shown; whoever scans the code again has seen it
            raise

    async def _print(self) -> Packed:
        box = self._box or self._closed
        if box is None:
            raise Invalid(self._say("pack_nothing_chosen"))
        return Packed(line=(await self._do(PrintLabel(code=str(box)))).line)

    def _undo(self) -> Packed:
        """Let go of what was chosen. Where a hub is by the books is a supervisor's to change."""
        if self._put_last is not None:
            raise Conflict(self._say("pack_undo_hub", line=self._put_last.line))
        if self.chosen is None:
            raise Invalid(self._say("pack_nothing_chosen"))
        self._leave()
        return Packed(line=self._say("pack_left"))

    def _of_carton(self, now: CartonNow) -> Packed:
        code = PackageCode.parse(now.carton)
        chosen = Chosen(name=now.carton, order=now.order, inside=now.hubs, capacity=now.capacity)
        self._choose(chosen, box=code)
        if now.state == "closed":
            self._end()
        return Packed(line=now.line, closed=now.state == "closed")

    def _of_pallet(self, now: PalletNow) -> Packed:
        code = PackageCode.parse(now.pallet)
        chosen = Chosen(name=now.pallet, order=now.order, inside=now.cartons, capacity=now.capacity)
        self._choose(chosen, box=code)
        if now.state == "closed":
            self._end()
        return Packed(line=now.line, closed=now.state == "closed")

    def _choose(
        self, chosen: Chosen, *, box: PackageCode | None = None, place: Destination | None = None
    ) -> None:
        self.chosen, self._box, self._place, self._put_last = chosen, box, place, None

    def _end(self) -> None:
        self._closed = self._box
        self._leave()

    def _leave(self) -> None:
        self.chosen = self._box = self._place = None
