"""A station of a fleet as the world has it: a process to start, to talk to and to kill."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from fleet_station import Part

from benches.processes import wait_for
from station.messages.topics import Topics


class Station:
    """One station's process, killed and started again at will."""

    def __init__(self, part: Part, log: Path, before: int) -> None:
        """Prepare. `before` is how many results its journal holds already."""
        self.part = part
        self.results = before + sum(len(life.attempts) for life in part.lives())
        """How many it has in the end."""
        self.topics = Topics(part.site, part.station)
        self._log = log
        self._process: subprocess.Popen[str] | None = None
        self._goes = False

    @property
    def journal(self) -> Path:
        return Path(self.part.folder)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Begin a life, which plays on if the one before did."""
        program = str(Path(__file__).with_name("fleet_station.py"))
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, program, json.dumps(asdict(self.part))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )
        if self._goes:
            self.tell("go")

    def until_ready(self) -> None:
        """Wait until its orders are in its journal."""
        assert self._process is not None
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            raise AssertionError(f"{self.topics.source} did not start: {self._log.read_text()[-3000:]}")

    def go(self) -> None:
        """Have it play."""
        self._goes = True
        self.tell("go")

    def tell(self, line: str) -> None:
        """Type a line."""
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._ended_by_itself() from None

    def require_alive(self) -> None:
        """Raise AssertionError if it has ended by itself."""
        assert self._process is not None
        if self._process.poll() is not None:
            raise self._ended_by_itself()

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._end()

    def stop(self) -> None:
        """Have it end by itself."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._end()

    def _ended_by_itself(self) -> AssertionError:
        return AssertionError(f"{self.topics.source} ended by itself: {self._log.read_text()[-3000:]}")

    def _end(self) -> None:
        assert self._process is not None
        wait_for(self._process)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()
        self._process = None
