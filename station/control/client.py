"""How commands reach the daemon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from station.control.frames import LONGEST_FRAME, Asked, NoAnswer, read_answer, request_frame
from station.control.sockets import socket_at
from station.desk.request import Answer, Request

A = TypeVar("A", bound=Answer)


class ControlError(Exception):
    """A request could not be delivered, or was not answered. The message is one line for a person."""


class ConnectionLost(ControlError):
    """The daemon ended, or was killed, in the middle."""


class NoDaemon(ControlError):
    """No daemon listens at this state directory."""


async def ask_daemon(
    place: Path, request: Request[A], *, by: str | None = None, key: UUID | None = None
) -> A:
    """Send one request to the daemon of this state directory, or at this socket, and return its answer.

    Raises Refused when the daemon refuses, NoDaemon when none listens, ConnectionLost when it ends in the middle: a
    command with a key may then be sent again. ControlError when it does not answer.
    """
    async with _connected(place, Asked(request, by, key)) as reader:
        try:
            async with asyncio.timeout(request.answer_seconds):
                return await _answer(reader, request)
        except TimeoutError as error:
            raise ControlError("the daemon did not answer; look at its log") from error


@asynccontextmanager
async def follow_daemon(place: Path, request: Request[A]) -> AsyncIterator[AsyncGenerator[A, None]]:
    """Ask to be told again and again, and yield the answers as they come; they end when the daemon does.

    Raises as `ask_daemon` does.
    """

    async def answers(reader: asyncio.StreamReader) -> AsyncGenerator[A, None]:
        while (line := await reader.readline()).endswith(b"\n"):
            yield _content(line, request)

    async with _connected(place, Asked(request)) as reader, aclosing(answers(reader)) as each:
        yield each


async def _answer(reader: asyncio.StreamReader, request: Request[A]) -> A:
    line = await reader.readline()
    if not line.endswith(b"\n"):
        raise ConnectionLost("the daemon ended before it answered; look at its log")
    return _content(line, request)


def _content(line: bytes, request: Request[A]) -> A:
    try:
        return read_answer(line, request.answer)  # type: ignore[return-value]  # the request knows its answer
    except NoAnswer as error:
        raise ControlError(str(error)) from error


@asynccontextmanager
async def _connected(place: Path, asked: Asked) -> AsyncIterator[asyncio.StreamReader]:
    socket = socket_at(place)
    try:
        reader, writer = await asyncio.open_unix_connection(socket, limit=LONGEST_FRAME)
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise NoDaemon(f"no daemon runs in {place}; start it: reflash run") from error
    except PermissionError as error:
        raise ControlError(
            f"{socket} is not yours to use: run it as the station's user (sudo -u reflash reflash …)"
        ) from error
    except OSError as error:
        raise ControlError(f"the daemon's control socket in {place}: {error.strerror or error}") from error
    try:
        writer.write(request_frame(asked))
        with suppress(
            ConnectionError
        ):  # refused before all of it was sent: what is said of it waits to be read
            await writer.drain()
        yield reader
    except ConnectionError as error:
        raise ConnectionLost("the daemon ended before it answered; look at its log") from error
    finally:
        writer.close()
