"""Signing on by name and PIN, and off again; and whether the program is alive."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.concurrency import run_in_threadpool

from inventory.database.engine import DatabaseUnavailable
from inventory.pages.access import MustWait, of_error
from inventory.pages.parts import Parts
from inventory.pages.people import NotProven, People
from station.web.cookie import Cookie
from station.web.problem import Problem


class Proven(BaseModel):
    """A name and a PIN."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    pin: Annotated[str, StringConstraints(min_length=1, max_length=64)] = Field(repr=False)


def sign_on_view(parts: Parts, people: People, cookie: Cookie) -> APIRouter:
    """Return the routes of this view."""
    router = APIRouter()

    @router.get("/sign-on")
    def page(request: Request) -> Response:
        return parts.page(request, "sign-on.html", "sign-on")

    @router.post("/session")
    async def open_session(proven: Proven, request: Request) -> Response:
        place = request.state.who.place
        try:
            async with place.proofs.trying(place.peer):
                person = await run_in_threadpool(people.prove, proven.name, proven.pin, place.network)
            secret, until = await run_in_threadpool(people.open_session, person)
        except NotProven as error:
            return Problem(HTTPStatus.FORBIDDEN, str(error))
        except (MustWait, DatabaseUnavailable) as error:
            return of_error(error)
        answer = JSONResponse({"name": person.name, "until": until.isoformat()})
        cookie.give(answer, secret)
        return answer

    @router.delete("/session")
    def close_session(request: Request) -> Response:
        answer = Response(status_code=HTTPStatus.NO_CONTENT)
        if request.state.who.person is not None:
            people.close_session(request.state.who.secret)
        cookie.take(answer)
        return answer

    @router.get("/health")
    def health() -> Response:
        parts.database.require_current()
        return PlainTextResponse("ok\n")

    return router
