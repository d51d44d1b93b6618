"""A broker for the occasion: mosquitto where it is installed, the simulators' own where not. Loopback only."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from simulators.mqtt_broker import mqtt_broker

_START_SECONDS = 10.0


class NoBroker(Exception):
    """No broker could be started or understood. One line: why, what to do."""


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where a broker listens, and what it is."""

    host: str
    port: int
    name: str


def parse_address(url: str) -> BrokerAddress:
    """Read `mqtt://host:port`, `host:port` or `host`. Raises NoBroker."""
    parts = urlsplit(url if "://" in url else f"mqtt://{url}")
    try:
        port = parts.port or 1883
    except ValueError as error:
        raise NoBroker(f"broker {url}: {error}") from error
    if parts.scheme != "mqtt" or not parts.hostname or parts.username or parts.path.strip("/"):
        raise NoBroker(
            f"broker {url} is not of the form mqtt://HOST:PORT; for TLS or a password use `reflash run`"
        )
    return BrokerAddress(parts.hostname, port, url)


@asynccontextmanager
async def start_broker(folder: Path) -> AsyncIterator[BrokerAddress]:
    """Run a broker on a free loopback port while the block lasts. Raises NoBroker."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if program is not None:
        async with _mosquitto(program, folder, port):
            yield BrokerAddress("127.0.0.1", port, "mosquitto")
    else:
        async with mqtt_broker(port):
            yield BrokerAddress("127.0.0.1", port, "made for the occasion")


@asynccontextmanager
async def _mosquitto(program: str, folder: Path, port: int) -> AsyncIterator[None]:
    settings = folder / "mosquitto.conf"
    settings.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_dest stderr\n"
    )
    process = await asyncio.create_subprocess_exec(
        program,
        "-c",
        str(settings),
        "-v",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    if process.stderr is None:
        raise AssertionError("its error stream was asked for")
    try:
        try:
            async with asyncio.timeout(_START_SECONDS):
                while line := await process.stderr.readline():
                    if b"running" in line:
                        break
                else:
                    raise NoBroker(f"mosquitto did not start on port {port}; see {settings}")
        except TimeoutError as error:
            raise NoBroker(f"mosquitto did not start within {_START_SECONDS:g} s") from error
        log = asyncio.create_task(_discard(process.stderr))
        try:
            yield
        finally:
            log.cancel()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def _discard(stream: asyncio.StreamReader) -> None:
    while await stream.read(1 << 16):
        pass
