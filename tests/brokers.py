"""Real MQTT brokers for tests: processes on loopback, each with a port and a folder of its own."""

from __future__ import annotations

import getpass
import secrets
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import iotcore
import pytest
from processes import PATIENCE_SECONDS, wait_for


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

    def reload(self) -> None:
        """Have it read its files again."""
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
