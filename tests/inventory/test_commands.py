"""The commands, as somebody types them."""

from __future__ import annotations

import inspect
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
from inventory.cli import program
from inventory.database.engine import Database
from inventory.database.migrating import newest_revision
from inventory.intake.intake import Heard, Intake
from inventory.log import LogSettings, configure_logging
from inventory.moments import system_clock
from inventory.requests.settings import RequestSettings
from inventory.web.app import web_app
from inventory.web.callers import Callers

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
        ("database = 1", "database: it has to be a text: in quotation marks"),
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


def commands_of(group: Any, *before: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands_of(command, *before, name)
        else:
            yield (*before, name), command


def test_each_command_shows_an_example(inventory: Typed) -> None:
    every = [name for name, _ in commands_of(get_command(program()))]
    assert ("redelivery", "dispatch") in every
    for command in every:
        code, said = inventory(*command, "--help")
        assert code == 0
        assert f"Example: reflash inventory {' '.join(command)}" in " ".join(said.split())


PROGRAMS = {
    *(("run",), ("serve",), ("upstream", "run")),  # they work by themselves
    ("pages",),  # its acts are in the name of whoever proves it, each
    ("notices", "send"),  # does now what `run` does, once
    ("database", "upgrade"),  # of the tables, not of what is in them
}
"""What changes the database in nobody's name, since nobody decides anything by it."""


def test_whoever_changes_anything_says_who_they_are(tmp_path: Path) -> None:
    """The whole command line and the whole REST: acts take a name, and what takes none can only look (`opened`)."""
    looks, acts = set(), set()
    for name, command in commands_of(get_command(program())):
        by = next((each for each in command.params if each.name == "by"), None)
        text = inspect.getsource(command.callback)
        if by is not None:
            assert by.required, name
            acts.add(name)
        elif name not in PROGRAMS:
            words = ("acting(", "working(", "Database(", "database.write")
            assert [word for word in words if word in text] == [], name
            looks.add(name)
    assert {("redelivery", "recall"), ("notices", "again"), ("results", "import")} <= acts
    assert {("requests", "show"), ("hubs", "show"), ("results", "gaps")} <= looks
    settings = RequestSettings(orders_folder=tmp_path, releases=())
    with Database(f"sqlite:///{tmp_path}/x.db") as database:
        described = web_app(database, Callers(()), settings, system_clock).openapi()
    forms = described["components"]["schemas"]
    bodies = [
        way["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for ways in described["paths"].values()
        for method, way in ways.items()
        if method != "get"
    ]
    assert len(bodies) >= 7
    assert [each for each in bodies if "by" not in forms[each]["required"]] == []


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
