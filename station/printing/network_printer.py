"""A label printer behind a raw TCP port: asked how it is, sent one label, and asked until that is printed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final, TypeVar

from drivers.threads import apart
from station.printing.places import NotBegun, PrintedOrNot
from station.printing.settings import PrinterSettings
from station.printing.state import (
    ASK_ERRORS,
    ASK_STATUS,
    LONGEST_ANSWER,
    AnswerUnreadable,
    Errors,
    HostStatus,
    read_errors,
    read_status,
)

_LOOK_SECONDS: Final = 0.25
"""Between two questions to a printer that prints: nothing tells of its end."""

_IDLE_ANSWERS: Final = 2
"""So many in a row say that a label is printed: one may be older than the label's arrival."""

Answer = TypeVar("Answer", Errors, HostStatus)


class NetworkPrinter:
    """A `station.printing.places.LabelPlace`."""

    def __init__(self, settings: PrinterSettings, *, look_seconds: float = _LOOK_SECONDS) -> None:
        self._settings = settings
        self._look_seconds = look_seconds

    async def put(
        self,
        name: str,  # noqa: ARG002 - paper has none
        label: bytes,
        begin: Callable[[], Awaitable[object]],
        say: Callable[[str], None],
    ) -> None:
        """Print one label. See `LabelPlace`."""
        async with self._ready() as line:
            await begin()
            try:
                await line.send(label)
                await self._until_done(line, say)
            except (OSError, EOFError, AnswerUnreadable) as error:
                raise PrintedOrNot(_why(error)) from error

    async def require_ready(self) -> None:
        """Raise NotBegun where nothing can be printed."""
        async with self._ready():
            pass

    @asynccontextmanager
    async def _ready(self) -> AsyncIterator[_Line]:
        async with self._reached() as line:
            try:
                fault, status = await line.look()
            except (OSError, EOFError, AnswerUnreadable) as error:
                raise NotBegun(f"{_why(error)}; see to it") from error
            if fault is not None:
                raise NotBegun(fault)
            if status is None or not status.idle:
                raise NotBegun("it is busy with labels of somebody else's")
            yield line

    async def _until_done(self, line: _Line, say: Callable[[str], None]) -> None:
        idle = 0
        while idle < _IDLE_ANSWERS:
            await asyncio.sleep(self._look_seconds)
            fault, status = await line.look()
            if fault is not None:
                say(fault)
            idle = idle + 1 if fault is None and status is not None and status.idle else 0

    @asynccontextmanager
    async def _reached(self) -> AsyncIterator[_Line]:
        settings = self._settings
        try:
            async with asyncio.timeout(settings.answer_seconds):
                # A name is looked up in a thread of its own: nobody else waits for a name server.
                found = await apart(
                    "printer's name",
                    partial(socket.getaddrinfo, settings.host, settings.port, type=socket.SOCK_STREAM),
                )
                reader, writer = await _connected([address for *_, address in found])
        except (OSError, UnicodeError) as error:
            raise NotBegun(f"it is not reached: {_why(error)}; see to it and to the network") from error
        try:
            yield _Line(reader, writer, settings.answer_seconds)
        finally:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(settings.answer_seconds):
                    await writer.wait_closed()


class _Line:
    """One connection. Every method raises OSError (a TimeoutError after `seconds`), EOFError or AnswerUnreadable."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
        self._reader = reader
        self._writer = writer
        self._seconds = seconds

    async def look(self) -> tuple[str | None, HostStatus | None]:
        """Return what keeps the printer from printing, and what it has to do if it can say."""
        errors = await self._ask(ASK_ERRORS, read_errors)
        if errors.flags:
            return str(errors), None  # it may be silent to the other question now
        status = await self._ask(ASK_STATUS, read_status)
        return ", ".join(status.faults) or None, status

    async def send(self, label: bytes) -> None:
        """Send all of it."""
        async with asyncio.timeout(self._seconds):
            self._writer.write(label)
            await self._writer.drain()

    async def _ask(self, question: bytes, read: Callable[[bytes], Answer | None]) -> Answer:
        answer = b""
        async with asyncio.timeout(self._seconds):
            self._writer.write(question)
            await self._writer.drain()
            while (found := read(answer)) is None:
                piece = await self._reader.read(LONGEST_ANSWER)
                if not piece:
                    raise EOFError
                answer += piece
                if len(answer) > LONGEST_ANSWER:
                    raise AnswerUnreadable(f"{answer[:40]!r} and more without an end")
        return found


async def _connected(
    addresses: Sequence[tuple[Any, ...]],
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the first address that can be. Raises the last one's OSError: a name may stand for two protocols' addresses."""
    *others, last = addresses
    for address in others:
        with contextlib.suppress(OSError):
            return await asyncio.open_connection(str(address[0]), int(address[1]))
    return await asyncio.open_connection(str(last[0]), int(last[1]))


def _why(error: Exception) -> str:
    match error:
        case TimeoutError():
            return "it does not answer"
        case EOFError():
            return "it has hung up"
        case AnswerUnreadable():
            return f"it does not speak as a label printer does ({error})"
        case OSError(errno=int(number)) if number > 0:
            return os.strerror(number)  # asyncio puts words of its own where this is
        case OSError():
            return error.strerror or str(error)
        case _:
            return str(error)
