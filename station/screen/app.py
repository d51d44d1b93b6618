"""The screen's program: the mirror of the bench, and the views that show it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from importlib import resources
from pathlib import Path
from typing import Final

import structlog
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from station.control.client import ControlError, ask_daemon
from station.desk.refusals import Refused
from station.screen.access import Access
from station.screen.api.routes import LARGER_BODIES, api_routes
from station.screen.asking import Ask
from station.screen.board import Board
from station.screen.mirror import Mirror
from station.screen.parts import Parts
from station.screen.problems import STATUS
from station.screen.scanning import Scans
from station.screen.sessions import Sessions
from station.screen.views.bench import bench_view
from station.screen.views.codes import codes_view
from station.screen.views.doing import doing
from station.screen.views.floor import floor_views
from station.screen.views.metrics import metrics_view
from station.screen.views.orders import orders_views
from station.screen.views.pack import pack_view
from station.screen.views.shift import shift_view
from station.screen.views.sign_on import sign_on_view
from station.web.address import Address, Certificate
from station.web.connection import config_of
from station.web.cookie import Cookie
from station.web.problem import Problem
from station.web.renewal import RenewingServer

_STATIC: Final = Path(str(resources.files("station.screen"))) / "static"
_MOST_FAULTS: Final = 5

_log = structlog.stdlib.get_logger()


def screen_app(place: Path, reports: Path, address: Address, *, sign_on: bool) -> FastAPI:
    """Return the program that shows the daemon at this socket or state directory, and the reports in this folder.

    With `sign_on` it is for those who have signed on, or carry a token.
    """
    board, news = Board(), Board()
    mirror = Mirror(place, board, news)
    desk: Ask = partial(ask_daemon, place)
    sessions, cookie = Sessions(desk), Cookie(is_secure=address.certificate is not None)
    parts = Parts(board, news, mirror, Scans(mirror, desk), desk, reports, sessions, cookie)

    @asynccontextmanager
    async def following(_: FastAPI) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(each) for each in (mirror.follow(), mirror.beat(), sessions.keep_asking())
        ]
        for task in tasks:
            task.add_done_callback(_end_with)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    app = FastAPI(lifespan=following, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.ends = (board.end, news.end)
    app.add_middleware(
        Access,
        hosts=address.hosts,
        cookie=cookie.name,
        sessions=sessions,
        sign_on=sign_on,
        larger_bodies=LARGER_BODIES,
    )
    app.add_exception_handler(HTTPException, _no_such)
    app.add_exception_handler(RequestValidationError, _unfit)
    app.add_exception_handler(Exception, _failed)
    app.mount("/static", StaticFiles(directory=_STATIC, packages=[("station.web", "static")]))
    for view in (
        sign_on_view,
        metrics_view,
        bench_view,
        doing,
        floor_views,
        orders_views,
        pack_view,
        codes_view,
        shift_view,
    ):
        app.include_router(view(parts))

    app.router.routes.extend(api_routes(parts))

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> Response:
        status = STATUS[error.code]
        return parts.page(request, "problem.html", "problem", status=status, line=str(error), retry=False)

    @app.exception_handler(ControlError)
    async def unanswered(request: Request, error: ControlError) -> Response:
        return parts.page(request, "problem.html", "problem", status=503, line=str(error), retry=True)

    return app


def serve(place: Path, reports: Path, address: Address, taken: socket.socket, *, sign_on: bool) -> None:
    """Serve browsers and programs at a port that is taken for it, until stopped."""
    app = screen_app(place, reports, address, sign_on=sign_on)
    _Server(config_of(app, address), app.state.ends, address.certificate).run([taken])


class _Server(RenewingServer):
    """Lets go of those who follow before it waits for them: a stream has no end of its own."""

    def __init__(
        self, config: uvicorn.Config, ends: Iterable[Callable[[], None]], certificate: Certificate | None
    ) -> None:
        super().__init__(config, certificate)
        self._ends = tuple(ends)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop in good order."""
        for end in self._ends:
            end()
        await super().shutdown(sockets)


async def _no_such(_: Request, error: Exception) -> Response:
    """What no route answers, or not with this method."""
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for that
    status = HTTPStatus(error.status_code)
    return Problem(status, error.detail, headers=dict(error.headers or {}))


async def _unfit(_: Request, error: Exception) -> Response:
    """What is not as the route needs it, without what was sent: it may have been a PIN."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - it is registered for that
    faults = [
        {"where": ".".join(map(str, each["loc"])), "what": each["msg"]}
        for each in error.errors()[:_MOST_FAULTS]
    ]
    detail = "; ".join(f"{each['where']}: {each['what']}" for each in faults)
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, kind="invalid", errors=faults)


async def _failed(request: Request, error: Exception) -> Response:
    """A fault of the screen's own; uvicorn logs it."""
    detail = f"a fault of the screen's own ({type(error).__name__}); its log has the traceback, tell the supervisor"
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, detail, kind="failed", path=request.url.path)


def _end_with(task: asyncio.Task[None]) -> None:
    """A screen that cannot follow any more is begun anew by its unit; it must not stand there and look alive."""
    if task.cancelled() or (error := task.exception()) is None:
        return
    _log.critical("the screen ends", exc_info=error)
    os.kill(os.getpid(), signal.SIGTERM)
