"""`reflash run` as a process of its own, to be killed and started again."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

REFLASH = str(Path(sys.executable).with_name("reflash"))
START_SECONDS = 60.0
STOP_SECONDS = 60.0


def toml(value: Any) -> str:
    """Write plain data as a TOML value; tables stand inline."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(key))} = {toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


class StationProcess:
    """A daemon with its configuration and its log; one life after the other."""

    def __init__(
        self, folder: Path, settings: dict[str, Any], program: Sequence[str] = (REFLASH, "run", "--config")
    ) -> None:
        """Prepare; the program is given the configuration's path."""
        self.state = Path(settings["state_directory"])
        self.log = folder / "station.log"
        self._folder = folder
        self._program = program
        self.config = folder / "station.toml"
        self.config.write_text("\n".join(f"{key} = {toml(value)}" for key, value in settings.items()) + "\n")
        self._process: asyncio.subprocess.Process | None = None
        self._ready: socket.socket | None = None

    @property
    def pid(self) -> int:
        """The process id of the life that lasts."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Begin a life; it is ready some time later."""
        address = self._folder / "notify.sock"
        address.unlink(missing_ok=True)
        self._ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._ready.bind(str(address))
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._program,
                str(self.config),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "NOTIFY_SOCKET": str(address)},
            )

    async def until_ready(self) -> None:
        """Wait for the word that the service manager would wait for; return at once if it was said."""
        assert self._process is not None
        if self._ready is None:
            return
        loop = asyncio.get_running_loop()
        said = asyncio.ensure_future(loop.sock_recv(self._ready, 4096))
        ended = asyncio.ensure_future(self._process.wait())
        try:
            async with asyncio.timeout(START_SECONDS):
                await asyncio.wait((said, ended), return_when=asyncio.FIRST_COMPLETED)
            self._assert_alive()
            assert said.result() == b"READY=1"
            self._close()
        finally:
            said.cancel()
            ended.cancel()
            await asyncio.gather(said, ended, return_exceptions=True)

    async def kill(self) -> None:
        """End the life as a power cut would."""
        assert self._process is not None
        self._assert_alive()
        self._process.kill()
        await self._process.wait()
        self._close()

    async def stop(self) -> int:
        """Ask it to end; return its exit code."""
        assert self._process is not None
        self._assert_alive()
        self._process.terminate()
        async with asyncio.timeout(STOP_SECONDS):
            code = await self._process.wait()
        self._close()
        return code

    async def end(self) -> None:
        """Leave nothing running, however a run ended."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        self._close()

    def _assert_alive(self) -> None:
        assert self._process is not None
        if self._process.returncode is not None:
            end = self.log.read_text(errors="replace")[-3000:]
            raise AssertionError(f"the station ended by itself with {self._process.returncode}:\n{end}")

    def _close(self) -> None:
        if self._ready is not None:
            self._ready.close()
            self._ready = None
