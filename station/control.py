"""The daemon's control socket: how `reflash orders`, `jigs` and `journal` reach the one process that may write.

A Unix socket in the state directory, mode 0600, one JSON object a line each way. An answer is
`{"ok": true, ...}` or `{"ok": false, "error": "one line"}`, with `"wrong": true` where asking again would change
nothing. A stream answers again and again until the client leaves.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NoReturn

import structlog
from pydantic import ValidationError

from drivers.descriptors import shortage_in
from station.records.errors import EventRefused, JournalError, JournalHeldUp

SOCKET_NAME: Final = "control.sock"
LONGEST_SOCKET_PATH: Final = 107
"""In bytes; `sun_path` of unix(7) has 108, with the byte that ends it."""
_MAX_LINE: Final = 64 * 1024 * 1024
"""A work order of 100,000 hubs fits with room to spare."""
_ANSWER_SECONDS: Final = 60.0
_LAST_ANSWER_SECONDS: Final = 0.5
_SAY_AGAIN_SECONDS: Final = 60.0
"""Between two lines about connections that cannot be accepted."""

Request = dict[str, Any]
Answer = Mapping[str, Any]
Handler = Callable[[Request], Awaitable[Answer]]
Stream = Callable[[Request], AsyncGenerator[Answer, None]]
_log = structlog.stdlib.get_logger()
_NO_STREAMS: Final[Mapping[str, Stream]] = MappingProxyType({})


class ControlError(Exception):
    """A request was refused or could not be delivered. The message is one line for a person."""


class RequestWrong(ControlError):
    """What was asked for is not there, or is not to be had: the same at every try."""


class ConnectionLost(ControlError):
    """The daemon ended, or was killed, in the middle."""


class NoDaemon(ControlError):
    """No daemon listens at this state directory."""


def _socket_at(place: Path) -> Path:
    return place if place.suffix == ".sock" else place / SOCKET_NAME


@asynccontextmanager
async def serve_control(
    place: Path,
    handlers: Mapping[str, Handler],
    streams: Mapping[str, Stream] = _NO_STREAMS,
    *,
    mode: int = 0o600,
) -> AsyncIterator[asyncio.Future[NoReturn]]:
    """Serve requests `{"do": name, ...}` by their handlers while the block lasts, on a socket of this mode.

    `place` is the socket itself (`….sock`), or the folder of the control socket.

    Yields what ends with the JournalError that a handler met: its client is told, and no result is safe any more, so
    that whoever serves has to stop. What the journal merely refuses or lacks for now is the client's to hear alone.

    A client that asks for a stream gets nothing else on its connection, and is waited for by nobody, but for a moment
    at the end of the block: so long a stream that ends then has for its last answer. Only the
    holder of the journal's lock calls this, so a socket found there is a dead daemon's.
    """
    path = _socket_at(place)
    path.unlink(missing_ok=True)
    connections: set[asyncio.Task[None]] = set()
    streaming: set[asyncio.Task[None]] = set()
    journal_failed: asyncio.Future[NoReturn] = asyncio.get_running_loop().create_future()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            connections.add(task)
        try:
            while line := await reader.readline():
                request = _request(line)
                if request.get("do") in streams:
                    if task is not None:
                        streaming.add(task)
                    await _pour(request["do"], streams[request["do"]](_Asked(request)), reader, writer)
                    return
                try:
                    answer = await _answer(request, handlers, streams)
                except JournalError as error:
                    if not journal_failed.done():
                        journal_failed.set_exception(error)
                    answer = {"ok": False, "error": str(error)}
                await _send(writer, answer)
        except (ConnectionError, ValueError, asyncio.CancelledError):
            pass  # the client left, sent a line beyond the limit, or the daemon stops
        finally:
            if task is not None:
                connections.discard(task)
                streaming.discard(task)
            writer.close()

    mask = os.umask(0o777 & ~mode)
    try:
        server = await asyncio.start_unix_server(connected, path, limit=_MAX_LINE)
    finally:
        os.umask(mask)
    try:
        with _one_line_a_shortage():
            yield journal_failed
    finally:
        if journal_failed.done() and not journal_failed.cancelled():
            journal_failed.exception()  # seen, also if nobody waited for it
        server.close()
        if streaming:
            await asyncio.wait(tuple(streaming), timeout=_LAST_ANSWER_SECONDS)
        for task in tuple(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        path.unlink(missing_ok=True)


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


def _request(line: bytes) -> Request:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return request if isinstance(request, dict) and isinstance(request.get("do"), str) else {}


async def _send(writer: asyncio.StreamWriter, answer: Answer) -> None:
    writer.write(json.dumps(answer).encode() + b"\n")
    await writer.drain()


async def _pour(
    what: str,
    answers: AsyncGenerator[Answer, None],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    """Send answers until there are no more or the client leaves."""

    async def pour() -> None:
        async with aclosing(answers):
            async for answer in answers:
                await _send(writer, {"ok": True, **answer})

    pouring, leaving = asyncio.create_task(pour()), asyncio.create_task(reader.read(1))
    try:
        await asyncio.wait((pouring, leaving), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (pouring, leaving):
            task.cancel()
        poured, _ = await asyncio.gather(pouring, leaving, return_exceptions=True)
        if isinstance(poured, ConnectionError):
            raise poured
        if isinstance(poured, Exception):
            await _send(writer, _own_fault(what, poured))


async def _answer(
    request: Request, handlers: Mapping[str, Handler], streams: Mapping[str, Stream]
) -> dict[str, Any]:
    handler = handlers.get(request.get("do", ""))
    if handler is None:
        known = ", ".join(sorted([*handlers, *streams]))
        return _wrong(f"no such request; the daemon knows: {known}")
    try:
        return {"ok": True, **await handler(_Asked(request))}
    except (RequestWrong, EventRefused) as error:
        return _wrong(str(error))
    except (ControlError, JournalHeldUp) as error:
        return {"ok": False, "error": str(error)}
    except JournalError:
        raise
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"])) or "it"
        return _wrong(f"the request is not as {request['do']} needs it: {where}: {fault['msg']}")
    except Exception as error:
        return _own_fault(request["do"], error)


class _Asked(dict[str, Any]):
    """A request as its handler gets it: what it lacks is its sender's fault, and told so."""

    def __missing__(self, key: str) -> NoReturn:
        raise RequestWrong(f"the request is not as {self['do']} needs it: {key} is missing")


