"""The daemon's sockets: frames in, what the desk says out. A skin, with no rule of its own but the size of a frame.

The control socket lies in the state directory, mode 0600; whoever may look and scan has another
(docs/decisions/0028-looking-and-scanning-have-a-socket-of-their-own.md).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import structlog

from drivers.descriptors import shortage_in
from station.control.frames import (
    LONGEST_FRAME,
    Asked,
    OtherProtocol,
    answer_frame,
    read_request,
    refusal_frame,
)
from station.control.sockets import socket_at
from station.desk.act import Entrance
from station.desk.desk import Desk
from station.desk.refusals import Invalid, Refused
from station.desk.request import Following

_LAST_ANSWER_SECONDS: Final = 0.5
_SAY_AGAIN_SECONDS: Final = 60.0
"""Between two lines about connections that cannot be accepted."""
_SENDING_SECONDS: Final = 5.0
"""How long a client may go on sending what is refused already."""
_BACKLOG: Final = 1024
"""Clients that may wait to be accepted: with more, asyncio's own connect believes to be connected when it is not."""

_log = structlog.stdlib.get_logger()


@asynccontextmanager
async def serve_control(
    place: Path, desk: Desk, entrance: Entrance, *, mode: int = 0o600
) -> AsyncIterator[None]:
    """Bring the desk what comes in by this socket while the block lasts.

    `place` is the socket itself (`….sock`), or the folder of the control socket.

    A client that follows something gets nothing else on its connection, and is waited for by nobody, but for a moment
    at the end of the block: so long it then has for its last answer. Only the holder of the journal's lock calls this,
    so a socket found there is a dead daemon's.
    """
    path = socket_at(place)
    path.unlink(missing_ok=True)
    connections: set[asyncio.Task[None]] = set()
    following: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio runs this as a task of its own
        connections.add(task)
        try:
            while (asked := await _next(reader, writer)) is not None:
                if isinstance(asked.request, Following):
                    following.add(task)
                    await _follow(asked, desk, entrance, reader, writer)
                    return
                await _send(writer, await _answered(asked, desk, entrance))
        except (ConnectionError, asyncio.CancelledError):
            pass  # the client left, or the daemon stops
        finally:
            connections.discard(task)
            following.discard(task)
            writer.close()

    mask = os.umask(0o777 & ~mode)
    try:
        server = await asyncio.start_unix_server(connected, path, limit=LONGEST_FRAME, backlog=_BACKLOG)
    finally:
        os.umask(mask)
    try:
        with _one_line_a_shortage():
            yield
    finally:
        server.close()
        if following:
            await asyncio.wait(tuple(following), timeout=_LAST_ANSWER_SECONDS)
        for task in tuple(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        with suppress(OSError):  # the journal says what failed, and the next start removes it
            path.unlink(missing_ok=True)


async def _next(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Asked | None:
    """Return the next request, or None when there will be none; what is no request is refused on the way."""
    while True:
        try:
            line = await reader.readline()
        except ValueError:  # where it ends is not known, so that nothing after it can be read
            await _send(writer, refusal_frame(Invalid(f"a request of more than {LONGEST_FRAME} bytes")))
            await _let_finish(reader)
            return None
        if not line:
            return None
        try:
            if not line.endswith(b"\n"):
                raise Invalid("the request broke off in the middle, and nothing was done: ask again")
            return read_request(line)
        except OtherProtocol as refused:
            await _send(writer, refusal_frame(refused))
            return None
        except Refused as refused:
            await _send(writer, refusal_frame(refused))


async def _let_finish(reader: asyncio.StreamReader) -> None:
    """Read on to the end, for a while: whoever cannot send all of it does not look at what was answered."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_SENDING_SECONDS):
            while await reader.read(1 << 16):
                pass


async def _answered(asked: Asked, desk: Desk, entrance: Entrance) -> bytes:
    try:
        return answer_frame(await desk.answer(asked.request, entrance, by=asked.by, key=asked.key))
    except Refused as refused:
        return refusal_frame(refused)


async def _send(writer: asyncio.StreamWriter, frame: bytes) -> None:
    writer.write(frame)
    await writer.drain()


async def _follow(
    asked: Asked,
    desk: Desk,
    entrance: Entrance,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    """Send answers until there are no more or the client leaves."""

    async def pour() -> None:
        async with aclosing(desk.follow(asked.request, entrance, by=asked.by)) as answers:
            async for answer in answers:
                await _send(writer, answer_frame(answer))

    pouring, leaving = asyncio.create_task(pour()), asyncio.create_task(reader.read(1))
    try:
        await asyncio.wait((pouring, leaving), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (pouring, leaving):
            task.cancel()
        poured, _ = await asyncio.gather(pouring, leaving, return_exceptions=True)
        if isinstance(poured, Refused):
            await _send(writer, refusal_frame(poured))
        elif isinstance(poured, Exception):
            raise poured


@contextmanager
def _one_line_a_shortage() -> Iterator[None]:
    """Have the event loop say in one line, once a minute, that it can accept nothing for want of descriptors.

    Of itself it writes a hundred tracebacks for each look (CPython 3.11, `_accept_connection`). It looks again every
    second, so that whoever waits is served later.
    """
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    say_from = 0.0

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal say_from
        short = shortage_in(context.get("exception"))
        if short is None:
            if before is None:
                loop.default_exception_handler(context)
            else:
                before(loop, context)
        elif loop.time() >= say_from:
            say_from = loop.time() + _SAY_AGAIN_SECONDS
            _log.error("commands and screens have to wait", reason=short)

    loop.set_exception_handler(handle)
    try:
        yield
    finally:
        loop.set_exception_handler(before)
