"""What the commands share: options, errors, and how they print."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

ConfigOption = Annotated[
    Path,
    typer.Option("--config", envvar="REFLASH_CONFIG", help="The station's TOML file.", show_default=True),
]
DEFAULT_CONFIG = Path("/etc/reflash/station.toml")

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a script instead of text.")]


class UsageError(Exception):
    """The command was called with something it cannot work with. One line, exit code 2."""


class WorkFailed(Exception):
    """The command was right, its work failed. One line, exit code 1."""


def print_json(value: object) -> None:
    """Print one JSON value on one line."""
    typer.echo(json.dumps(value, default=str, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows as aligned text, the columns named on top."""
    texts = [[str(row[column]) for column in columns] for row in rows]
    widths = [max(len(cell) for cell in cells) for cells in zip(columns, *texts, strict=True)]
    for cells in [list(columns), *texts]:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())
