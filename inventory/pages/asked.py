"""What pages ask for: one act by its name, once, by whoever proves who they are with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from sqlalchemy import Connection, insert, select
from starlette.concurrency import run_in_threadpool

from firmware_catalog.identity import IdentityError
from inventory.database.engine import Database, DatabaseUnavailable
from inventory.database.people_tables import page_acts
from inventory.errors import InventoryError, WrongInput
from inventory.moments import Clock
from inventory.pages.access import MustWait, of_error
from inventory.pages.act import Act, Doing, perform, write_file
from inventory.pages.acts import ACTS
from inventory.pages.people import NotProven, NotYours, People, Person, require_still
from inventory.requests.settings import RequestSettings
from inventory.upstream.document import Documents
from inventory.upstream.settings import UpstreamSettings
from station.web.problem import Problem


class Asked(BaseModel):
    """An act as a page sends it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    fields: dict[str, JsonValue] = Field(alias="with")
    key: Annotated[UUID, Field(strict=False)]
    """Made by the page, for one press of a button."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Does what is asked, each press of a button once."""

    database: Database
    requests: RequestSettings | None
    ways: UpstreamSettings | None
    documents: Mapping[str, Documents]
    clock: Clock

    def do(self, act: Act, key: UUID, person: Person) -> str:
        """Do an act in somebody's name, and say what was done; the same again is answered alike. Raises InventoryError."""
        doing = Doing(person.name, self.clock, self.requests, self.ways, self.documents)
        content = json.dumps([act.name, person.name, act.model_dump(mode="json")], sort_keys=True)
        digest = hashlib.sha256(content.encode()).hexdigest()
        with self.database.write_alone() as connection:
            require_still(connection, person)
            line = _answered(connection, key, digest)
            if line is None:
                line = perform(connection, act, doing)
                connection.execute(
                    insert(page_acts).values(
                        key=str(key),
                        digest=digest,
                        act=act.name,
                        acted=self.clock(),
                        acted_by=person.name,
                        answer=line,
                    )
                )
            file = act.file(connection, doing)
        return line if file is None else f"{line}; {write_file(act, file, doing)}"


def asking(people: People, desk: Desk) -> APIRouter:
    """Return the one route by which pages change something."""
    router = APIRouter()

    @router.post("/do/{name}")
    async def do(name: str, asked: Asked, request: Request) -> Response:
        who = request.state.who
        if who.proof is None:
            return Problem(HTTPStatus.FORBIDDEN, "give your name and PIN with what you do")
        if name not in ACTS:
            return Problem(HTTPStatus.NOT_FOUND, f"there is no act {name[:40]}")
        try:
            act = ACTS[name].model_validate_json(json.dumps(asked.fields))
            async with who.place.proofs.trying(who.place.peer):
                named, pin = who.proof
                person = await run_in_threadpool(people.prove, named, pin, who.place.network)
            if not person.may_act:
                raise NotYours(f"{person.name} may look, and do nothing")
            line = await run_in_threadpool(desk.do, act, asked.key, person)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, fault["loc"]))
            return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{where.replace('_', ' ')}: {fault['msg']}")
        except (InventoryError, IdentityError) as error:
            return _refused(error)
        return JSONResponse({"line": line})

    return router


def _answered(connection: Connection, key: UUID, digest: str) -> str | None:
    """Return what was answered to this press of a button before. Raises WrongInput where it was another act."""
    row = connection.execute(select(page_acts).where(page_acts.c.key == str(key))).first()
    if row is None:
        return None
    if row.digest != digest:
        raise WrongInput("this is another act than the one that was asked for before: load the page anew")
    answer: str = row.answer
    return answer


_STATUS: Mapping[type[Exception], HTTPStatus] = {
    NotProven: HTTPStatus.FORBIDDEN,
    NotYours: HTTPStatus.FORBIDDEN,
    WrongInput: HTTPStatus.BAD_REQUEST,
    IdentityError: HTTPStatus.BAD_REQUEST,
}


def _refused(error: Exception) -> Problem:
    if isinstance(error, MustWait):
        return of_error(error)
    if isinstance(error, DatabaseUnavailable):
        # It may have been done: who presses again asks for the same act.
        return Problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error), kind="unknown")
    line = "; ".join(str(error).splitlines())
    status = next(
        (status for kind, status in _STATUS.items() if isinstance(error, kind)), HTTPStatus.CONFLICT
    )
    return Problem(status, line)
