"""Who is let in at the pages: whoever has signed on. Who may act proves it once more, with the act (`asked.py`)."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from inventory.database.engine import DatabaseUnavailable
from inventory.errors import InventoryError
from inventory.pages.people import NotProven, People, Person
from station.web.credentials import brings_pin, cookie_of, name_and_pin
from station.web.guard import Guard, is_static, sign_on_first
from station.web.problem import Problem, nobody
from station.web.proofs import Place, Proofs

_OPEN_PATHS: Final = frozenset({"/sign-on", "/session", "/health"})
_MOST_BYTES: Final = 1 << 20
"""Of an act: ten thousand hubs by their ids are a quarter of that."""


class MustWait(InventoryError):
    """It is not tried now."""

    def __init__(self, line: str, seconds: float) -> None:
        """`seconds` from now it may be."""
        super().__init__(line)
        self.seconds = round(seconds + 0.5)


@dataclass(frozen=True, slots=True)
class Who:
    """Who sent a request, by what came along with it."""

    place: Place
    person: Person | None
    """Whose session it is; None where nobody has signed on."""
    secret: str = field(repr=False)
    proof: tuple[str, str] | None = field(repr=False)
    """A name and a PIN, which prove one act, be it another person's."""


class Access(Guard):
    """Lets in whoever is signed on, from one of these pages or from no page at all."""

    def __init__(self, app: ASGIApp, hosts: Collection[str], cookie: str, people: People) -> None:
        """As `Guard` has them; the session's secret is in that cookie."""
        super().__init__(
            app, "inventory", hosts, {"/do/receive_goods": _MOST_BYTES, "/do/dispatch": _MOST_BYTES}
        )
        self._cookie = cookie
        self._people = people
        self._proofs = Proofs(NotProven, MustWait)

    async def admit(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        """Serve whoever is signed on, and say to others what they lack."""
        place = Place((scope.get("client") or ("",))[0], self._proofs)
        try:
            if brings_pin(headers) or scope["path"] == "/session":
                self._proofs.require_patience(place.peer)
            proof = name_and_pin(headers["authorization"].partition(" ")[2]) if brings_pin(headers) else None
            if proof is None and "authorization" in headers:
                await nobody("that is no name and PIN")(scope, receive, send)
                return
            secret = "" if is_static(scope["path"]) else cookie_of(headers, self._cookie)
            person = await run_in_threadpool(self._people.of_session, secret) if secret else None
        except (MustWait, DatabaseUnavailable) as error:
            is_looked_at = "text/html" in headers.get("accept", "")
            told = PlainTextResponse(f"{error}\n", 503) if is_looked_at else of_error(error)
            await told(scope, receive, send)
            return
        if person is None and scope["path"] not in _OPEN_PATHS and not is_static(scope["path"]):
            why = "nobody is signed on here: give your name and PIN"
            await sign_on_first(scope, headers, why)(scope, receive, send)
            return
        scope["state"]["who"] = Who(place, person, secret, proof)
        await self.serve(scope, receive, send, asyncio.Event())


def of_error(error: InventoryError) -> Problem:
    """Tell why something is not answered, where that is no matter of what was asked."""
    if isinstance(error, MustWait):
        retry = {"Retry-After": str(error.seconds)}
        return Problem(HTTPStatus.TOO_MANY_REQUESTS, str(error), headers=retry)
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error), kind="away", headers={"Retry-After": "1"})
