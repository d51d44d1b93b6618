"""What can be done from the pages. Each act is done by the function that commands and programs use, in the name of whoever proved it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field
from sqlalchemy import Connection

from firmware_catalog.identity import Eui64
from inventory.delivery import book as delivery
from inventory.delivery import rejecting, returns
from inventory.delivery.goods import Unit, UnitKind, units_of
from inventory.delivery.name import delivery_name, delivery_number
from inventory.errors import WrongInput
from inventory.pages import seen
from inventory.pages.act import Act, Doing, Line, Lines
from inventory.pages.seen import Seen
from inventory.redelivery import addresses, telling
from inventory.redelivery import book as redelivery
from inventory.redelivery.book import Wanted
from inventory.requests import book
from inventory.upstream import letters
from inventory.upstream.corrections import CORRECTABLE
from inventory.upstream.releasing import release
from station.domain.counted import counted


class _OnRequest(Act):
    request: Line

    @property
    def number(self) -> int:
        """The request's."""
        return book.number_of(self.request)

    def seen(self, connection: Connection) -> Seen:
        """Return how the request is decided now."""
        return seen.decision(connection, self.number)


class AuthoriseRequest(_OnRequest):
    """A request becomes a work order."""

    name = "authorise_request"
    work_order: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9 ._-]*$", max_length=60)]
    purchase_order: Line

    def do(self, connection: Connection, doing: Doing) -> str:
        """Authorise it."""
        _, warnings = book.authorise(
            connection,
            self.number,
            work_order=self.work_order,
            purchase_order=self.purchase_order,
            by=doing.by,
            limits=doing.taking_requests().limits,
            now=doing.clock(),
        )
        warned = "".join(f"; warning: {each}" for each in warnings)
        return f"{book.name_of(self.number)} is authorised as {self.work_order}{warned}"

    def file(self, connection: Connection, doing: Doing) -> tuple[str, bytes]:  # noqa: ARG002 - as above
        """Return the order as it stands."""
        return book.order_file(connection, self.number)


class WriteOrder(_OnRequest):
    """A work order's file is written again: the same."""

    name = "write_order"

    def do(self, connection: Connection, doing: Doing) -> str:
        """Nothing changes here."""
        doing.taking_requests()
        name, _ = book.order_file(connection, self.number)
        return f"the file of {name}"

    def file(self, connection: Connection, doing: Doing) -> tuple[str, bytes]:  # noqa: ARG002 - as above
        """Return the order as it stands."""
        return book.order_file(connection, self.number)


class RefuseRequest(_OnRequest):
    """A request is refused."""

    name = "refuse_request"
    reason: Line

    def do(self, connection: Connection, doing: Doing) -> str:
        """Refuse it."""
        book.decide(connection, self.number, "refused", by=doing.by, reason=self.reason, now=doing.clock())
        return f"{book.name_of(self.number)} is refused"


class CloseRequest(_OnRequest):
    """An authorised request is closed."""

    name = "close_request"
    reason: Line

    def do(self, connection: Connection, doing: Doing) -> str:
        """Close it."""
        book.decide(connection, self.number, "closed", by=doing.by, reason=self.reason, now=doing.clock())
        return f"{book.name_of(self.number)} is closed"


class _Goods(BaseModel):
    pallets: Lines = ""
    cartons: Lines = ""
    hubs: Lines = ""

    @property
    def units(self) -> list[Unit]:
        """What is named, each with what was seen of it."""
        return [
            *units_of(_each(self.pallets), UnitKind.PALLET),
            *units_of(_each(self.cartons), UnitKind.CARTON),
            *units_of(_each(self.hubs), UnitKind.HUB),
        ]

    @property
    def wanted(self) -> Wanted:
        """What is named."""
        return Wanted(
            _each(self.pallets), _each(self.cartons), [Eui64.parse(each) for each in _each(self.hubs)]
        )


