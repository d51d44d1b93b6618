"""The program that shows the inventory to people, and does what they ask."""

from __future__ import annotations

from http import HTTPStatus
from importlib import resources
from pathlib import Path
from typing import Final

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from firmware_catalog.identity import IdentityError
from inventory.database.engine import Database, DatabaseUnavailable, WrongRevision
from inventory.errors import InventoryError, WrongInput
from inventory.moments import Clock
from inventory.pages.access import Access
from inventory.pages.asked import Desk, asking
from inventory.pages.parts import Parts
from inventory.pages.people import People
from inventory.pages.settings import PagesSettings
from inventory.pages.views.deliveries import deliveries_views
from inventory.pages.views.hubs import hubs_views
from inventory.pages.views.orders import orders_views
from inventory.pages.views.requests import requests_views
from inventory.pages.views.sign_on import sign_on_view
from inventory.pages.views.upstream import upstream_views
from inventory.requests.settings import RequestSettings
from inventory.upstream.document import Documents
from inventory.upstream.settings import UpstreamSettings
from station.domain.config_error import ConfigError
from station.web.address import Address
from station.web.certificate import address_of
from station.web.connection import config_of
from station.web.cookie import Cookie
from station.web.port import PortUnavailable, take_port
from station.web.problem import Problem
from station.web.renewal import RenewingServer

_STATIC: Final = Path(str(resources.files("inventory.pages"))) / "static"

_log = structlog.stdlib.get_logger()


def pages_app(
    database: Database,
    address: Address,
    sign_on_hours: float,
    requests: RequestSettings | None,
    ways: UpstreamSettings | None,
    clock: Clock,
) -> FastAPI:
    """Return the program. Raises WrongInput for ways upstream that cannot be used."""
    routes = () if ways is None else ways.routes
    documents = {route.csp: Documents(route.n3) for route in routes if route.n3 is not None}
    people = People(database, sign_on_hours, clock)
    parts = Parts(database, ways, requests is not None, clock)
    cookie = Cookie(is_secure=address.certificate is not None, called="inventory")
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Access, hosts=address.hosts, cookie=cookie.name, people=people)
    app.mount("/static", StaticFiles(directory=_STATIC, packages=[("station.web", "static")]))
    app.include_router(sign_on_view(parts, people, cookie))
    for view in (requests_views, deliveries_views, orders_views, upstream_views, hubs_views):
        app.include_router(view(parts))
    app.include_router(asking(people, Desk(database, requests, ways, documents, clock)))

    def told(request: Request, status: HTTPStatus, line: str) -> Response:
        if request.method == "GET" and request.state.who.person is not None:
            return parts.page(request, "problem.html", "problem", status=status, line=line)
        return Problem(status, line)

    @app.exception_handler(InventoryError)
    async def refused(request: Request, error: InventoryError) -> Response:
        if isinstance(error, DatabaseUnavailable | WrongRevision):
            return told(request, HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        status = HTTPStatus.BAD_REQUEST if isinstance(error, WrongInput) else HTTPStatus.CONFLICT
        return told(request, status, "; ".join(str(error).splitlines()))

    @app.exception_handler(IdentityError)
    async def no_id(request: Request, error: IdentityError) -> Response:
        return told(request, HTTPStatus.BAD_REQUEST, str(error))

    @app.exception_handler(HTTPException)
    async def no_such(request: Request, error: HTTPException) -> Response:
        return told(request, HTTPStatus(error.status_code), str(error.detail))

    @app.exception_handler(RequestValidationError)
    async def unfit(request: Request, error: RequestValidationError) -> Response:
        # Without what was sent: it may have been a PIN.
        first = error.errors()[0]
        line = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        return told(request, HTTPStatus.UNPROCESSABLE_ENTITY, line)

    @app.exception_handler(Exception)
    async def failed(_: Request, error: Exception) -> Response:
        line = f"a fault of this program's own ({type(error).__name__}); its log has the traceback"
        return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, line, kind="failed")

    return app


def address_for(settings: PagesSettings) -> Address:
    """Return where the pages are served. Raises WrongInput for what would let others in unseen."""
    try:
        return address_of(
            settings.host, settings.port, settings.certificate, settings.key, without_login=False
        )
    except ConfigError as error:
        raise WrongInput(f"[pages]: {error}") from error


def serve(
    settings: PagesSettings,
    database: Database,
    requests: RequestSettings | None,
    ways: UpstreamSettings | None,
    clock: Clock,
) -> None:
    """Answer until stopped. Raises WrongInput for what cannot be served, and InventoryError for a port that cannot be had."""
    address = address_for(settings)
    app = pages_app(database, address, settings.sign_on_hours, requests, ways, clock)
    try:
        taken = take_port(address.host, address.port)
    except PortUnavailable as error:
        raise InventoryError(f"[pages]: {error}") from error
    with taken:
        _log.info("pages are served", address=address.url)
        RenewingServer(config_of(app, address), address.certificate).run([taken])
