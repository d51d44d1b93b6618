"""Work orders: progress, what was released in part, re-delivery, charge."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from inventory.errors import WrongInput
from inventory.overview import overview
from inventory.pages import seen
from inventory.pages.lists import list_deliveries
from inventory.pages.orders import list_orders, order_detail
from inventory.pages.parts import Parts
from inventory.pages.views.requests import After
from inventory.redelivery.book import FATES
from inventory.requests import book


def orders_views(parts: Parts) -> APIRouter:
    """Return the routes of these views."""
    router = APIRouter()

    @router.get("/orders")
    def listed(request: Request, after: After = None) -> Response:
        with parts.read() as connection:
            page = list_orders(connection, after)
        return parts.page(request, "orders.html", "orders", page=page)

    @router.get("/orders/{name}")
    def shown(request: Request, name: str) -> Response:
        number = book.number_of(name)
        with parts.read() as connection:
            found = overview(connection, number)
            if found.work_order is None:
                raise WrongInput(f"{found.request} is {found.state}: it has no work order")
            detail = order_detail(connection, number, found.work_order)
            came = list_deliveries(connection, None, number)
            marks = {
                "decision": seen.decision(connection, number),
                "address": seen.address(connection, number),
                "leaving": seen.leaving(connection, number),
                "done": seen.done(connection, number),
                "release": seen.release(connection, found.work_order),
            }
            fates = {each.row.id: seen.fate(connection, each.row.id).mark for each in detail.left}
        return parts.page(
            request,
            "order.html",
            "orders",
            found=found,
            detail=detail,
            came=came,
            marks=marks,
            fate_marks=fates,
            fates=FATES,
        )

    return router