class ReceiveGoods(_Goods, _OnRequest):
    """Goods came: by pallet, carton or hub, each with what was seen of it (`CODE`, `CODE=finding`, `CODE=finding=detail`)."""

    name = "receive_goods"
    delivery_note: Line

    def seen(self, connection: Connection) -> Seen:
        """Return what was received last."""
        return seen.receipts(connection, self.number)

    def do(self, connection: Connection, doing: Doing) -> str:
        """Receive them."""
        receipt = delivery.receive(
            connection,
            self.number,
            self.units,
            delivery_note=self.delivery_note,
            extract=None,
            limits=doing.taking_requests().limits,
            by=doing.by,
            now=doing.clock(),
        )
        rejected = "".join(f", {number} {reason}" for reason, number in sorted(receipt.rejected.items()))
        warned = "".join(f"; warning: {each}" for each in receipt.warnings)
        return f"{receipt.name}: {counted(receipt.accepted, receipt.family)} accepted{rejected}{warned}"


class RejectGoods(_Goods, Act):
    """What was accepted with a delivery turns out to be none that may be (`CODE=finding`, or `CODE=finding=detail`)."""

    name = "reject_goods"
    delivery: Line
    reason: Line

    def seen(self, connection: Connection) -> Seen:
        """Return what was rejected of it last."""
        return seen.rejections(connection, delivery_number(self.delivery))

    def do(self, connection: Connection, doing: Doing) -> str:
        """Reject it."""
        number = delivery_number(self.delivery)
        hubs = rejecting.reject(
            connection, number, self.units, reason=self.reason, by=doing.by, now=doing.clock()
        )
        return f"{counted(hubs, 'hub')} of {delivery_name(number)} {'is' if hubs == 1 else 'are'} rejected"


class GiveBack(Act):
    """What was rejected of a delivery went back to its party."""

    name = "give_back"
    delivery: Line
    note: Line

    def seen(self, connection: Connection) -> Seen:
        """Return what went back last."""
        return seen.given_back(connection, delivery_number(self.delivery))

    def do(self, connection: Connection, doing: Doing) -> str:
        """Record it."""
        number = delivery_number(self.delivery)
        gone = returns.give_back(connection, number, note=self.note, by=doing.by, now=doing.clock())
        return f"{counted(gone, 'rejected line')} of {delivery_name(number)} went back"


class AmendAddress(_OnRequest):
    """What has not left goes elsewhere."""

    name = "amend_address"
    address: Line
    reason: Line

    def seen(self, connection: Connection) -> Seen:
        """Return the address that counts."""
        return seen.address(connection, self.number)

    def do(self, connection: Connection, doing: Doing) -> str:
        """Record it."""
        addresses.amend(
            connection, self.number, self.address, reason=self.reason, by=doing.by, now=doing.clock()
        )
        return f"what has not left of {book.name_of(self.number)} goes to: {self.address}"


class Dispatch(_Goods, _OnRequest):
    """Goods leave: all that are named or, with the reasons, none."""

    name = "dispatch"
    carrier_note: Line
    transport: Annotated[Decimal, Field(strict=False, ge=0, lt=10**7, decimal_places=2)] | None = None
    """Pounds."""
    despite_missing: Line | None = None
    despite_upstream: Line | None = None

    def seen(self, connection: Connection) -> Seen:
        """Return what left last, and the address."""
        return seen.leaving(connection, self.number)

    def do(self, connection: Connection, doing: Doing) -> str:
        """Have them leave."""
        gone = redelivery.dispatch(
            connection,
            self.number,
            self.wanted,
            carrier_note=self.carrier_note,
            transport_pence=None if self.transport is None else int(self.transport * 100),
            despite_missing=self.despite_missing,
            despite_upstream=self.despite_upstream,
            by=doing.by,
            now=doing.clock(),
        )
        return f"{gone.name}: {counted(gone.hubs, gone.family)} to {gone.address}"


