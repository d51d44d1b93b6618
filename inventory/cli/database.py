"""`reflash inventory database`: its tables."""

from __future__ import annotations

import typer

from inventory.cli.common import DEFAULT_CONFIG, ConfigOption
from inventory.database import upgrade as upgrading
from inventory.database.engine import Database
from inventory.settings import load_settings

app = typer.Typer(help="The database's tables.", no_args_is_help=True)


@app.callback()
def _database() -> None:
    """Keep `upgrade` a command of its own."""


@app.command()
def upgrade(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Make the tables, or bring those of an earlier version up to date: all of it or nothing. Back up first.

    Example: reflash inventory database upgrade
    """
    with Database(load_settings(config).database) as database:
        before, after = upgrading.upgrade(database)
        if before == after:
            typer.echo(f"{database.name} is up to date ({after})")
        else:
            typer.echo(f"{database.name} has its tables ({after}{f', before {before}' if before else ''})")
