"""`reflash inventory charge`: what each party is charged for a month."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inventory.charge import statement
from inventory.charge.lines import pounds
from inventory.charge.settings import ChargeSettings
from inventory.charge.statement import Statement
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
from inventory.settings import InventorySettings
from inventory.whole_file import write_whole
from station.domain.counted import counted

app = typer.Typer(help="What each party is charged for a month.", no_args_is_help=True)
PartyOption = Annotated[str, typer.Option("--party", help="Who is charged, as the extract calls it.")]


@app.command()
def write(
    month: Annotated[str, typer.Argument(help="A month that is over, as 2026-11 (UTC).")],
    party: PartyOption,
    csv_file: Annotated[Path, typer.Option("--csv", help="The statement's file.")],
    by: ByOption,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Charge a party for a month, hub by hub, with the transport apart; the same month again is the same file.

    Example: reflash inventory charge write 2026-11 --party PARTY --csv november.csv --by "A. Person"
    """
    first, whose = statement.month_of(month), said(party, "--party")
    with acting(config, by) as (settings, database, who):
        prices = _prices(settings, config)
        with database.write_alone() as connection:
            done = statement.write(connection, whose, first, prices, by=who, now=system_clock())
        write_whole(csv_file, done.table)
    typer.echo(f"{csv_file}: {_summed(done)}")


@app.command()
def preview(
    month: Annotated[str, typer.Argument(help="A month, over or not, as 2026-11 (UTC).")],
    party: PartyOption,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Show what a party's statement of a month would be as things stand now. Nothing is written, and nobody charged.

    Example: reflash inventory charge preview 2026-11 --party PARTY
    """
    first, whose = statement.month_of(month), said(party, "--party")
    with opened(config) as (settings, database), database.read() as connection:
        found = statement.preview(connection, whose, first, _prices(settings, config))
    if as_json:
        sums = {"pounds": found.pence, "credit": found.credit_pence, "transport": found.transport_pence}
        said_of = {name: pounds(pence) for name, pence in (*sums.items(), ("total", found.total_pence))}
        print_json({"month": month, "party": whose, "hubs": found.hubs, "credits": found.credits, **said_of})
        return
    typer.echo(found.table.decode().replace("\r\n", "\n"), nl=False)
    typer.echo(_summed(found), err=True)


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
                "credits": row.credits,
                "credit": pounds(row.credit_pence),
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
        print_table(
            ("month", "party", "hubs", "pounds", "credits", "credit", "transport", "written_by"), rows
        )


def _summed(of: Statement) -> str:
    back = f", {counted(of.credits, 'hub')} given back at £{pounds(of.credit_pence)}" if of.credits else ""
    return f"{counted(of.hubs, 'hub')} at £{pounds(of.pence)}{back}, transport £{pounds(of.transport_pence)}"


def _prices(settings: InventorySettings, config: Path) -> ChargeSettings:
    if settings.charge is None:
        raise WrongInput(f"{config} has no [charge]; see docs/inventory.md")
    return settings.charge
