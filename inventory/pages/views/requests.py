"""Requests, hub by hub, and what may be decided of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from inventory.overview import overview
from inventory.pages import seen
from inventory.pages.lists import STATES, list_lines, list_parties, list_requests
from inventory.pages.parts import Parts
from inventory.requests import book

After = Annotated[str | None, Query(min_length=1, max_length=64)]
Word = Annotated[str | None, Query(max_length=100)]


def requests_views(parts: Parts) -> APIRouter:
    """Return the routes of these views."""
    router = APIRouter()

    @router.get("/")
    def begin() -> Response:
        return RedirectResponse("/requests", 303)

    @router.get("/requests")
    def listed(request: Request, after: After = None, state: Word = None, party: Word = None) -> Response:
        state, party = state or None, party or None
        with parts.read() as connection:
            page, parties = list_requests(connection, after, state, party), list_parties(connection)
        return parts.page(
            request,
            "requests.html",
            "requests",
            page=page,
            parties=parties,
            states=STATES,
            state=state,
            party=party,
        )

    @router.get("/requests/{name}")
    def shown(request: Request, name: str, after: After = None, reason: Word = None) -> Response:
        number = book.number_of(name)
        with parts.read() as connection:
            found = overview(connection, number)
            page = list_lines(connection, number, found.work_order, after, reason or None)
            decision, receipts = seen.decision(connection, number), seen.receipts(connection, number)
        return parts.page(
            request,
            "request.html",
            "requests",
            found=found,
            page=page,
            reason=reason or None,
            decision=decision,
            receipts=receipts,
        )

    return router
