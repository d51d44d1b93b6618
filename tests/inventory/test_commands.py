"""The commands, as somebody types them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import structlog
from typer.main import get_command

from benches.told_results import SOURCE, TOPICS, SayingStation, chf_of, gpf_of
from inventory.cli import app
from inventory.database.engine import Database
from inventory.database.migrating import newest_revision
from inventory.intake.intake import Heard, Intake
from inventory.log import LogSettings, configure_logging
from inventory.moments import system_clock

CONFIG = """
database = "sqlite:///{folder}/inventory.db"
[[stations]]
site = "north-site"
station = "bench-1"
"""

Typed = Callable[..., tuple[int, str]]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "inventory.toml"
    path.write_text(CONFIG.format(folder=tmp_path))
    return path


@pytest.fixture
def typed(inventory: Typed, config: Path) -> Typed:
    return lambda *arguments: inventory(*arguments, "--config", config)


def test_from_an_empty_database_to_what_is_known_missing_and_to_be_looked_into(
    typed: Typed, tmp_path: Path
) -> None:
    code, said = typed("hubs", "show", chf_of(1))
    assert (code, "reflash inventory database upgrade" in said) == (1, True)
    assert typed("database", "upgrade")[0] == 0
    assert typed("database", "upgrade")[1].strip().endswith(f"is up to date ({newest_revision()})")
    assert typed("results", "gaps") == (0, "nothing is missing of what has been heard of\n")
    assert typed("findings", "list") == (0, "nothing is to be looked into\n")
    station = SayingStation()
    said_of = [station.result(hub) for hub in (1, 2, 3)]
    with Database(f"sqlite:///{tmp_path}/inventory.db") as database:
        intake = Intake(database, {SOURCE: TOPICS}, system_clock)
        intake.take_heard([said_of[0], said_of[2]])
        intake.take_heard([Heard("reflash/v1/x", b"nonsense")])
    code, said = typed("results", "gaps")
    assert code == 1
    assert said == f"result 2 of {SOURCE} never came; there, run: reflash journal republish 2 2\n"
    assert json.loads(typed("results", "gaps", "--json")[1])[0]["command"] == "reflash journal republish 2 2"
    code, said = typed("hubs", "show", gpf_of(1).replace("-", ""))
    assert code == 0
    assert f"device: {chf_of(1)}\n" in said
    assert said_of[0].event["id"] in said
    found: dict[str, Any] = json.loads(typed("hubs", "show", chf_of(3), "--json")[1])
    assert found["hub"]["firmware"] == "0002012F"
    assert {each["role"] for each in found["history"]} == {"CHF", "GPF"}
    assert "no station has told" in typed("hubs", "show", chf_of(2))[1]
    number = json.loads(typed("findings", "list", "--json")[1])[0]["id"]
    assert typed("findings", "payload", number) == (0, "nonsense")
    assert typed("findings", "settle", number, "--by", " ", "--reason", "x")[0] == 2
    assert typed("findings", "settle", number, "--by", "A. Person", "--reason", "a test")[0] == 0
    assert typed("findings", "settle", number, "--by", "A. Person", "--reason", "a test")[0] == 2
    assert typed("findings", "list")[1] == "nothing is to be looked into\n"


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ("database = 1", "database: Input should be a valid string"),
        ("colour = 1\n" + CONFIG, "unknown key colour; remove it"),
        (CONFIG + "[[stations]]\nsite = 'north-site'\nstation = 'bench-1'\n", "stands there twice"),
        (CONFIG + "[mqtt]\npassword_file = '/x'\n", "password_file needs username"),
        (CONFIG.partition("[[")[0], "stations is missing"),
        (CONFIG.replace("sqlite", "oracle"), "neither a file of SQLite nor PostgreSQL"),
        ("[", "is no TOML file"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_one_line(
    typed: Typed, config: Path, wrong: str, line: str
) -> None:
    config.write_text(wrong)
    code, said = typed("results", "gaps")
    assert code == 2
    assert line in said


def commands_of(group: Any, *before: str) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands_of(command, *before, name)
        else:
            yield (*before, name)


def test_each_command_shows_an_example(inventory: Typed) -> None:
    every = list(commands_of(get_command(app)))
    assert ("redelivery", "dispatch") in every
    for command in every:
        code, said = inventory(*command, "--help")
        assert code == 0
        assert f"Example: reflash inventory {' '.join(command)}" in " ".join(said.split())


def test_a_log_that_nobody_reads_any_more_ends_nobodys_work(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w")
    for gone in (stream, None):
        monkeypatch.setattr(sys, "stderr", gone)
        configure_logging(LogSettings(format="json"))
        structlog.get_logger().error("nobody hears this")
    with suppress(OSError):
        stream.close()