def _wrong(why: str) -> dict[str, Any]:
    return {"ok": False, "wrong": True, "error": why}


def _own_fault(what: str, error: Exception) -> dict[str, Any]:
    """Keep a fault of the station's own in the log, and tell it as what it is."""
    if (short := shortage_in(error)) is not None:
        _log.error("request failed", request=what, reason=short)
        return {"ok": False, "error": short}
    _log.error("request failed", request=what, exc_info=error)
    kind = type(error).__name__
    return {
        "ok": False,
        "error": f"a fault of the station's own in {what} ({kind}); its log has the traceback, tell the supervisor",
    }


async def ask_daemon(directory: Path, request: Request) -> dict[str, Any]:
    """Send one request to the daemon of this state directory and return its answer.

    Raises NoDaemon when none listens, RequestWrong for what cannot be, ControlError when it refuses or does not answer.
    """
    async with _connected(directory, request) as reader:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return _content(await reader.readline())
        except TimeoutError as error:
            raise ControlError("the daemon did not answer; look at its log") from error


@asynccontextmanager
async def follow_daemon(
    directory: Path, request: Request
) -> AsyncIterator[AsyncGenerator[dict[str, Any], None]]:
    """Ask for a stream, and yield its answers as they come; they end when the daemon does.

    Raises NoDaemon when none listens, ControlError when it refuses.
    """

    async def answers(reader: asyncio.StreamReader) -> AsyncGenerator[dict[str, Any], None]:
        while line := await reader.readline():
            yield _content(line)

    async with _connected(directory, request) as reader, aclosing(answers(reader)) as each:
        yield each


@asynccontextmanager
async def _connected(directory: Path, request: Request) -> AsyncIterator[asyncio.StreamReader]:
    try:
        reader, writer = await asyncio.open_unix_connection(_socket_at(directory), limit=_MAX_LINE)
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise NoDaemon(f"no daemon runs in {directory}; start it: reflash run") from error
    except PermissionError as error:
        raise ControlError(
            f"{_socket_at(directory)} is not yours to use: run it as the station's user (sudo -u reflash reflash …)"
        ) from error
    except OSError as error:
        raise ControlError(
            f"the daemon's control socket in {directory}: {error.strerror or error}"
        ) from error
    try:
        writer.write(json.dumps(request).encode() + b"\n")
        await writer.drain()
        yield reader
    except ConnectionError as error:
        raise ConnectionLost("the daemon ended before it answered; look at its log") from error
    finally:
        writer.close()


def _content(line: bytes) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = json.loads(line)
    except ValueError as error:
        raise ConnectionLost("the daemon did not answer; look at its log") from error
    if not answer.pop("ok"):
        raise (RequestWrong if answer.get("wrong") else ControlError)(answer["error"])
    return answer
