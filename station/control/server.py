"""The daemon's sockets: frames in, what the desk says out. A skin, with no rule of its own but the size of a frame.

The control socket lies in the state directory, mode 0600; whoever may look and scan has another
(docs/decisions/0028-looking-and-scanning-have-a-socket-of-their-own.md).
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Final, NoReturn

import structlog

from drivers.descriptors import shortage_in
from station.control.connection import Connection, DoesNotRead, LineNotEnded, LineTooLong
from station.control.frames import (
    CROWD,
    LONGEST_REQUEST,
    Asked,
    OtherProtocol,
    answer_frame,
    read_request,
    refusal_frame,
)
from station.control.sockets import socket_at
from station.descriptors import CLIENTS
from station.desk.act import Entrance
from station.desk.desk import Desk
from station.desk.refusals import Invalid, Refused, Unavailable
from station.desk.request import Following

_LAST_ANSWER_SECONDS: Final = 0.5
_SAY_AGAIN_SECONDS: Final = 60.0
"""Between two lines about clients that cannot be served."""
_LINE_SECONDS: Final = 5.0
"""How long a client may take for the rest of a request that it has begun, and to read an answer."""
_SENDING_SECONDS: Final = 5.0
"""How long a client may go on sending what is refused already."""
_TURNING_AWAY_SECONDS: Final = 1.0
"""How long one client too many may take to ask."""
_ACCEPT_AGAIN_SECONDS: Final = 1.0
"""Between two tries to accept somebody: nothing tells of a descriptor that becomes free."""
_BACKLOG: Final = 1024
"""Clients that may wait to be accepted: with more, asyncio's own connect believes to be connected when it is not."""

_log = structlog.stdlib.get_logger()


@asynccontextmanager
async def serve_control(
    place: Path, desk: Desk, entrance: Entrance, *, mode: int = 0o600, most: int = CLIENTS
) -> AsyncIterator[None]:
    """Bring the desk what comes in by this socket while the block lasts.

    `place` is the socket itself (`….sock`), or the folder of the control socket. `most` clients are served at once; one
    more is told so.

    A client that follows something gets nothing else on its connection, and is waited for by nobody, but for a moment
    at the end of the block: so long it then has for its last answer. Only the holder of the journal's lock calls this,
    so a socket found there is a dead daemon's. Raises OSError where no socket can be made.
    """
    path = socket_at(place)
    path.unlink(missing_ok=True)
    with _listening(path, mode) as listener:
        clients = _Clients(desk, entrance, most)
        accepting = asyncio.create_task(_accept(listener, clients))
        try:
            yield
        finally:
            accepting.cancel()
            await asyncio.wait((accepting,))
            await clients.see_off()
            with suppress(OSError):  # the journal says what failed, and the next start removes it
                path.unlink(missing_ok=True)


@contextmanager
def _listening(path: Path, mode: int) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listener:
        mask = os.umask(0o777 & ~mode)
        try:
            listener.bind(str(path))
        finally:
            os.umask(mask)
        listener.setblocking(False)
        listener.listen(_BACKLOG)
        yield listener


