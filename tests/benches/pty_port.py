"""A serial port with a test at its other end: a pseudo-terminal whose slave the driver opens."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tty
from collections.abc import AsyncIterator, Callable


class PtyPort:
    """The far end of a port. Must be closed."""

    def __init__(self) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)

    def listen(self, received: Callable[[bytes], None]) -> None:
        """Hand over whatever the driver writes, from now on."""

        def readable() -> None:
            with contextlib.suppress(BlockingIOError):
                received(os.read(self._master, 65536))

        asyncio.get_running_loop().add_reader(self._master, readable)

    def stop_listening(self) -> None:
        """Let the port fill up."""
        asyncio.get_running_loop().remove_reader(self._master)

    def send(self, data: bytes) -> None:
        os.write(self._master, data)

    def close(self) -> None:
        """Unplug the port. May be called twice."""
        if self._master >= 0:
            self.stop_listening()
            os.close(self._master)
            os.close(self._slave)
            self._master = self._slave = -1


@contextlib.asynccontextmanager
async def pty_port() -> AsyncIterator[PtyPort]:
    port = PtyPort()
    try:
        yield port
    finally:
        port.close()
