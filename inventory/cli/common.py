"""What the commands share: options, the database, and how they print."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer
from sqlalchemy import Connection

from inventory.database.engine import Database
from inventory.errors import WrongInput
from inventory.requests.settings import RequestSettings
from inventory.settings import InventorySettings, load_settings

ConfigOption = Annotated[
    Path, typer.Option("--config", envvar="REFLASH_INVENTORY_CONFIG", help="The inventory's TOML file.")
]
DEFAULT_CONFIG = Path("/etc/reflash-inventory/inventory.toml")
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a script instead of text.")]
ByOption = Annotated[str, typer.Option("--by", help="Who answers for it, by name.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why.")]
RequestArgument = Annotated[str, typer.Argument(help="The request, as RQ-000001.")]


class Looking(Protocol):
    """A database that is looked at: whoever has no more than this changes nothing."""

    def read(self) -> AbstractContextManager[Connection]:
        """Read, all of one moment. Raises DatabaseUnavailable."""
        ...


@contextmanager
def opened(config: Path) -> Iterator[tuple[InventorySettings, Looking]]:
    """Open the configured database, whose tables have to be of this version, to look at it."""
    with working(config) as found:
        yield found


@contextmanager
def acting(config: Path, by: str) -> Iterator[tuple[InventorySettings, Database, str]]:
    """Open the same to change something, which is always in somebody's name. Raises WrongInput for none."""
    who = said(by, "--by")
    with working(config) as (settings, database):
        yield settings, database, who


@contextmanager
def working(config: Path) -> Iterator[tuple[InventorySettings, Database]]:
    """Open the same for a program that works by itself, and decides nothing."""
    settings = load_settings(config)
    with Database(settings.database) as database:
        database.require_current()
        yield settings, database


def requests_of(settings: InventorySettings, config: Path) -> RequestSettings:
    """Return what requests are held against. Raises WrongInput where none are taken."""
    if settings.requests is None:
        raise WrongInput(f"{config} has no [requests]; see docs/inventory.md")
    return settings.requests


def said(text: str, what: str) -> str:
    """Return what a person said, without the space around it. Raises WrongInput for nothing."""
    if not text.strip() or not text.isprintable():
        raise WrongInput(f"{what} is empty, or has characters that cannot be shown")
    return text.strip()


def print_json(value: object) -> None:
    """Print one JSON value on one line."""
    typer.echo(json.dumps(value, default=str, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows as aligned text, the columns named on top."""
    texts = [["" if row[column] is None else str(row[column]) for column in columns] for row in rows]
    widths = [max(len(cell) for cell in cells) for cells in zip(columns, *texts, strict=True)]
    for cells in [list(columns), *texts]:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())
