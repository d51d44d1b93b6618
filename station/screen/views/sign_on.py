"""Signing on at the screen, by badge or by name and PIN, and off again; and whether the program is alive and well."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Self

from fastapi import APIRouter, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from station.bench.labels import Badge, ScanRefused, read_badge
from station.control.client import ControlError
from station.desk.act import Pin
from station.desk.refusals import Refused
from station.desk.session_requests import OpenSession
from station.domain.actor import PersonRole
from station.people.bearers import ProgramRole
from station.screen.parts import Parts
from station.screen.problems import of_refusal, of_silence
from station.web.problem import Problem


class SignedOn(BaseModel):
    """Who is signed on at this browser."""

    model_config = ConfigDict(frozen=True)

    pseudonym: str
    role: PersonRole | ProgramRole
    until: AwareDatetime | None


class Proven(BaseModel):
    """A badge as it was scanned, or a name and a PIN."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    badge: Annotated[str, StringConstraints(max_length=200)] | None = Field(None, repr=False)
    name: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    pin: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = Field(None, repr=False)

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.badge is None) == (self.pin is None) or (self.pin is None) != (self.name is None):
            raise ValueError("give a badge, or name and pin")
        return self


def sign_on_view(parts: Parts) -> APIRouter:
    """Return the routes of this view."""
    router = APIRouter()
    mirror, sessions, cookie = parts.mirror, parts.sessions, parts.cookie

    @router.get("/sign-on")
    async def page(request: Request) -> Response:
        return parts.page(request, "sign-on.html", "sign_on")

    @router.post("/session")
    async def open_session(proven: Proven, request: Request) -> Response:
        if mirror.is_away and proven.badge is not None:  # nor is it known what a badge begins with
            return Problem(HTTPStatus.SERVICE_UNAVAILABLE, parts.say("daemon_away"), kind="away")
        try:
            proof = _proof(proven, mirror.badge_prefix)
            if proof is None:
                return Problem(HTTPStatus.FORBIDDEN, parts.say("no_badge"), kind="no_badge")
            opened = await parts.asking(request)(OpenSession(), by=proven.name, proof=proof)
        except Refused as refused:
            return of_refusal(refused)
        except ControlError as error:
            return of_silence(error)
        content = SignedOn(pseudonym=opened.pseudonym, role=opened.role, until=opened.until)
        answer = Response(content.model_dump_json(), media_type="application/json")
        cookie.give(answer, opened.secret)
        return answer

    @router.get("/session")
    async def session(request: Request) -> Response:
        bearing = request.state.who.bearing
        if bearing is None:
            return Problem(HTTPStatus.NOT_FOUND, parts.say("nobody_here"))
        content = SignedOn(pseudonym=bearing.pseudonym, role=bearing.role, until=bearing.until)
        return Response(content.model_dump_json(), media_type="application/json")

    @router.delete("/session")
    async def close_session(request: Request) -> Response:
        answer = Response(status_code=HTTPStatus.NO_CONTENT)
        if (secret := request.state.who.secret) and request.state.who.bearing.is_person:
            try:
                await sessions.close(secret)
            except Refused as refused:
                return of_refusal(refused)
            except ControlError as error:
                return of_silence(error)
        cookie.take(answer)
        return answer

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @router.get("/readyz")
    async def readyz() -> Response:
        if mirror.is_away:
            return Problem(HTTPStatus.SERVICE_UNAVAILABLE, parts.say("daemon_away"), kind="away")
        return Response('{"status":"ready"}', media_type="application/json")

    return router


def _proof(proven: Proven, badge_prefix: str | None) -> Pin | Badge | None:
    """Return what proves it; None for a badge that is none of this site."""
    if proven.pin is not None:
        return Pin(proven.pin)
    if proven.badge is None or badge_prefix is None:
        return None
    try:
        return read_badge(proven.badge, badge_prefix)
    except ScanRefused:
        return None
