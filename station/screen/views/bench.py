"""The bench as it stands on the table: its page, its stream, and its scans."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, ConfigDict, StringConstraints

from station.people.bearers import ProgramRole
from station.screen.mirror import layout
from station.screen.parts import Parts
from station.screen.scanning import ScanAnswer
from station.version import station_version

_RETRY_MILLISECONDS: Final = 500
_ONLY_LOOK: Final = frozenset({ProgramRole.VIEWER, ProgramRole.PLANNER})
"""Programs that stand at no bench. What is done with a badge they scan would be done in its holder's name."""


class Scanned(BaseModel):
    """One line that was scanned on a page."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    page: Annotated[str, StringConstraints(pattern="^[0-9a-f-]{36}$")]
    """Made by the page, so that a slot's code and the label after it belong together."""
    text: Annotated[str, StringConstraints(max_length=1000)]
    view: Annotated[str, StringConstraints(pattern="^[a-z-]{1,20}$")] = "bench"
    """Which view is looked at: what a scan means may depend on it."""


def bench_view(parts: Parts) -> APIRouter:
    """Return the routes of this view."""
    router = APIRouter()
    mirror = parts.mirror

    @router.get("/")
    async def page(request: Request) -> Response:
        return parts.page(
            request,
            "bench.html",
            "bench",
            layout=layout(mirror.jigs),
        )

    @router.get("/stream", response_class=EventSourceResponse)
    async def stream() -> AsyncIterator[ServerSentEvent]:
        yield ServerSentEvent(event="hello", data=station_version(), retry=_RETRY_MILLISECONDS)
        async with aclosing(parts.board.follow()) as changes:
            async for name, part in changes:
                yield ServerSentEvent(event="part", id=name, raw_data=part.content)

    @router.post("/scan")
    async def scan(scanned: Scanned, request: Request) -> ScanAnswer:
        who = request.state.who
        if who.bearing is not None and who.bearing.role in _ONLY_LOOK:
            raise HTTPException(HTTPStatus.FORBIDDEN, f"scans are not for a {who.bearing.role}")
        return await parts.scans.take(scanned.page, who, scanned.view, scanned.text)

    return router