class RecordFate(_Goods, Act):
    """What became of goods on their way; of all that are still on it, if none is named."""

    name = "record_fate"
    dispatch: Line
    fate: Literal["delivered", "refused", "short", "lost"]
    reason: Line

    def seen(self, connection: Connection) -> Seen:
        """Return what was heard last of them."""
        return seen.fate(connection, redelivery.dispatch_number(self.dispatch))

    def do(self, connection: Connection, doing: Doing) -> str:
        """Record it."""
        number = redelivery.dispatch_number(self.dispatch)
        hubs = redelivery.record_fate(
            connection, number, self.fate, self.wanted, reason=self.reason, by=doing.by, now=doing.clock()
        )
        return f"{redelivery.dispatch_name(number)}: {counted(hubs, 'hub')} {self.fate}"


class TellDone(_OnRequest):
    """A party is told what became of its hubs."""

    name = "tell_done"
    despite_missing: Line | None = None

    def seen(self, connection: Connection) -> Seen:
        """Return whether it was told."""
        return seen.done(connection, self.number)

    def do(self, connection: Connection, doing: Doing) -> str:
        """Have it told."""
        outcomes = telling.tell_done(
            connection,
            self.number,
            despite_missing=self.despite_missing,
            by=doing.by,
            now=doing.clock(),
        )
        told = ", ".join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items()))
        return f"the party of {book.name_of(self.number)} is told: {told}"


class ReleasePart(Act):
    """A part of an order goes up before the bench has closed it, or although results are missing."""

    name = "release_part"
    work_order: Line
    hubs: Lines = ""
    reason: Line

    def seen(self, connection: Connection) -> Seen:
        """Return which part was released last."""
        return seen.release(connection, self.work_order)

    def do(self, connection: Connection, doing: Doing) -> str:
        """Release it."""
        hubs = [Eui64.parse(each) for each in _each(self.hubs)]
        released = release(
            connection, self.work_order, hubs, by=doing.by, reason=self.reason, now=doing.clock()
        )
        return f"{counted(released, 'hub')} of {self.work_order} may go up"


class _OnLetter(Act):
    hub: Line
    reason: Line

    def seen(self, connection: Connection) -> Seen:
        """Return what was told of the hub last."""
        return seen.letter(connection, Eui64.parse(self.hub))


class SendAgain(_OnLetter):
    """What was refused of a hub is told again, corrected."""

    name = "send_again"
    manufacturer: Line | None = None
    model: Line | None = None
    region: Line | None = None
    han_variant: Line | None = None
    chts_version: Line | None = None

    def do(self, connection: Connection, doing: Doing) -> str:
        """Have it told."""
        if doing.ways is None:
            raise WrongInput("the configuration has no [[upstream.routes]]; see docs/inventory.md")
        corrections = {name: value for name in CORRECTABLE if (value := getattr(self, name)) is not None}
        happens = letters.send_again(
            *(connection, Eui64.parse(self.hub), corrections, doing.ways, doing.documents),
            by=doing.by,
            reason=self.reason,
            now=doing.clock(),
        )
        return "; ".join(happens)


class SettleLetter(_OnLetter):
    """What was refused of a hub is put away, unsent."""

    name = "settle_letter"

    def do(self, connection: Connection, doing: Doing) -> str:
        """Put it away."""
        device = letters.settle(
            connection, Eui64.parse(self.hub), by=doing.by, reason=self.reason, now=doing.clock()
        )
        return f"{device} is settled"


_ACTS: Final[tuple[type[Act], ...]] = (
    *(AuthoriseRequest, WriteOrder, RefuseRequest, CloseRequest),
    *(ReceiveGoods, RejectGoods, GiveBack, AmendAddress, Dispatch, RecordFate, TellDone),
    *(ReleasePart, SendAgain, SettleLetter),
)
ACTS: Final[Mapping[str, type[Act]]] = {each.name: each for each in _ACTS}
"""Each act by its name."""


def _each(lines: str) -> list[str]:
    return [each.strip() for each in lines.splitlines() if each.strip()]
