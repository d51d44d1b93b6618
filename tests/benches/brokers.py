"""Real MQTT brokers for tests: processes on loopback, each with a port and a folder of its own."""

from __future__ import annotations

import asyncio
import getpass
import re
import secrets
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from types import TracebackType

import aiomqtt
import iotcore
import pytest

from benches.processes import PATIENCE_SECONDS, wait_for

SHIPPED = Path(__file__).parents[2] / "deploy" / "mosquitto"
"""Configurations and access list of a shared broker."""


def shipped_with_tls(places: Mapping[str, Path]) -> str:
    """Return the configuration with TLS as it is shipped, with a test's own file in each of these places."""
    text = (SHIPPED / "reflash-tls.conf").read_text()
    for place, file in places.items():
        assert place in text
        text = text.replace(place, str(file))
    return text


def free_port() -> int:
    """Return a TCP port of loopback that nobody listens on.

    It is below the range from which outgoing connections take theirs: a broker that was killed must find its port
    free again, and a client that comes back must not connect to itself.
    """
    while True:
        port = secrets.SystemRandom().randrange(10_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def installed(program: str, package: str) -> str:
    """Return where a program lies; skip the test, naming its Debian package, where it does not."""
    found = shutil.which(program, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if found is None:
        pytest.skip(f"{program} is not installed: apt-get install {package}")
    return found


class Client(aiomqtt.Client):
    """One whose housekeeping has ended when it has been left, and not some time after."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        try:
            await super().__aexit__(kind, error, at)
        finally:
            if self._misc_task is not None:
                await asyncio.wait([self._misc_task])


class Mosquitto:
    """A mosquitto that can be killed and started again on the same port."""

    def __init__(self, folder: Path, *, anonymous: bool = True, lines: tuple[str, ...] = ()) -> None:
        self.port = free_port()
        self._configuration = folder / "mosquitto.conf"
        self._process: subprocess.Popen[str] | None = None
        self._reading: threading.Thread | None = None
        self._configuration.write_text(
            "\n".join(
                (
                    f"listener {self.port} 127.0.0.1",
                    f"allow_anonymous {str(anonymous).lower()}",
                    f"user {getpass.getuser()}",
                    "log_dest stderr",
                    "log_type error",
                    "log_type information",
                    *lines,
                    "",
                )
            )
        )

    def start(self) -> None:
        """Return once it listens."""
        program = installed("mosquitto", "mosquitto")
        self._process = subprocess.Popen(
            [program, "-c", str(self._configuration)], stderr=subprocess.PIPE, text=True
        )
        log = self._process.stderr
        assert log is not None
        said = []
        for line in log:
            said.append(line)
            if "running" in line:
                # Read on, or a talkative broker would stand still before a full pipe.
                self._reading = threading.Thread(target=log.read, name="mosquitto's log")
                self._reading.start()
                return
        raise AssertionError(f"mosquitto did not start: {''.join(said)}")

    @property
    def pid(self) -> int:
        """The number of the process that runs."""
        assert self._process is not None
        return self._process.pid

    def reload(self) -> None:
        """Have it read its files again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            wait_for(self._process)
            if self._reading is not None:
                self._reading.join(PATIENCE_SECONDS)
                assert not self._reading.is_alive(), "somebody else holds mosquitto's log open"
                self._reading = None
            assert self._process.stderr is not None
            self._process.stderr.close()
            self._process = None


@contextmanager
def mosquitto(folder: Path, *, anonymous: bool = True, lines: tuple[str, ...] = ()) -> Iterator[Mosquitto]:
    """Run a mosquitto for the length of the block."""
    broker = Mosquitto(folder, anonymous=anonymous, lines=lines)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()


@contextmanager
def iotcore_broker() -> Iterator[int]:
    """Run an iotcore broker for the length of the block; yield its port."""
    with iotcore.Broker(port=free_port(), listen="127.0.0.1") as broker:
        yield broker.port


@asynccontextmanager
async def hanging_up(port: int, minded: Sequence[str]) -> AsyncIterator[int]:
    """Stand before a broker and end each connection on which one of these topics is published to; yield our own port."""

    def is_minded(heard: bytes) -> bool:
        # A topic, a packet's number and JSON, or a word: a SUBSCRIBE to it has a QoS and an end there.
        return any(re.search(re.escape(topic.encode()) + rb"..[{a-z]", heard, re.DOTALL) for topic in minded)

    async with _before(port, is_the_end=is_minded) as ours:
        yield ours


@asynccontextmanager
async def ending(port: int, topic: str) -> AsyncIterator[int]:
    """The same, but each connection ends once the broker has delivered something on a topic that ends so."""
    delivered = re.compile(re.escape(topic.encode()) + rb'..\{"', re.DOTALL)
    async with _before(port, is_the_end_after=lambda told: delivered.search(told) is not None) as ours:
        yield ours


@asynccontextmanager
async def slow(port: int, seconds: float) -> AsyncIterator[int]:
    """The same, but the broker is heard so much later."""
    async with _before(port, late=seconds) as ours:
        yield ours


@asynccontextmanager
async def babbling(port: int, words: bytes) -> AsyncIterator[int]:
    """The same, but the broker says this, too, after its first answer on each connection."""
    async with _before(port, besides=words) as ours:
        yield ours


def _never(_: bytes) -> bool:
    return False


@asynccontextmanager
async def _before(
    port: int,
    *,
    is_the_end: Callable[[bytes], bool] = _never,
    is_the_end_after: Callable[[bytes], bool] = _never,
    late: float = 0.0,
    besides: bytes = b"",
) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_broker, to_broker = await asyncio.open_connection("127.0.0.1", port)
        loop = asyncio.get_running_loop()

        def tell(data: bytes) -> None:
            if not writer.is_closing():
                writer.write(data)

        async def there() -> None:
            heard = b""
            while data := await reader.read(4096):
                heard = heard[-256:] + data
                if is_the_end(heard):
                    return
                to_broker.write(data)

        async def back() -> None:
            told = b""
            more = besides
            while data := await from_broker.read(4096):
                told = told[-256:] + data
                data, more = data + more, b""
                loop.call_later(late, tell, data) if late else tell(data)
                if is_the_end_after(told):
                    return

        ways = [asyncio.ensure_future(there()), asyncio.ensure_future(back())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in (writer, to_broker):
                end.close()
                with suppress(OSError):
                    await end.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
