"""`reflash inventory redelivery`: hubs go back to the party that sent them."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from firmware_catalog.identity import Eui64
from inventory.cli.common import (
    DEFAULT_CONFIG,
    ByOption,
    ConfigOption,
    JsonOption,
    ReasonOption,
    RequestArgument,
    acting,
    opened,
    print_json,
    print_table,
    said,
)
from inventory.errors import WrongInput
from inventory.moments import system_clock
from inventory.overview import overview
from inventory.redelivery import addresses, book, telling
from inventory.redelivery.book import FATES, Wanted
from inventory.requests.book import name_of, number_of
from station.domain.counted import counted

app = typer.Typer(help="Hubs go back to the party that sent them.", no_args_is_help=True)
PalletOption = Annotated[list[str] | None, typer.Option("--pallet", help="Its code; more than once.")]
CartonOption = Annotated[list[str] | None, typer.Option("--carton", help="Its code; more than once.")]
HubOption = Annotated[
    list[str] | None,
    typer.Option(
        "--hub", "--bridge", help="The id of one that goes as it came, of a hub either; more than once."
    ),
]
DespiteOption = Annotated[
    str | None, typer.Option("--despite-missing", help="Why, although messages have not come.")
]


@app.command()
def address(
    request: RequestArgument,
    where: Annotated[str, typer.Argument(help="The whole address, on one line.")],
    reason: ReasonOption,
    by: ByOption,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Record, or amend, where a request's hubs go that have not left yet.

    Example: reflash inventory redelivery address RQ-000001 "Dock 4, 1 Some Road, Town" --reason "their mail of 3 November" --by "A. Person"
    """
    number, to = number_of(request), said(where, "the address")
    why = said(reason, "--reason")
    with acting(config, by) as (_, database, who), database.write_alone() as connection:
        addresses.amend(connection, number, to, reason=why, by=who, now=system_clock())
    typer.echo(f"what has not left of {name_of(number)} goes to: {to}")


