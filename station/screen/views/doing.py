"""What pages ask the station to do: one request of the desk by its name, once, by whoever proves who they are."""

from __future__ import annotations

import json
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from fastapi import Request as HttpRequest
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from station.control.client import ControlError
from station.desk.refusals import NotFound, Refused, unfit
from station.desk.request import Command, Request
from station.desk.rights import request_named
from station.screen.parts import Parts
from station.screen.problems import of_refusal, of_silence


class Asked(BaseModel):
    """A request as a page sends it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    fields: dict[str, JsonValue] = Field(alias="with")
    key: Annotated[UUID, Field(strict=False)]
    """Made by the page, for one press of a button."""


def doing(parts: Parts) -> APIRouter:
    """Return the one route by which pages change something."""
    router = APIRouter()

    @router.post("/do/{name}")
    async def do(name: str, asked: Asked, request: HttpRequest) -> Response:
        try:
            command = _command(name, asked.fields)
            answer = await parts.asking(request)(command, key=asked.key)
        except Refused as refused:
            return of_refusal(refused)
        except ControlError as error:
            return of_silence(error)
        return JSONResponse(answer.model_dump(mode="json"))

    return router


def _command(name: str, fields: dict[str, JsonValue]) -> Request[Any]:
    kind = request_named(name)
    if not issubclass(kind, Command):
        raise NotFound(f"{name} changes nothing: a page of its own shows it")
    try:
        return kind.model_validate_json(json.dumps(fields))
    except ValidationError as error:
        raise unfit(error, name) from error
