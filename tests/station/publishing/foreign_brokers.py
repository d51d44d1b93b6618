"""MQTT brokers beside mosquitto, each a process of its own on loopback with a folder of its own: NATS and RabbitMQ."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from benches import brokers
from benches.processes import PATIENCE_SECONDS, run, wait_for

RABBITMQ = Path("/usr/lib/rabbitmq/bin")


class ForeignBroker(ABC):
    """A broker that can be killed and started again on the same port."""

    ready: str
    """What its log says once it listens."""

    def __init__(self, folder: Path) -> None:
        self.port = brokers.free_port()
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def _command(self) -> tuple[list[str], dict[str, str]]:
        """Return the command, and what it finds in its environment."""

    def start(self) -> None:
        """Return once it listens."""
        command, environment = self._command()
        log = self.folder / "log"
        with log.open("w") as output:
            self._process = subprocess.Popen(
                command, env=os.environ | environment, stdout=output, stderr=output, start_new_session=True
            )
        until = time.monotonic() + PATIENCE_SECONDS
        while self.ready not in log.read_text():
            assert self._process.poll() is None, f"{command[0]} did not start: {log.read_text()[-2000:]}"
            assert time.monotonic() < until, f"{command[0]} is not ready: {log.read_text()[-2000:]}"
            time.sleep(0.05)

    def kill(self) -> None:
        """End it as a power cut would, and what it has started."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            wait_for(self._process)
            self._process = None

    def close(self) -> None:
        """Leave nothing running."""
        self.kill()


class Nats(ForeignBroker):
    """nats-server; its MQTT keeps messages in JetStream, so that has to be on."""

    ready = "Server is ready"

    def __init__(self, folder: Path, more: str = "") -> None:
        super().__init__(folder)
        self._program = brokers.installed("nats-server", "nats-server")
        self._configuration = folder / "nats.conf"
        self._configuration.write_text(
            f'listen: "127.0.0.1:{brokers.free_port()}"\nserver_name: judge\n'
            f'jetstream {{ store_dir: "{folder}" }}\nmqtt {{ listen: "127.0.0.1:{self.port}" }}\n{more}\n'
        )

    def _command(self) -> tuple[list[str], dict[str, str]]:
        return [self._program, "-c", str(self._configuration)], {}


class RabbitMq(ForeignBroker):
    """rabbitmq-server with its MQTT plugin, as a node of its own with a name server of its own."""

    ready = "Server startup complete"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        brokers.installed("rabbitmqctl", "rabbitmq-server")
        names, nodes = brokers.free_port(), brokers.free_port()
        self._environment = {
            "HOME": str(folder),
            "RABBITMQ_NODENAME": "judge@localhost",
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbit"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
            "RABBITMQ_DIST_PORT": str(nodes),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_PORT": str(names),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        (folder / "plugins").write_text("[rabbitmq_mqtt].\n")
        (folder / "rabbit.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{brokers.free_port()}\n"
            f"mqtt.listeners.tcp.1 = 127.0.0.1:{self.port}\n"
            "log.console.level = info\n"
        )
        # Else the node would start one that nobody ends.
        self._name_server = subprocess.Popen(
            ["epmd", "-address", "127.0.0.1", "-port", str(names)], stderr=subprocess.DEVNULL
        )

    def _command(self) -> tuple[list[str], dict[str, str]]:
        return [str(RABBITMQ / "rabbitmq-server")], self._environment

    def control(self, *arguments: str) -> None:
        """Have its own program change something in the running node."""
        environment: Any = os.environ | self._environment
        run(
            [RABBITMQ / "rabbitmqctl", "-q", *arguments],
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def close(self) -> None:
        """Leave nothing running."""
        super().close()
        self._name_server.kill()
        wait_for(self._name_server)
