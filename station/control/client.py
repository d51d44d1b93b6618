"""How commands reach the daemon."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar
from uuid import UUID

from station.control.frames import LONGEST_ANSWER, Asked, NoAnswer, read_answer, request_frame
from station.control.sockets import socket_at
from station.desk.act import Proof
from station.desk.refusals import Refused
from station.desk.request import Answer, Request
from station.desk.session_requests import ShowRight

A = TypeVar("A", bound=Answer)

_BEAT_SECONDS: Final = 1.0
"""Of one who follows, between two questions whether the daemon is still there: it tells nothing while nothing changes."""
_AGAIN_SECONDS: Final = 0.05
"""Between two tries to reach a daemon that many ask at once."""
_SILENT_SECONDS: Final = 2.5
"""A daemon that answers nothing for so long hangs: whoever looks is told of it within three."""


class ControlError(Exception):
    """A request could not be delivered, or was not answered. The message is one line for a person."""


class ConnectionLost(ControlError):
    """The daemon ended, or was killed, in the middle."""


class DaemonSilent(ControlError):
    """The daemon runs and answers nothing."""

    def __init__(self) -> None:
        super().__init__("the daemon runs, and has not answered for some seconds; look at its log")


class NoDaemon(ControlError):
    """No daemon listens at this state directory."""


async def ask_daemon(
    place: Path,
    request: Request[A],
    *,
    by: str | None = None,
    proof: Proof | None = None,
    key: UUID | None = None,
    file: int | None = None,
    network: str | None = None,
) -> A:
    """Send one request to the daemon of this state directory, or at this socket, and return its answer.

    A `proof` shows who asks: with a PIN, `by` says who that is. `file` is the descriptor of a file that the request is
    about; it stays the caller's. `network` is where they are who gave the proof, if not at the bench.

    Raises Refused when the daemon refuses, NoDaemon when none listens, ConnectionLost when it ends in the middle: a
    command with a key may then be sent again. ControlError when it does not answer.
    """
    async with _connected(place, Asked(request, by, key, proof, network), file) as reader:
        try:
            async with asyncio.timeout(request.answer_seconds):
                return await _answer(reader, request)
        except TimeoutError as error:
            raise ControlError("the daemon did not answer; look at its log") from error


@asynccontextmanager
async def follow_daemon(place: Path, request: Request[A]) -> AsyncIterator[AsyncGenerator[A, None]]:
    """Ask to be told again and again, and yield the answers as they come; they end when the daemon does.

    Raises as `ask_daemon` does, and DaemonSilent within some seconds of one that hangs: what it told last is known no more.
    """

    async def answers(reader: asyncio.StreamReader) -> AsyncGenerator[A, None]:
        while (line := await _next_line(place, reader, request)).endswith(b"\n"):
            yield _content(line, request)

    async with _connected(place, Asked(request)) as reader, aclosing(answers(reader)) as each:
        yield each


async def _next_line(place: Path, reader: asyncio.StreamReader, request: Request[A]) -> bytes:
    """Return the next line, however long it takes, for as long as the daemon answers the least there is to ask."""
    now = asyncio.get_running_loop().time
    reading = asyncio.create_task(reader.readline())
    heard, due = now(), now() + _BEAT_SECONDS
    try:
        while not (await asyncio.wait((reading,), timeout=_BEAT_SECONDS))[0]:
            if now() > due + _BEAT_SECONDS:
                heard = now()  # it is this process that was held up: stopped at a terminal, say
            due = heard + _SILENT_SECONDS
            try:
                async with asyncio.timeout_at(due):
                    with suppress(Refused):  # an answer, too
                        await ask_daemon(place, ShowRight(request=request.name))
                heard = now()
            except (TimeoutError, ControlError) as error:
                if now() > due + _BEAT_SECONDS:
                    heard = now()
                elif not reading.done() and now() >= due:
                    raise DaemonSilent from error
            due = now() + _BEAT_SECONDS
        return reading.result()
    finally:
        reading.cancel()
        await asyncio.wait((reading,))


async def _answer(reader: asyncio.StreamReader, request: Request[A]) -> A:
    try:
        line = await reader.readline()
    except ValueError as error:
        raise ControlError(
            f"the daemon's answer is longer than {LONGEST_ANSWER} bytes: ask for less"
        ) from error
    if not line.endswith(b"\n"):
        raise ConnectionLost("the daemon ended before it answered; look at its log")
    return _content(line, request)


def _content(line: bytes, request: Request[A]) -> A:
    try:
        return read_answer(line, request.answer)  # type: ignore[return-value]  # the request knows its answer
    except NoAnswer as error:
        raise ControlError(str(error)) from error


@asynccontextmanager
async def _connected(
    place: Path, asked: Asked, file: int | None = None
) -> AsyncIterator[asyncio.StreamReader]:
    station = await _connect(place)
    reader, writer = await asyncio.open_unix_connection(sock=station, limit=LONGEST_ANSWER)
    try:
        frame = request_frame(asked)
        if file is not None:  # with the first byte, before the stream sends any
            socket.send_fds(station, [frame[:1]], [file])
            frame = frame[1:]
        writer.write(frame)
        with suppress(ConnectionError):  # refused before all was sent: what is said of it waits to be read
            await writer.drain()
        yield reader
    except ConnectionError as error:
        raise ConnectionLost("the daemon ended before it answered; look at its log") from error
    finally:
        writer.close()


async def _connect(place: Path) -> socket.socket:
    """Connect as soon as the daemon has room: one that has not yet taken on those who asked before may be busy for a moment."""
    now = asyncio.get_running_loop().time
    by = now() + _SILENT_SECONDS
    while (station := _connect_now(place)) is None:
        if now() >= by:
            raise DaemonSilent
        await asyncio.sleep(_AGAIN_SECONDS)
    return station


def _connect_now(place: Path) -> socket.socket | None:
    """Return a connection; None where the daemon has as many waiting as its socket takes."""
    path = socket_at(place)
    station = socket.socket(socket.AF_UNIX)
    try:
        station.setblocking(False)
        # Done at once, or not at all (unix(7)). asyncio would wait for it, and take what is not connected for connected.
        station.connect(str(path))
    except BaseException as error:
        station.close()
        if isinstance(error, (FileNotFoundError, ConnectionRefusedError)):
            raise NoDaemon(f"no daemon runs in {place}; start it: reflash run") from error
        if isinstance(error, BlockingIOError):
            return None
        if isinstance(error, PermissionError):
            group = "ask for the group reflash-desk (docs/operating.md), or " if path == place else ""
            raise ControlError(
                f"{path} is not yours to use: {group}run it as the station's user (sudo -u reflash reflash …)"
            ) from error
        if isinstance(error, OSError):
            raise ControlError(
                f"the daemon's control socket in {place}: {error.strerror or error}"
            ) from error
        raise
    return station
