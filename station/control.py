"""The daemon's control socket: how `reflash orders`, `jigs` and `journal` reach the one process that may write.

A Unix socket in the state directory, mode 0600, one JSON object a line each way. An answer is
`{"ok": true, ...}` or `{"ok": false, "error": "one line"}`.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

SOCKET_NAME: Final = "control.sock"
_MAX_LINE: Final = 64 * 1024 * 1024
"""A work order of 100,000 hubs fits with room to spare."""
_ANSWER_SECONDS: Final = 60.0

Request = dict[str, Any]
Handler = Callable[[Request], Awaitable[Mapping[str, Any]]]


class ControlError(Exception):
    """A request was refused or could not be delivered. The message is one line for a person."""


class NoDaemon(ControlError):
    """No daemon listens at this state directory."""


@asynccontextmanager
async def serve_control(directory: Path, handlers: Mapping[str, Handler]) -> AsyncIterator[None]:
    """Serve requests `{"do": name, ...}` by their handlers while the block lasts.

    Only the holder of the journal's lock calls this, so a socket found there is a dead daemon's.
    """
    path = directory / SOCKET_NAME
    path.unlink(missing_ok=True)
    connections: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            connections.add(task)
        try:
            while line := await reader.readline():
                answer = await _answer(line, handlers)
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError, asyncio.CancelledError):
            pass  # the client left, sent a line beyond the limit, or the daemon stops
        finally:
            if task is not None:
                connections.discard(task)
            writer.close()

    mask = os.umask(0o177)
    try:
        server = await asyncio.start_unix_server(connected, path, limit=_MAX_LINE)
    finally:
        os.umask(mask)
    try:
        yield
    finally:
        server.close()
        for task in tuple(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        path.unlink(missing_ok=True)


async def _answer(line: bytes, handlers: Mapping[str, Handler]) -> dict[str, Any]:
    try:
        request = json.loads(line)
        handler = handlers[request["do"]]
    except (ValueError, TypeError, KeyError):
        return {"ok": False, "error": f"no such request; the daemon knows: {', '.join(sorted(handlers))}"}
    try:
        return {"ok": True, **await handler(request)}
    except ControlError as error:
        return {"ok": False, "error": str(error)}


async def ask_daemon(directory: Path, request: Request) -> dict[str, Any]:
    """Send one request to the daemon of this state directory and return its answer.

    Raises NoDaemon when none listens, ControlError when it refuses or does not answer.
    """
    try:
        reader, writer = await asyncio.open_unix_connection(directory / SOCKET_NAME, limit=_MAX_LINE)
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise NoDaemon(f"no daemon runs in {directory}") from error
    except OSError as error:
        raise ControlError(f"the daemon's control socket in {directory}: {error.strerror}") from error
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            writer.write(json.dumps(request).encode() + b"\n")
            await writer.drain()
            line = await reader.readline()
        answer: dict[str, Any] = json.loads(line)
    except (TimeoutError, ValueError, ConnectionError) as error:
        raise ControlError("the daemon did not answer; look at its log") from error
    finally:
        writer.close()
    if not answer.pop("ok"):
        raise ControlError(answer["error"])
    return answer
