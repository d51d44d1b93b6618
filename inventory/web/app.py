"""The program that answers other programs. Everything but whether it lives takes a token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, Response

from firmware_catalog.identity import IdentityError
from inventory.database.engine import Database, DatabaseUnavailable, WrongRevision
from inventory.errors import InventoryError, WrongInput
from inventory.moments import Clock
from inventory.requests.settings import RequestSettings
from inventory.web.acting import acting
from inventory.web.callers import Callers
from inventory.web.looking import looking
from inventory.web.metrics import CONTENT_TYPE, figures
from inventory.web.settings import WebSettings
from station.web.port import PortUnavailable, take_port

_MOST_CONNECTIONS: Final = 50
_MOST_BYTES: Final = 4 << 20
_OPEN: Final = ("/health",)
"""Paths that take no token: they say that the program lives, and nothing of its content."""


def web_app(database: Database, callers: Callers, requests: RequestSettings | None, clock: Clock) -> FastAPI:
    """Return the program; acts are there where requests are taken."""
    app = FastAPI(
        title="reflash inventory",
        version="1",
        description="From parties' requests to re-delivery. Each act is in somebody's name (`by`).",
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
    )

    @app.middleware("http")
    async def let_in(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        if request.url.path in _OPEN:
            return await go_on(request)
        caller = callers.caller(request.headers.get("authorization"))
        if caller is None:
            return problem(401, "no token that is known", headers={"WWW-Authenticate": "Bearer"})
        if request.method not in ("GET", "HEAD") and not caller.may_act:
            return problem(403, f"{caller.name} may look, and do nothing")
        length = request.headers.get("content-length", "0" if request.method in ("GET", "HEAD") else "")
        if not length.isdigit() or int(length) > _MOST_BYTES:
            return problem(413, f"a request has its length, and {_MOST_BYTES >> 20} MiB at most")
        request.state.caller = caller
        return await go_on(request)

    @app.get("/health", include_in_schema=False)
    def health() -> Response:
        database.require_current()
        return PlainTextResponse("ok\n")

    @app.get("/v1/metrics", include_in_schema=False)
    def metrics() -> Response:
        with database.read() as connection:
            return PlainTextResponse(figures(connection, clock()), media_type=CONTENT_TYPE)

    app.include_router(looking(database.read), prefix="/v1")
    if requests is not None:
        app.include_router(acting(database.write_alone, requests, clock), prefix="/v1")

    @app.exception_handler(InventoryError)
    async def refused(_: Request, error: InventoryError) -> Response:
        if isinstance(error, DatabaseUnavailable | WrongRevision):
            return problem(503, "the database does not answer, or is of another version", str(error))
        return problem(
            400 if isinstance(error, WrongInput) else 409, str(error).partition("\n")[0], str(error)
        )

    @app.exception_handler(IdentityError)
    async def no_id(_: Request, error: IdentityError) -> Response:
        return problem(400, str(error))

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return problem(422, f"{'.'.join(map(str, first['loc']))}: {first['msg']}")

    @app.exception_handler(HTTPException)
    async def other(_: Request, error: HTTPException) -> Response:
        return problem(error.status_code, str(error.detail))

    @app.exception_handler(OSError)
    async def no_file(_: Request, error: OSError) -> Response:
        return problem(500, f"{error.filename or 'a file'}: {error.strerror or error}")

    return app


def problem(status: int, title: str, detail: str | None = None, **more: Any) -> Response:
    """Return what went wrong (RFC 9457)."""
    content = {"title": title, "status": status, **({} if detail in (None, title) else {"detail": detail})}
    return JSONResponse(content, status, media_type="application/problem+json", **more)


def serve(settings: WebSettings, database: Database, requests: RequestSettings | None, clock: Clock) -> None:
    """Answer until stopped. Raises WrongInput for tokens that cannot be used, and InventoryError for a port that cannot be had."""
    app = web_app(database, Callers(settings.tokens), requests, clock)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_graceful_shutdown=5,
    )
    try:
        taken = take_port(settings.host, settings.port)
    except PortUnavailable as error:
        raise InventoryError(f"[web]: {error}") from error
    with taken:
        uvicorn.Server(config).run([taken])
