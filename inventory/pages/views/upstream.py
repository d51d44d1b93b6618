"""What waits, was sent, is unknown or was refused upstream; and what was refused, letter by letter."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from firmware_catalog.identity import Eui64
from inventory.errors import WrongInput
from inventory.pages import seen
from inventory.pages.parts import Parts
from inventory.pages.views.requests import After
from inventory.pages.waiting import (
    OPTION_A,
    SSMI,
    STATES,
    list_files,
    list_letters,
    list_notifications,
    list_rows,
    open_letter,
    ways,
)
from inventory.upstream.overview import waiting_orders

_ALWAYS: Final = ("waiting", "unknown", "accepted", "refused")


def upstream_views(parts: Parts) -> APIRouter:
    """Return the routes of these views."""
    router = APIRouter()

    @router.get("/upstream")
    def standing(request: Request) -> Response:
        with parts.read() as connection:
            every = ways(connection, parts.ways)
            waiting, files = waiting_orders(connection), list_files(connection)
        states = [state for state in STATES if state in _ALWAYS or any(state in way.hubs for way in every)]
        return parts.page(
            request,
            "upstream.html",
            "upstream",
            ways=every,
            states=states,
            waiting=waiting,
            files=files,
            option_a=OPTION_A,
        )

    @router.get("/upstream/hubs")
    def listed(
        request: Request,
        state: str,
        csp: Annotated[str, Query(max_length=100)] = SSMI,
        after: After = None,
    ) -> Response:
        if state not in STATES:
            raise WrongInput(f"{state[:20]!r} is no state: {', '.join(STATES)}")
        with parts.read() as connection:
            page = (
                list_rows(connection, state, after)
                if csp == SSMI
                else list_notifications(connection, csp, state, after)
            )
        return parts.page(
            request, "upstream_hubs.html", "upstream", page=page, state=state, csp=csp, ssmi=SSMI
        )

    @router.get("/letters")
    def letters(request: Request, after: After = None) -> Response:
        with parts.read() as connection:
            page = list_letters(connection, after)
        return parts.page(request, "letters.html", "letters", page=page)

    @router.get("/letters/{hub}")
    def letter(request: Request, hub: str) -> Response:
        either_id = Eui64.parse(hub)
        with parts.read() as connection:
            found, mark = open_letter(connection, either_id), seen.letter(connection, either_id)
        if found is None:  # somebody has dealt with it: its history says who
            return RedirectResponse(f"/hubs/{either_id}", 303)
        return parts.page(request, "letter.html", "letters", found=found, mark=mark, ssmi=SSMI)

    return router
