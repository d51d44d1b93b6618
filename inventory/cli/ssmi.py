"""`reflash inventory ssmi`: the file by which DCC Logistics updates the Smart Metering Inventory."""

from __future__ import annotations

from typing import Annotated

import typer

from inventory.cli.common import DEFAULT_CONFIG, ByOption, ConfigOption, opened, said
from inventory.errors import WrongInput
from inventory.moments import system_clock
from inventory.ssmi import update as updating
from inventory.whole_file import write_whole
from station.domain.counted import counted

app = typer.Typer(help="Files for the SSMI (Option B). Their form is provisional.", no_args_is_help=True)


@app.callback()
def _ssmi() -> None:
    """Keep `write` a command of its own."""


@app.command()
def write(
    work_order: Annotated[str, typer.Argument(help="A work order that the bench has closed.")],
    by: ByOption,
    despite_missing: Annotated[
        str | None,
        typer.Option("--despite-missing", help="Why it is written although results have not come."),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Write an order's hubs and the versions that they said last, with count and SHA-256 beside it, for the upload to the SSMI.

    Example: reflash inventory ssmi write WO-2031 --by "A. Person"
    """
    who = said(by, "--by")
    despite = None if despite_missing is None else said(despite_missing, "--despite-missing")
    with opened(config) as (settings, database):
        if settings.ssmi is None:
            raise WrongInput(f"{config} has no [ssmi]; see docs/inventory.md")
        with database.write_alone() as connection:
            update = updating.update_of(connection, work_order, despite_missing=despite is not None)
            file = updating.file_of(update, settings.ssmi)
            updating.note(connection, update, file, by=who, despite=despite, now=system_clock())
        # The table comes last: whoever finds it has its notice.
        write_whole(settings.ssmi.folder / f"{file.name}.json", file.notice)
        write_whole(settings.ssmi.folder / f"{file.name}.csv", file.table)
    typer.echo(f"{settings.ssmi.folder / file.name}.csv has {counted(len(update.told), 'hub')}")
    for chf, reason in update.held:
        typer.echo(f"held  {chf}  {reason}")
