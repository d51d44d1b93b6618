"""What pages ask the station to do: one request of the desk by its name, once, by whoever proves who they are."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, ValidationError

from station.control.client import ControlError
from station.desk.act import Pin
from station.desk.refusals import NotFound, Refusal, RefusalCode, Refused, Unavailable, unfit
from station.desk.request import Command, Request
from station.desk.rights import request_named
from station.screen.parts import Parts

STATUS: Final = {
    RefusalCode.NOT_FOUND: 404,
    RefusalCode.CONFLICT: 409,
    RefusalCode.NOT_ALLOWED: 403,
    RefusalCode.INVALID: 422,
    RefusalCode.UNAVAILABLE: 503,
    RefusalCode.FAILED: 500,
}


class Asked(BaseModel):
    """A request as a page sends it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    fields: dict[str, JsonValue] = Field(alias="with")
    by: Annotated[str, StringConstraints(max_length=200)] | None = None
    """A name or pseudonym, whose PIN it is."""
    pin: Annotated[str, StringConstraints(max_length=64)] | None = Field(None, repr=False)
    key: Annotated[UUID, Field(strict=False)]
    """Made by the page, for one press of a button."""


def doing(parts: Parts) -> APIRouter:
    """Return the one route by which pages change something."""
    router = APIRouter()

    @router.post("/do/{name}")
    async def do(name: str, asked: Asked) -> Response:
        proof = None if asked.pin is None else Pin(asked.pin)
        try:
            command = _command(name, asked.fields)
            answer = await parts.desk(command, by=asked.by, proof=proof, key=asked.key)
        except Refused as refused:
            return refusal(refused)
        except ControlError as error:
            return refusal(Unavailable(str(error)))
        return JSONResponse(answer.model_dump(mode="json"))

    return router


def refusal(refused: Refused) -> Response:
    """Put a refusal into words for a page (RFC 9457)."""
    told = Refusal.of(refused)
    content = {
        "title": told.code.replace("_", " "),
        "status": STATUS[told.code],
        "detail": told.line,
        "code": told.code,
        "facts": told.facts,
    }
    return JSONResponse(content, STATUS[told.code], media_type="application/problem+json")


def _command(name: str, fields: dict[str, JsonValue]) -> Request[Any]:
    kind = request_named(name)
    if not issubclass(kind, Command):
        raise NotFound(f"{name} changes nothing: a page of its own shows it")
    try:
        return kind.model_validate_json(json.dumps(fields))
    except ValidationError as error:
        raise unfit(error, name) from error
