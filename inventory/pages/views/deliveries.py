"""What came, and what of it has to go back."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from inventory.delivery.name import delivery_number
from inventory.delivery.returns import to_go_back
from inventory.pages import seen
from inventory.pages.lists import list_deliveries, show_delivery
from inventory.pages.parts import Parts
from inventory.pages.views.requests import After, Word
from inventory.requests.book import number_of


def deliveries_views(parts: Parts) -> APIRouter:
    """Return the routes of these views."""
    router = APIRouter()

    @router.get("/deliveries")
    def listed(request: Request, after: After = None, of: Word = None) -> Response:
        number = number_of(of) if of else None
        with parts.read() as connection:
            page = list_deliveries(connection, after, number)
        return parts.page(request, "deliveries.html", "deliveries", page=page, of=of or None)

    @router.get("/deliveries/{name}")
    def shown(request: Request, name: str, after: After = None) -> Response:
        number = delivery_number(name)
        with parts.read() as connection:
            found, page = show_delivery(connection, number, after)
            waiting = [row for row in to_go_back(connection, found.row.request) if row.delivery == number]
            given_back = seen.given_back(connection, number)
            rejections = seen.rejections(connection, number)
        return parts.page(
            request,
            "delivery.html",
            "deliveries",
            found=found,
            page=page,
            waiting=len(waiting),
            given_back=given_back,
            rejections=rejections,
        )

    return router
