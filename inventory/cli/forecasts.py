"""`reflash inventory forecasts`: what parties say that they will ask for."""

from __future__ import annotations

from datetime import date
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
    print_table,
    requests_of,
    said,
)
from inventory.moments import system_clock
from inventory.requests import forecasts
from inventory.requests.request_file import write_table
from inventory.requests.sheet import read_sheet
from station.domain.counted import counted

app = typer.Typer(help="What parties say that they will ask for.", no_args_is_help=True)
PartyOption = Annotated[str, typer.Option("--party", help="Whose, as the extract calls it.")]


@app.command("template")
def write_template(
    path: Annotated[Path, typer.Argument(help="A file that is not there yet: .xlsx, or .csv.")],
) -> None:
    """Write the forecast that a party fills in. Provisional.

    Example: reflash inventory forecasts template forecast.csv
    """
    write_table(path, [forecasts.COLUMNS, (forecasts.TEMPLATE, "2026-12", "1200")])
    typer.echo(f"{path} is written; its second line is an example to be replaced")


@app.command("import")
def import_forecast(
    path: Annotated[Path, typer.Argument(help="The party's forecast, on the template.")],
    party: PartyOption,
    by: ByOption,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Take in what a party says of the months to come; of a month that it spoke of before, this counts.

    Example: reflash inventory forecasts import forecast.csv --party PARTY --by "A. Person"
    """
    whose, sheet = said(party, "--party"), read_sheet(path)
    months = forecasts.read_forecast(sheet)
    with acting(config, by) as (_, database, who), database.write_alone() as connection:
        forecasts.record(connection, whose, months, sheet, by=who, now=system_clock())
    typer.echo(f"{counted(len(months), 'month')} of {whose}")


@app.command()
def show(party: PartyOption, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Hold what a party said of this month and those to come against what it has asked for.

    Example: reflash inventory forecasts show --party PARTY
    """
    now = system_clock()
    with opened(config) as (settings, database), database.read() as connection:
        first, ahead = date(now.year, now.month, 1), requests_of(settings, config).forecast_months
        months = [forecasts.month_after(first, number) for number in range(ahead)]
        held = forecasts.held(connection, said(party, "--party"), months)
    rows = [{"month": f"{each.month:%Y-%m}", "forecast": each.forecast, "asked": each.asked} for each in held]
    if as_json:
        print_json(rows)
    else:
        print_table(("month", "forecast", "asked"), rows)
