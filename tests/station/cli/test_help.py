"""Every command says what it does and shows an example that it would take."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import pytest
import typer.main

from station.cli import program


def commands(command: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command below this one with its path."""
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name, child in command.commands.items():
        yield from commands(child, *path, name)


COMMANDS = dict(commands(typer.main.get_command(program())))


def test_there_are_the_commands_of_the_design() -> None:
    assert {path[0] for path in COMMANDS} >= {"demo", "run", "flash", "catalog", "orders", "journal"}


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_ends_with_an_example_that_the_command_takes(path: tuple[str, ...], reflash: Any) -> None:
    said = reflash(*path, "--help")
    assert said.code == 0
    example = COMMANDS[path].help.rpartition("Example: ")[2]
    shown = said.out.partition("Example: ")[2].split()  # wherever its lines are wrapped, words stay whole
    assert shown[: len(example.split())] == example.split()
    program, *words = shlex.split(example.partition(">")[0])
    assert program == "reflash"
    assert tuple(words[: len(path)]) == path
    with COMMANDS[path].make_context(path[-1], words[len(path) :]):
        pass  # it parses: every option is known and every argument there


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_an_unknown_option_is_wrong_use(path: tuple[str, ...], reflash: Any) -> None:
    said = reflash(*path, "--no-such-option")
    assert said.code == 2
    assert "--no-such-option" in said.err


def test_no_command_shows_the_commands(reflash: Any) -> None:
    assert "Commands:" in reflash("--help").out
    assert reflash("nonsense").code == 2


def test_the_program_says_its_version(reflash: Any) -> None:
    said = reflash("--version")
    assert (said.code, said.out) == (0, f"reflash-station {version('reflash-station')}\n")
