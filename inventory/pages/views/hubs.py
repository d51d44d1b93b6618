"""A hub by any of its ids, or the last digits of one, with its whole history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from firmware_catalog.identity import Eui64
from inventory.pages.parts import Parts
from inventory.pages.story import LEAST_DIGITS, Found, find, story


def hubs_views(parts: Parts) -> APIRouter:
    """Return the routes of these views."""
    router = APIRouter()

    @router.get("/hubs")
    def found(
        request: Request, find_hub: Annotated[str, Query(alias="find", max_length=100)] = ""
    ) -> Response:
        hubs: Sequence[Found] = ()
        if find_hub.strip():
            with parts.read() as connection:
                hubs = find(connection, find_hub)
            if len(hubs) == 1:
                return RedirectResponse(f"/hubs/{hubs[0].either_id}", 303)
        return parts.page(
            request, "hubs.html", "hubs", hubs=hubs, sought=find_hub.strip(), least=LEAST_DIGITS
        )

    @router.get("/hubs/{hub}")
    def shown(request: Request, hub: str) -> Response:
        with parts.read() as connection:
            told = story(connection, Eui64.parse(hub))
        return parts.page(request, "hub.html", "hubs", told=told)

    return router
