"""One host's TCP connection on the event loop, each piece of what it sends with the time at which it came.

asyncio's transports do not tell that time, and the bus's pace is counted from it: a process that is late to read
must not make the bus slower than it is.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from typing import Final, Protocol

_SO_TIMESTAMPNS: Final = 35
"""Linux's `asm-generic/socket.h`; Python does not name it. With it the kernel stamps what arrives."""
_STAMP: Final = struct.Struct("@ll")
"""`struct timespec` on the kernel's wall clock."""
_ROOM: Final = 65_536


class Listener(Protocol):
    """Who is told of what a channel receives."""

    def received(self, data: bytes, since: float) -> None:
        """Take a piece that came at `since`, on the event loop's clock."""
        ...

    def ended(self) -> None:
        """Learn that the connection is over, whoever ended it. Comes once, and last."""
        ...


class Channel:
    """Belongs to the event loop it was made on."""

    def __init__(self, connection: socket.socket, listener: Listener) -> None:
        self._connection = connection
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._unsent = bytearray()
        self._is_closing = False
        connection.setblocking(False)
        # Answers are small, and the host waits for each.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._loop.add_reader(connection.fileno(), self._read)

    def send(self, data: bytes) -> None:
        """Send after all that was sent before; nothing once closed."""
        if self._is_closing:
            return
        if self._unsent:
            self._unsent += data
            return
        try:
            sent = self._connection.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.drop()
            return
        if sent < len(data):
            self._unsent += data[sent:]
            self._loop.add_writer(self._connection.fileno(), self._write)

    def close(self) -> None:
        """Hear nothing more, and hang up once everything has been sent. May be called twice."""
        if self._is_closing:
            return
        self._is_closing = True
        self._loop.remove_reader(self._connection.fileno())
        if not self._unsent:
            self._hang_up()

    def drop(self) -> None:
        """Hang up at once, whatever has not been sent. May be called twice."""
        if self._unsent:
            self._loop.remove_writer(self._connection.fileno())
            self._unsent.clear()
            if self._is_closing:
                self._hang_up()
        self.close()

    def _read(self) -> None:
        try:
            data, notes, _, _ = self._connection.recvmsg(_ROOM, socket.CMSG_SPACE(_STAMP.size))
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data, notes = b"", []
        if not data:
            self.drop()
            return
        since = self._loop.time()
        for level, kind, stamp in notes:
            if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
                seconds, nanoseconds = _STAMP.unpack(stamp)
                since -= max(0.0, time.time() - (seconds + nanoseconds / 1e9))
        self._listener.received(data, since)

    def _write(self) -> None:
        try:
            sent = self._connection.send(self._unsent)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.drop()
            return
        del self._unsent[:sent]
        if not self._unsent:
            self._loop.remove_writer(self._connection.fileno())
            if self._is_closing:
                self._hang_up()

    def _hang_up(self) -> None:
        self._connection.close()
        # Not from within whoever closed it.
        self._loop.call_soon(self._listener.ended)
