"""`reflash inventory hubs`: asset records."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from firmware_catalog.identity import Eui64
from inventory.assets import asset
from inventory.cli.common import DEFAULT_CONFIG, ConfigOption, JsonOption, opened, print_json, print_table
from inventory.errors import WrongInput

app = typer.Typer(help="Asset records.", no_args_is_help=True)


@app.callback()
def _hubs() -> None:
    """Keep `show` a command of its own."""


@app.command()
def show(
    guid: Annotated[str, typer.Argument(help="A hub's CHF or GPF id, in any usual form.")],
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Show a hub as it is known, and what its devices said that they run, with the evidence.

    Example: reflash inventory hubs show 88-73-84-00-00-00-00-01
    """
    either_id = Eui64.parse(guid)
    with opened(config) as (_, database), database.read() as connection:
        found = asset(connection, either_id)
    if found is None:
        raise WrongInput(f"no station has told of a hub {either_id}")
    history = [asdict(each) for each in found.history]
    if as_json:
        print_json({"hub": found.hub, "history": history})
        return
    for name, value in found.hub.items():
        if value is not None:
            typer.echo(f"{name}: {value}")
    for row in history:
        row["finished"] = f"{row['finished']:%Y-%m-%d %H:%M:%S}Z"
    if history:
        typer.echo()
        print_table(("finished", "role", "device", "firmware", "outcome", "work_order", "event_id"), history)
