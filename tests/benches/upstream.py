"""The simulated upstream as a process of its own, killed and started again at will."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benches.brokers import free_port
from benches.processes import wait_for


class Upstream:
    """One simulated inventory with its ways in."""

    def __init__(self, folder: Path, *options: object) -> None:
        self.folder = folder
        self.port = free_port()
        self._options = options
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Return once it serves."""
        command = (sys.executable, "-m", "simulators", "upstream", "--until-stdin-closes")
        where = ("--dir", self.folder, "--port", self.port)
        self._process = subprocess.Popen(
            list(map(str, (*command, *where, *self._options))),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert json.loads(self._process.stdout.readline())["ready"]

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            wait_for(self._process)
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe is not None
                pipe.close()
            self._process = None

    def ask(self, do: str, **asked: Any) -> dict[str, Any]:
        """Ask it something over its control socket."""
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(60)
            control.connect(str(self.folder / "control.sock"))
            control.sendall(json.dumps({"do": do, **asked}).encode() + b"\n")
            with control.makefile("rb") as answers:
                answer: dict[str, Any] = json.loads(answers.readline())
        assert answer["ok"], answer
        return answer

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return a whole table."""
        rows: list[dict[str, Any]] = self.ask("rows", table=table)["rows"]
        return rows

    def versions(self) -> dict[str, str]:
        """Return the version that it holds of each device."""
        return {each["id"]: each["firmware"] for each in self.rows("devices")}

    def https(self, way: str, caller: str, *, timeout_seconds: float = 2) -> str:
        """Return how it is reached, as keys of a TOML table."""
        lines = {
            "url": f"https://127.0.0.1:{self.port}/{way}",
            "ca_file": str(self.folder / "ca.pem"),
            "certificate_file": str(self.folder / f"{caller}.pem"),
            "key_file": str(self.folder / f"{caller}.key"),
        }
        text = ", ".join(f'{name} = "{value}"' for name, value in lines.items())
        return f"{{{text}, timeout_seconds = {timeout_seconds}}}"


def hub_record(chf: str, gpf: str, **others: str) -> dict[str, str]:
    """Return a hub as the inventory registers it."""
    known = {"manufacturer": "10A8", "model": "00000011", "firmware": "0001012F", "chts_version": "CHTS V1.4"}
    more = {"region": "Central", "han_variant": "DBCH", "owner": "PARTY", "status": "Pending"}
    return {"chf": chf, "gpf": gpf, **known, **more, **others}


@contextmanager
def upstream(folder: Path, hubs: Sequence[dict[str, str]], *options: object) -> Iterator[Upstream]:
    """Run one for the length of the block, with these hubs registered."""
    running = Upstream(folder, *options)
    running.start()
    try:
        running.ask("register", hubs=list(hubs))
        yield running
    finally:
        running.kill()
