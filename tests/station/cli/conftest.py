"""The `reflash` program as a user meets it: arguments in, exit code and lines out."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

import station.cli
from benches import brokers
from benches.station_bench import Bench, at_broker
from benches.station_config import write_config


@dataclass(frozen=True)
class Said:
    """What one run of the program said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self
        return json.loads(self.out)

    @property
    def refused(self) -> str:
        """The one line that says why this cannot be asked for so."""
        assert self.code == 2, self
        return self.complaint

    @property
    def failed(self) -> str:
        """The one line that says why it could not be done."""
        assert self.code == 1, self
        return self.complaint

    @property
    def complaint(self) -> str:
        """The one line of a refusal, without the program's name."""
        (line,) = self.err.splitlines()
        assert line.startswith("reflash: "), line
        assert not self.out
        return line.removeprefix("reflash: ")


@pytest.fixture
def reflash(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., Said]:
    """Run the program in this process, by its entry point, in a home of its own: answers given by hand count from there.

    What a daemon of the test logs beside it stands apart from what it says.
    """
    monkeypatch.setenv("HOME", str(tmp_path))
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.__stderr__))

    def run(*arguments: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["reflash", *map(str, arguments)])
        capsys.readouterr()
        code = 0
        try:
            station.cli.main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        return Said(code, *capsys.readouterr())

    return run


@pytest.fixture
def config(bench: Bench, tmp_path: Path, shared_broker: brokers.Mosquitto) -> Path:
    """Return the configuration of a station with one slot, whose log a program can read."""
    settings = bench.settings(
        tmp_path / "state",
        {"jig1": [1]},
        **at_broker(shared_broker.port),
        log={"format": "json", "level": "info"},
    )
    return write_config(tmp_path / "station.toml", settings)