async def _accept(listener: socket.socket, clients: _Clients) -> NoReturn:
    """Accept clients for ever. While there is no descriptor left for one they wait."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            client, _ = await loop.sock_accept(listener)
        except OSError as error:
            clients.complain("commands and screens have to wait", shortage_in(error) or error.strerror)
            await asyncio.sleep(_ACCEPT_AGAIN_SECONDS)
            continue
        if (crowd := clients.crowd) is None:
            clients.welcome(client)
        else:
            clients.complain("a command or screen was turned away", str(crowd))
            await _turn_away(client, crowd)


async def _turn_away(client: socket.socket, crowd: Refused) -> None:
    """Tell one too many so, once he has asked: nobody hears an answer before that."""
    connection = _connection(client)
    try:
        with suppress(TimeoutError, LineTooLong):
            async with asyncio.timeout(_TURNING_AWAY_SECONDS):
                await connection.read_line()
        await connection.send(refusal_frame(crowd))
    except ConnectionError:
        pass  # the client left
    finally:
        connection.close()


def _connection(client: socket.socket) -> Connection:
    return Connection(client, LONGEST_REQUEST, _LINE_SECONDS)


class _Clients:
    """Everybody who is connected, each served by a task of his own."""

    def __init__(self, desk: Desk, entrance: Entrance, most: int) -> None:
        self._desk = desk
        self._entrance = entrance
        self._most = most
        self._tasks: set[asyncio.Task[None]] = set()
        self._following: set[asyncio.Task[None]] = set()
        self._say_from: dict[str, float] = {}

    def complain(self, what: str, reason: str | None) -> None:
        """Log why somebody was not served, each kind of it once a minute."""
        now = asyncio.get_running_loop().time()
        if now >= self._say_from.get(what, 0.0):
            self._say_from[what] = now + _SAY_AGAIN_SECONDS
            _log.error(what, where=self._entrance.where, reason=reason)

    @property
    def crowd(self) -> Refused | None:
        """Why there is no room for another; None while there is."""
        if len(self._tasks) < self._most:
            return None
        return Unavailable(
            f"{self._most} commands and screens are connected to the station already: end some, then ask again",
            **{CROWD: self._most},
        )

    def welcome(self, client: socket.socket) -> None:
        """Serve somebody from now on."""
        task = asyncio.create_task(self._serve(_connection(client)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(self._following.discard)

    async def see_off(self) -> None:
        """End every connection, those who follow something after their last answer."""
        if self._following:
            await asyncio.wait(tuple(self._following), timeout=_LAST_ANSWER_SECONDS)
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, connection: Connection) -> None:
        try:
            while (asked := await _next(connection)) is not None:
                if isinstance(asked.request, Following):
                    task = asyncio.current_task()
                    assert task is not None  # noqa: S101 - `welcome` made it
                    self._following.add(task)
                    await self._follow(asked, connection)
                    return
                await connection.send(await self._answered(asked, connection))
        except DoesNotRead:
            self.complain("a command or screen was let go", "it does not read its answers")
        except ConnectionError:
            pass  # the client left
        finally:
            connection.close()

    async def _answered(self, asked: Asked, connection: Connection) -> bytes:
        file = connection.take_file()
        try:
            answer = await self._desk.answer(
                asked.request,
                self._entrance,
                by=asked.by,
                proof=asked.proof,
                key=asked.key,
                file=file,
                network=asked.network,
            )
        except Refused as refused:
            return refusal_frame(refused)
        finally:
            if file is not None:
                os.close(file)
        return answer_frame(answer)

    async def _follow(self, asked: Asked, connection: Connection) -> None:
        """Send answers until there are no more or the client leaves."""

        async def pour() -> None:
            following = self._desk.follow(asked.request, self._entrance, by=asked.by, proof=asked.proof)
            async with aclosing(following) as answers:
                async for answer in answers:
                    await connection.send(answer_frame(answer))

        pouring, leaving = asyncio.create_task(pour()), asyncio.create_task(connection.left())
        try:
            await asyncio.wait((pouring, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (pouring, leaving):
                task.cancel()
            poured, _ = await asyncio.gather(pouring, leaving, return_exceptions=True)
            if isinstance(poured, Refused):
                await connection.send(refusal_frame(poured))
            elif isinstance(poured, Exception):
                raise poured


async def _next(connection: Connection) -> Asked | None:
    """Return the next request, or None when there will be none; what is no request is refused on the way."""
    while True:
        try:
            line = await connection.read_line()
            if not line:
                return None
            if not line.endswith(b"\n"):
                raise Invalid("the request broke off in the middle, and nothing was done: ask again")
            return read_request(line)
        except LineNotEnded:
            late = f"the request did not end within {_LINE_SECONDS:g} s, and nothing was done: ask again"
            await connection.send(refusal_frame(Invalid(late)))
            return None
        except LineTooLong:
            await connection.send(refusal_frame(Invalid(f"a request of more than {LONGEST_REQUEST} bytes")))
            with suppress(TimeoutError):
                async with asyncio.timeout(_SENDING_SECONDS):
                    await connection.let_finish()
            return None
        except Refused as refused:
            await connection.send(refusal_frame(refused))
            if isinstance(refused, OtherProtocol):
                return None
