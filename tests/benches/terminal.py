"""`reflash` as a process of its own, and the terminal that it draws on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
from collections.abc import AsyncIterator
from typing import Any

PROGRAM = (sys.executable, "-c", "from station.cli import main; main()")


@contextlib.asynccontextmanager
async def program(*arguments: object, **streams: Any) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(*PROGRAM, *map(str, arguments), **streams)
    try:
        yield process
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        process._transport.close()  # type: ignore[attr-defined]  # it would be closed only when collected


class Screen:
    """The far end of a terminal: what was shown, and a keyboard."""

    def __init__(self) -> None:
        self._master, self.slave = os.openpty()
        os.set_blocking(self._master, False)
        self._shown = b""
        self._more = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._master, self._read)

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._shown += os.read(self._master, 65536)
        self._more.set()

    async def until(self, text: str) -> str:
        """Return all that was shown, once the text was; what styles it is taken away."""
        while text not in (plain := re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", self._shown).decode()):
            self._more.clear()
            await self._more.wait()
        return plain

    def forget(self) -> None:
        self._shown = b""

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)
        os.close(self.slave)
