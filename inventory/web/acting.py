"""What other programs may do, in the name of the person that they say."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from firmware_catalog.identity import Eui64
from inventory.delivery import book as delivery
from inventory.delivery.goods import Unit, UnitKind, unit_of
from inventory.moments import Clock
from inventory.redelivery import addresses, telling
from inventory.redelivery import book as redelivery
from inventory.redelivery.book import Wanted
from inventory.requests import book
from inventory.requests.settings import RequestSettings
from inventory.whole_file import write_whole

Writing = Callable[[], AbstractContextManager[Connection]]
_HIDDEN: Final = r"\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
"""Characters that nobody sees: a name of these alone would be nobody's."""
Text = Annotated[
    str, Field(min_length=1, max_length=500, pattern=rf"^[^{_HIDDEN}]*[^\s{_HIDDEN}][^{_HIDDEN}]*$")
]


class _Act(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    by: Text = Field(description="who answers for it, by name")


class Authorise(_Act):
    """A request becomes a work order."""

    work_order: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9 ._-]*$", max_length=60)]
    purchase_order: Text


class Decide(_Act):
    """A request is refused or closed."""

    state: Literal["refused", "closed"]
    reason: Text


class ReceivedUnit(BaseModel):
    """A pallet, carton or hub that came."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unit: UnitKind
    code: Text
    finding: str = ""
    detail: str = ""


class Receive(_Act):
    """Goods came."""

    delivery_note: Text
    units: list[ReceivedUnit] = Field(min_length=1, max_length=10_000)


class Amend(_Act):
    """What has not left goes elsewhere."""

    address: Text
    reason: Text


class Goods(_Act):
    """Pallets, cartons and hubs, by their codes and ids."""

    pallets: list[Text] = Field(default=[], max_length=1000)
    cartons: list[Text] = Field(default=[], max_length=10_000)
    hubs: list[Eui64] = Field(default=[], max_length=10_000)

    @property
    def wanted(self) -> Wanted:
        """What is named."""
        return Wanted(self.pallets, self.cartons, self.hubs)


class Dispatch(Goods):
    """Goods leave."""

    carrier_note: Text
    transport_pence: Annotated[int, Field(ge=0, lt=10**9)] | None = None
    despite_missing: Text | None = None
    despite_upstream: Text | None = None


class Fate(Goods):
    """What became of goods on their way; of all of them, if none is named."""

    fate: Literal["delivered", "refused", "short", "lost"]
    reason: Text


class Done(_Act):
    """A party is told what became of its hubs."""

    despite_missing: Text | None = None


def acting(write: Writing, settings: RequestSettings, clock: Clock) -> APIRouter:
    """Return the acts. Each is done whole or, with the reason, not at all."""
    router = APIRouter(tags=["act"])

    def who(request: Request, act: _Act) -> str:
        return f"{act.by} (by {request.state.caller.name})"

    @router.post("/requests/{request}/authorise")
    def authorise(request: str, act: Authorise, asked: Request) -> dict[str, Any]:
        """Authorise a request, and write its work order."""
        with write() as connection:
            data, warnings = book.authorise(
                connection,
                book.number_of(request),
                work_order=act.work_order,
                purchase_order=act.purchase_order,
                by=who(asked, act),
                limits=settings.limits,
                now=clock(),
            )
        # If this fails the request is authorised all the same, and `requests order` writes the same file.
        path = settings.orders_folder / f"{act.work_order}.csv"
        write_whole(path, data)
        return {"file": str(path), "warnings": warnings}

    @router.post("/requests/{request}/decide")
    def decide(request: str, act: Decide, asked: Request) -> dict[str, Any]:
        """Refuse a judged request, or close an authorised one."""
        by = who(asked, act)
        with write() as connection:
            book.decide(connection, book.number_of(request), act.state, by=by, reason=act.reason, now=clock())
        return {"state": act.state}

    @router.post("/requests/{request}/deliveries")
    def receive(request: str, act: Receive, asked: Request) -> dict[str, Any]:
        """Receive goods by pallet, carton or hub."""
        units: list[Unit] = [unit_of(each.unit, each.code, each.finding, each.detail) for each in act.units]
        with write() as connection:
            receipt = delivery.receive(
                connection,
                book.number_of(request),
                units,
                delivery_note=act.delivery_note,
                extract=None,
                limits=settings.limits,
                by=who(asked, act),
                now=clock(),
            )
        return {
            "delivery": receipt.name,
            "accepted": receipt.accepted,
            "rejected": receipt.rejected,
            "warnings": receipt.warnings,
        }

    @router.post("/requests/{request}/address")
    def amend(request: str, act: Amend, asked: Request) -> dict[str, Any]:
        """Record, or amend, where what has not left goes."""
        by = who(asked, act)
        with write() as connection:
            addresses.amend(
                connection, book.number_of(request), act.address, reason=act.reason, by=by, now=clock()
            )
        return {"address": act.address}

    @router.post("/requests/{request}/dispatches")
    def dispatch(request: str, act: Dispatch, asked: Request) -> dict[str, Any]:
        """Have goods leave: all of them or, with every reason, none."""
        with write() as connection:
            gone = redelivery.dispatch(
                connection,
                book.number_of(request),
                act.wanted,
                carrier_note=act.carrier_note,
                transport_pence=act.transport_pence,
                despite_missing=act.despite_missing,
                despite_upstream=act.despite_upstream,
                by=who(asked, act),
                now=clock(),
            )
        return {"dispatch": gone.name, "hubs": gone.hubs, "address": gone.address}

    @router.post("/dispatches/{dispatch}/fate")
    def record_fate(dispatch: str, act: Fate, asked: Request) -> dict[str, Any]:
        """Record what became of goods on their way."""
        number, by = redelivery.dispatch_number(dispatch), who(asked, act)
        with write() as connection:
            hubs = redelivery.record_fate(
                connection, number, act.fate, act.wanted, reason=act.reason, by=by, now=clock()
            )
        return {"hubs": hubs}

    @router.post("/requests/{request}/done")
    def done(request: str, act: Done, asked: Request) -> dict[str, Any]:
        """Have the party told what became of each of its hubs."""
        with write() as connection:
            outcomes = telling.tell_done(
                connection,
                book.number_of(request),
                despite_missing=act.despite_missing,
                by=who(asked, act),
                now=clock(),
            )
        return dict(outcomes)

    return router
