"""The demonstration's screen: `reflash screen`, a process of its own as at a bench."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

_USUAL_PORT: Final = 8080
_START_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 0.1


class NoScreen(Exception):
    """The screen did not start. One line."""


@asynccontextmanager
async def start_screen(desk: Path, reports: Path) -> AsyncIterator[str]:
    """Serve this desk and these reports to the computer's own browsers; yield the address. Raises NoScreen."""
    port = _free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from station.program import main; main()"),
        *("screen", "--without-login", "--port", str(port), "--desk", str(desk), "--reports", str(reports)),
        stdout=asyncio.subprocess.DEVNULL,
        start_new_session=True,  # Ctrl+C is for the demonstration, which ends its screen itself
    )
    try:
        await _until_it_listens(process, port)
        yield f"http://127.0.0.1:{port}/"
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def until_interrupted() -> None:
    """Wait for Ctrl+C."""
    pressed = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, pressed.set)
    try:
        await pressed.wait()
    finally:
        loop.remove_signal_handler(signal.SIGINT)


async def _until_it_listens(process: asyncio.subprocess.Process, port: int) -> None:
    try:
        async with asyncio.timeout(_START_SECONDS):
            while True:
                if process.returncode is not None:
                    raise NoScreen("the screen did not start: see above")
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(_LOOK_SECONDS)
                else:
                    writer.close()
                    return
    except TimeoutError as error:
        raise NoScreen(f"the screen did not start in {_START_SECONDS:g} s") from error


def _free_port() -> int:
    """Return the usual port, or any where that is taken."""
    for port in (_USUAL_PORT, 0):
        with socket.socket() as free, suppress(OSError):
            free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            free.bind(("127.0.0.1", port))
            return int(free.getsockname()[1])
    raise NoScreen("no port is free for the screen on 127.0.0.1")
