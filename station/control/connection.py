"""One client's connection: lines in, with the files that came along as descriptors, and lines out.

asyncio's own streams drop descriptors (`SCM_RIGHTS`, unix(7)), so that the socket is read here.
"""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Final

_CHUNK: Final = 1 << 16
_MOST_FILES: Final = 4
"""Descriptors looked at at once; the kernel closes what is more, and all but the first are closed here."""


class LineTooLong(Exception):
    """The line is longer than it may be. Where it ends is not known, so that nothing after it can be read."""


class LineNotEnded(Exception):
    """A line was begun and did not end in time."""


class DoesNotRead(ConnectionError):
    """The client does not take what it is sent."""


class Connection:
    """Owns the socket and every descriptor that came by it and was not taken.

    Of a client that only sends, or never reads, it holds one line each way; what the kernel holds beside is the kernel's
    to bound (socket(7), `wmem_default`).
    """

    def __init__(self, client: socket.socket, longest: int, seconds: float) -> None:
        """Use a connected socket. A line may have `longest` bytes, and take `seconds` once it has begun, either way."""
        client.setblocking(False)
        self._socket = client
        self._longest = longest
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._file: int | None = None

    async def read_line(self) -> bytes:
        """Return the next line; without its end where the client left in the middle, empty where it just left.

        Waits without end for its beginning. Raises LineTooLong, LineNotEnded and ConnectionError.
        """
        if not self._buffer and not await self._receive():
            return b""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._rest_of_line()
        except TimeoutError:
            raise LineNotEnded from None

    def take_file(self) -> int | None:
        """Return the descriptor that came with the line that was read, the taker's to close; None where none did."""
        file, self._file = self._file, None
        return file

    async def left(self) -> None:
        """Return once the client has left, or sends what nobody waits for."""
        while not self._buffer and await self._receive():
            pass

    async def let_finish(self) -> None:
        """Read on to the end: whoever cannot send all of it does not look at what was answered."""
        self._buffer.clear()
        while await self._receive():
            self._buffer.clear()

    async def send(self, data: bytes) -> None:
        """Return when the kernel has it all. Raises DoesNotRead, or another ConnectionError."""
        try:
            async with asyncio.timeout(self._seconds):
                await self._loop.sock_sendall(self._socket, data)
        except TimeoutError:
            raise DoesNotRead from None

    def close(self) -> None:
        """Close the socket, and what came and was not taken."""
        self._socket.close()
        if (file := self.take_file()) is not None:
            os.close(file)

    async def _rest_of_line(self) -> bytes:
        looked_at = 0
        while (end := self._buffer.find(b"\n", looked_at)) < 0:
            looked_at = len(self._buffer)
            if looked_at > self._longest:
                raise LineTooLong
            if not await self._receive():
                end = len(self._buffer) - 1
                break
        if end > self._longest:
            raise LineTooLong
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        return line

    async def _receive(self) -> bool:
        """Take what has come, waiting for it; return whether there may be more."""
        while True:
            try:
                data, files, _, _ = socket.recv_fds(self._socket, _CHUNK, _MOST_FILES)
            except (BlockingIOError, InterruptedError):
                await self._readable()
                continue
            for file in files:
                if self._file is None:
                    os.set_inheritable(file, False)
                    self._file = file
                else:
                    os.close(file)
            self._buffer += data
            return bool(data)

    async def _readable(self) -> None:
        ready = self._loop.create_future()

        def tell() -> None:
            if not ready.done():
                ready.set_result(None)

        self._loop.add_reader(self._socket, tell)
        try:
            await ready
        finally:
            self._loop.remove_reader(self._socket)
