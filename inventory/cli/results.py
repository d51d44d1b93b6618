"""`reflash inventory results`: what never came, and how it comes after all."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from inventory.cli.common import (
    DEFAULT_CONFIG,
    ByOption,
    ConfigOption,
    JsonOption,
    acting,
    opened,
    print_json,
)
from inventory.intake.importing import import_export
from inventory.intake.intake import Intake
from inventory.intake.missing import missing
from inventory.moments import system_clock
from station.domain.counted import counted

app = typer.Typer(help="What stations told, and what never came.", no_args_is_help=True)


@app.command()
def gaps(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Say which messages never came, and what to run at which station. Exits 1 if any is missing.

    Example: reflash inventory results gaps
    """
    with opened(config) as (_, database), database.read() as connection:
        found = missing(connection)
    if as_json:
        print_json([{**asdict(each), "command": each.command, "line": each.line} for each in found])
    else:
        for each in found:
            typer.echo(each.line)
        if not found:
            typer.echo("nothing is missing of what has been heard of")
    if found:
        raise typer.Exit(1)


@app.command("import")
def import_journal(
    export: Annotated[Path, typer.Argument(help="What `reflash journal export` printed at the station.")],
    by: ByOption,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Take in the results of a station's journal that never came. The whole chain is checked first.

    Example: reflash inventory results import journal.jsonl --by "A. Person"
    """
    with acting(config, by) as (settings, database, who):
        done = import_export(export, Intake(database, settings.topics_of_sources, system_clock), who)
    typer.echo(
        f"{done.source}: {counted(done.new + done.known, 'result')} in the journal, {done.new} of them had never come"
    )
    if done.contradictions:
        typer.echo(f"{done.contradictions} contradict what came before: reflash inventory findings list")
        raise typer.Exit(1)
