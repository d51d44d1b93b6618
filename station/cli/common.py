"""What the commands share: options, errors, and how they print."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import signal
import sys
import threading
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from station.settings import StationSettings

ConfigOption = Annotated[
    Path,
    typer.Option("--config", envvar="REFLASH_CONFIG", help="The station's TOML file.", show_default=True),
]
DEFAULT_CONFIG = Path("/etc/reflash/station.toml")

_T = TypeVar("_T")

ByOption = Annotated[
    str | None,
    typer.Option(
        help="Who answers for it, by pseudonym (reflash operators add); without it whoever works there. At the desk socket "
        "a supervisor's name or pseudonym, whose PIN is asked for."
    ),
]

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a script instead of text.")]


class UsageError(Exception):
    """The command was called with something it cannot work with. One line, exit code 2."""


class WorkFailed(Exception):
    """The command was right, its work failed. One line, exit code 1."""


def require_stations_user(settings: StationSettings) -> None:
    """Refuse to leave files in the station's folders that its daemon could not change. Raises UsageError."""
    state = settings.state_directory
    try:
        owner = state.stat().st_uid
    except OSError:
        return  # not there yet; what cannot be reached says so itself
    if owner != os.geteuid():
        raise UsageError(
            f"{state} belongs to another user; run this as that user: sudo -u '#{owner}' reflash ..."
        )


def ask_unseen(question: str) -> str:
    """Read a line that nobody else is to see: typed without being shown, or from a pipe. Raises UsageError for none."""
    line = getpass.getpass(f"{question}: ") if sys.stdin.isatty() else sys.stdin.readline()
    if not line.strip():
        raise UsageError(f"nothing was given: {question} is read from the terminal, or from standard input")
    return line.strip()


def first_of(group: BaseExceptionGroup[Exception]) -> Exception:
    """Return the first error of a group of groups: what failed side by side is told once."""
    inner = group.exceptions[0]
    return first_of(inner) if isinstance(inner, BaseExceptionGroup) else inner


def run_to_its_end(work: Coroutine[Any, Any, _T]) -> _T:
    """Run work that leaves something behind unless it is let clean up: SIGTERM cancels it, as Ctrl+C does."""

    async def cancellable() -> _T:
        task = asyncio.current_task()
        if task is not None and threading.current_thread() is threading.main_thread():
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    try:
        return asyncio.run(cancellable())
    except asyncio.CancelledError:
        raise typer.Exit(128 + signal.SIGTERM) from None


def print_json(value: object) -> None:
    """Print one JSON value on one line."""
    typer.echo(json.dumps(value, default=str, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows as aligned text, the columns named on top."""
    texts = [[str(row[column]) for column in columns] for row in rows]
    widths = [max(len(cell) for cell in cells) for cells in zip(columns, *texts, strict=True)]
    for cells in [list(columns), *texts]:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())
