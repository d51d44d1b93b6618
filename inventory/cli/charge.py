"""`reflash inventory charge`: what each party is charged for a month."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inventory.charge import statement
from inventory.charge.statement import pounds
from inventory.cli.common import (
    DEFAULT_CONFIG,
    ByOption,
    ConfigOption,
    JsonOption,
    acting,
    opened,
    print_json,
    print_table,
    said,
)
from inventory.errors import WrongInput
from inventory.moments import system_clock
from inventory.whole_file import write_whole
from station.domain.counted import counted

app = typer.Typer(help="What each party is charged for a month.", no_args_is_help=True)


@app.command()
def write(
    month: Annotated[str, typer.Argument(help="A month that is over, as 2026-11 (UTC).")],
    party: Annotated[str, typer.Option("--party", help="Who is charged, as the extract calls it.")],
    csv_file: Annotated[Path, typer.Option("--csv", help="The statement's file.")],
    by: ByOption,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Charge a party for a month, hub by hub, with the transport apart; the same month again is the same file.

    Example: reflash inventory charge write 2026-11 --party PARTY --csv november.csv --by "A. Person"
    """
    first, whose = statement.month_of(month), said(party, "--party")
    with acting(config, by) as (settings, database, who):
        if settings.charge is None:
            raise WrongInput(f"{config} has no [charge]; see docs/inventory.md")
        with database.write_alone() as connection:
            done = statement.write(connection, whose, first, settings.charge, by=who, now=system_clock())
        write_whole(csv_file, done.table)
    typer.echo(
        f"{csv_file}: {counted(done.hubs, 'hub')} at £{pounds(done.pence)}, transport £{pounds(done.transport_pence)}"
    )


@app.command("list")
def list_statements(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List what was charged, the newest month first.

    Example: reflash inventory charge list
    """
    with opened(config) as (_, database), database.read() as connection:
        rows = [
            {
                "month": f"{row.month:%Y-%m}",
                "party": row.party,
                "hubs": row.hubs,
                "pounds": pounds(row.pence),
                "transport": pounds(row.transport_pence),
                "written": row.written,
                "written_by": row.written_by,
                "sha256": row.sha256,
            }
            for row in statement.listed(connection)
        ]
    if as_json:
        print_json(rows)
    else:
        print_table(("month", "party", "hubs", "pounds", "transport", "written_by"), rows)
