"""The screen's program: the mirror of the bench, and the views that show it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Final

import structlog
import uvicorn
from fastapi import FastAPI, Request, Response
from starlette.staticfiles import StaticFiles

from station.control.client import ControlError, ask_daemon
from station.desk.refusals import Refused
from station.screen.access import Access
from station.screen.asking import Ask
from station.screen.board import Board
from station.screen.mirror import Mirror
from station.screen.parts import Parts
from station.screen.scanning import Scans
from station.screen.views.bench import bench_view
from station.screen.views.doing import STATUS, doing
from station.screen.views.floor import floor_views
from station.screen.views.orders import orders_views
from station.screen.views.pack import pack_view
from station.screen.views.shift import shift_view

_STATIC: Final = Path(str(resources.files("station.screen"))) / "static"
_MOST_CONNECTIONS: Final = 200
_END_SECONDS: Final = 1
"""How long streams get to end."""

_log = structlog.stdlib.get_logger()


def screen_app(place: Path, reports: Path, port: int) -> FastAPI:
    """Return the program that shows the daemon at this socket or state directory, and the reports in this folder."""
    board = Board()
    mirror = Mirror(place, board)
    desk: Ask = partial(ask_daemon, place)
    parts = Parts(board, mirror, Scans(mirror, desk), desk, reports)

    @asynccontextmanager
    async def following(_: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(mirror.follow()), asyncio.create_task(mirror.beat())]
        for task in tasks:
            task.add_done_callback(_end_with)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    app = FastAPI(lifespan=following, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.end_streams = board.end
    app.add_middleware(Access, hosts=(f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}"))
    app.mount("/static", StaticFiles(directory=_STATIC))
    for view in (bench_view, doing, floor_views, orders_views, pack_view, shift_view):
        app.include_router(view(parts))

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> Response:
        status = STATUS[error.code]
        return parts.page(request, "problem.html", "problem", status=status, line=str(error), retry=False)

    @app.exception_handler(ControlError)
    async def unanswered(request: Request, error: ControlError) -> Response:
        return parts.page(request, "problem.html", "problem", status=503, line=str(error), retry=True)

    return app


def serve(place: Path, reports: Path, port: int) -> None:
    """Serve this computer's own browsers until stopped."""
    app = screen_app(place, reports, port)
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_graceful_shutdown=_END_SECONDS,
    )
    _Server(config, app.state.end_streams).run()


class _Server(uvicorn.Server):
    """Lets go of those who follow before it waits for them: a stream has no end of its own."""

    def __init__(self, config: uvicorn.Config, end_streams: Callable[[], None]) -> None:
        super().__init__(config)
        self._end_streams = end_streams

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop in good order."""
        self._end_streams()
        await super().shutdown(sockets)


def _end_with(task: asyncio.Task[None]) -> None:
    """A screen that cannot follow any more is begun anew by its unit; it must not stand there and look alive."""
    if task.cancelled() or (error := task.exception()) is None:
        return
    _log.critical("the screen ends", exc_info=error)
    os.kill(os.getpid(), signal.SIGTERM)
