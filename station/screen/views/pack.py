"""The packing table: what was chosen, the boxes that are open, and what a supervisor decides there."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from station.desk.looking_requests import CartonRow, ListBoxes, ListOrders, PalletRow
from station.domain.destination import Destination
from station.screen.packing import Chosen
from station.screen.parts import Parts

_MOST: Final = 500


class Table(BaseModel):
    """What is open at the packing table now."""

    model_config = ConfigDict(frozen=True)

    chosen: Chosen | None
    cartons: tuple[CartonRow, ...]
    pallets: tuple[PalletRow, ...]


def pack_view(parts: Parts) -> APIRouter:
    """Return the routes of this view."""
    router = APIRouter()

    @router.get("/pack")
    async def pack(request: Request) -> Response:
        orders = [
            each.order for each in (await parts.ask(request, ListOrders())).orders if each.closed is None
        ]
        return parts.page(
            request,
            "pack.html",
            "pack",
            orders=orders,
            places=[place for place in Destination if place is not Destination.CARTON],
        )

    @router.get("/pack/now")
    async def now(request: Request, page: Annotated[str, Query(pattern="^[0-9a-f-]{36}$")]) -> Table:
        boxes = await parts.ask(request, ListBoxes(limit=_MOST))
        on = {each.pallet for each in boxes.pallets if each.state == "open"}
        return Table(
            chosen=parts.scans.chosen(page, request.state.who),
            # A closed carton is shown until it stands on a pallet that is closed, too.
            cartons=tuple(
                each for each in boxes.cartons if each.state != "closed" or each.pallet in {None, *on}
            ),
            pallets=tuple(each for each in boxes.pallets if each.state == "open"),
        )

    return router