@app.command()
def dispatch(
    request: RequestArgument,
    carrier_note: Annotated[str, typer.Option("--carrier-note", help="By whom, under which number.")],
    by: ByOption,
    pallet: PalletOption = None,
    carton: CartonOption = None,
    hub: HubOption = None,
    transport: Annotated[
        str | None, typer.Option("--transport", help="What it costs, in pounds, as 120.50.")
    ] = None,
    despite_missing: DespiteOption = None,
    despite_upstream: Annotated[
        str | None,
        typer.Option("--despite-upstream", help="Why, although a hub is not told of upstream."),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Have goods leave by pallet or carton, as the bench packed them, or hubs as they came; all of them or, with the reasons, none.

    Example: reflash inventory redelivery dispatch RQ-000001 --pallet PLT00000013 --carrier-note "carrier 4711" --by "A. Person"
    """
    number, note = number_of(request), said(carrier_note, "--carrier-note")
    despite = None if despite_missing is None else said(despite_missing, "--despite-missing")
    untold = None if despite_upstream is None else said(despite_upstream, "--despite-upstream")
    pence = None if transport is None else pence_of(transport)
    wanted = _wanted(pallet, carton, hub)
    with acting(config, by) as (_, database, who), database.write_alone() as connection:
        gone = book.dispatch(
            connection,
            number,
            wanted,
            carrier_note=note,
            transport_pence=pence,
            despite_missing=despite,
            despite_upstream=untold,
            by=who,
            now=system_clock(),
        )
    if as_json:
        print_json({"dispatch": gone.name, "hubs": gone.hubs, "address": gone.address})
        return
    typer.echo(f"{gone.name}: {counted(gone.hubs, gone.family)} to {gone.address}")


@app.command()
def fate(
    number: Annotated[str, typer.Argument(help="What left, as DP-000001.")],
    became: Annotated[str, typer.Argument(help="delivered, refused (it came back), short, or lost.")],
    reason: ReasonOption,
    by: ByOption,
    pallet: PalletOption = None,
    carton: CartonOption = None,
    hub: HubOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Record what became of goods on their way: of all that are still on it, or of those that are named.

    Example: reflash inventory redelivery fate DP-000001 short --hub 88-73-84-00-00-00-00-01 --reason "one missing" --by "A. Person"
    """
    if became not in FATES:
        raise WrongInput(f"{became[:20]!r} is none of {', '.join(FATES)}")
    which, why = book.dispatch_number(number), said(reason, "--reason")
    wanted = _wanted(pallet, carton, hub)
    with acting(config, by) as (_, database, who), database.write_alone() as connection:
        hubs = book.record_fate(connection, which, became, wanted, reason=why, by=who, now=system_clock())
    typer.echo(f"{book.dispatch_name(which)}: {counted(hubs, 'hub')} {became}")


@app.command()
def show(
    request: RequestArgument, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False
) -> None:
    """Show where a request's hubs go, what left, and what became of it.

    Example: reflash inventory redelivery show RQ-000001
    """
    number = number_of(request)
    with opened(config) as (_, database), database.read() as connection:
        overview(connection, number)
        where = addresses.address_of(connection, number)
        rows = book.listed(connection, number)
    if as_json:
        print_json({"address": where, "dispatches": rows})
        return
    typer.echo(f"what has not left goes to: {where or 'no address was given yet'}")
    for row in rows:
        became = ", ".join(f"{hubs} {fate}" for fate, hubs in sorted(row["fates"].items()))
        typer.echo(f"{row['dispatch']}  {row['dispatched']:%Y-%m-%d}  {row['carrier_note']}: {became}")


@app.command()
def done(
    request: RequestArgument,
    by: ByOption,
    despite_missing: DespiteOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Have the party told what became of each of its hubs, and which are scrapped and not re-delivered.

    Example: reflash inventory redelivery done RQ-000001 --by "A. Person"
    """
    number = number_of(request)
    despite = None if despite_missing is None else said(despite_missing, "--despite-missing")
    with acting(config, by) as (_, database, who), database.write_alone() as connection:
        outcomes = telling.tell_done(connection, number, despite_missing=despite, by=who, now=system_clock())
    typer.echo(", ".join(f"{hubs} {outcome}" for outcome, hubs in sorted(outcomes.items())))


@app.command("recalled")
def list_recalled(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List cartons whose release was withdrawn after they were packed, and where each is.

    Example: reflash inventory redelivery recalled
    """
    with opened(config) as (_, database), database.read() as connection:
        rows = [
            {
                **row._mapping,  # noqa: SLF001 - its public name
                "dispatch": None if row.dispatch is None else book.dispatch_name(row.dispatch),
            }
            for row in telling.recalled(connection)
        ]
    if as_json:
        print_json(rows)
    else:
        print_table(
            ("carton", "pallet", "work_order", "party", "hubs", "firmware", "source", "dispatch", "fate"),
            rows,
        )


@app.command()
def recall(
    request: RequestArgument, reason: ReasonOption, by: ByOption, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Have the party told which of its hubs that left are recalled.

    Example: reflash inventory redelivery recall RQ-000001 --reason "release 0002012F was withdrawn" --by "A. Person"
    """
    number, why = number_of(request), said(reason, "--reason")
    with acting(config, by) as (_, database, who), database.write_alone() as connection:
        hubs = telling.tell_recalled(connection, number, reason=why, by=who, now=system_clock())
    typer.echo(f"{counted(hubs, 'hub')} of {name_of(number)} {'is' if hubs == 1 else 'are'} called back")


def _wanted(pallets: list[str] | None, cartons: list[str] | None, hubs: list[str] | None) -> Wanted:
    codes = [each.strip().upper() for each in pallets or []], [each.strip().upper() for each in cartons or []]
    return Wanted(*codes, [Eui64.parse(each) for each in hubs or []])


def pence_of(text: str) -> int:
    """Return pence by pounds as people write them. Raises WrongInput."""
    try:
        pence = Decimal(text.removeprefix("£")) * 100
    except InvalidOperation as error:
        raise WrongInput(f"{text[:20]!r} is no sum in pounds, as 120.50") from error
    if not (pence.is_finite() and 0 <= pence < 10**9 and pence == pence.to_integral_value()):
        raise WrongInput(f"{text[:20]!r} is no sum in pounds, as 120.50")
    return int(pence)
