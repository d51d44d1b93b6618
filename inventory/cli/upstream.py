"""`reflash inventory upstream`: what the Smart Metering Inventory was told, and what a person has to do about it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from firmware_catalog.identity import Eui64
from inventory.cli.common import (
    DEFAULT_CONFIG,
    ByOption,
    ConfigOption,
    JsonOption,
    ReasonOption,
    acting,
    opened,
    print_json,
    print_table,
    said,
)
from inventory.cli.running import until_stopped
from inventory.errors import WrongInput
from inventory.moments import system_clock
from inventory.settings import InventorySettings
from inventory.upstream import letters, overview, releasing
from inventory.upstream.corrections import CORRECTABLE
from inventory.upstream.document import Documents
from inventory.upstream.sender import Sender
from inventory.upstream.settings import UpstreamSettings
from station.domain.counted import counted

app = typer.Typer(
    help="What goes upstream, and dead letters. The forms are provisional.", no_args_is_help=True
)
HubArgument = Annotated[str, typer.Argument(help="The hub, by either of its ids.")]


@app.command()
def run(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Send what is to go upstream until stopped (Ctrl+C or SIGTERM): one more worker beside `reflash inventory run`.

    Example: reflash inventory upstream run --config /etc/reflash-inventory/inventory.toml
    """
    until_stopped(
        config, lambda settings, database: Sender(_ways(settings, config), database, system_clock).run()
    )


@app.command()
def status(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Show how much of each way is in which state, and what orders wait for.

    Example: reflash inventory upstream status
    """
    with opened(config) as (_, database), database.read() as connection:
        counts, waiting = overview.counts(connection), overview.waiting_orders(connection)
    if as_json:
        print_json({"counts": [each._asdict() for each in counts], "orders": dict(waiting)})
        return
    print_table(("way", "state", "hubs", "since", "answer"), [each._asdict() for each in counts])
    for order, reason in waiting:
        typer.echo(f"{order} waits: {reason}")


@app.command()
def show(hub: HubArgument, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Show all that was told upstream of a hub, each try, and what was answered.

    Example: reflash inventory upstream show 88-73-84-00-00-00-00-01
    """
    with opened(config) as (_, database), database.read() as connection:
        told = overview.told_of(connection, Eui64.parse(hub))
    if as_json:
        print_json(told)
        return
    for one in told:
        typer.echo(f"{one['by']}  {one['firmware']}  {one['state']}  {one['answer'] or ''}".rstrip())
        for each in one["tries"]:
            typer.echo(
                f"    {each['begun']:%Y-%m-%d %H:%M:%S}Z  {each['outcome'] or 'broken off'}  {each['detail'] or ''}".rstrip()
            )
        if one["document"]:
            typer.echo(one["document"])


@app.command()
def release(
    work_order: Annotated[str, typer.Argument(help="A work order that was authorised here.")],
    by: ByOption,
    reason: ReasonOption,
    hub: Annotated[
        list[str] | None,
        typer.Option("--hub", help="One of its hubs; repeat it. Without, all with a success."),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Let a part of an order go up before the bench has closed it, or although results are missing, in a supervisor's name.

    Example: reflash inventory upstream release WO-2031 --by "A. Person" --reason "the journal is lost"
    """
    why = said(reason, "--reason")
    ids = [Eui64.parse(each) for each in hub or []]
    with acting(config, by) as (_, database, who), database.write_alone() as connection:
        done = releasing.release(connection, work_order, ids, by=who, reason=why, now=system_clock())
    typer.echo(f"{counted(done, 'hub')} of {work_order} may go up")


@app.command()
def dead(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List what was refused for good. Exits 1 if there is anything.

    Example: reflash inventory upstream dead
    """
    with opened(config) as (_, database), database.read() as connection:
        rows = [each._asdict() for each in letters.letters(connection)]
    if as_json:
        print_json(rows)
    elif rows:
        print_table(("device", "work_order", "by", "firmware", "code", "answer"), rows)
    else:
        typer.echo("nothing was refused")
    if rows:
        raise typer.Exit(1)


@app.command()
def again(
    hub: HubArgument,
    by: ByOption,
    reason: ReasonOption,
    correction: Annotated[
        list[str] | None,
        typer.Option("--set", help=f"A correction, such as han_variant=DBCH; of {', '.join(CORRECTABLE)}."),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Send what was refused of a hub again, or correct what was not sent, with the version that it said last, the way of its region.

    Example: reflash inventory upstream again 88-73-84-00-00-00-00-01 --set han_variant=DBCH --by "A. Person" --reason "the extract was wrong"
    """
    why = said(reason, "--reason")
    corrections = dict(_correction(each) for each in correction or [])
    with acting(config, by) as (settings, database, who):
        ways = _ways(settings, config)
        documents = {route.csp: Documents(route.n3) for route in ways.routes if route.n3 is not None}
        with database.write_alone() as connection:
            done = letters.send_again(
                *(connection, Eui64.parse(hub), corrections, ways, documents),
                by=who,
                reason=why,
                now=system_clock(),
            )
    for line in done:
        typer.echo(line)


@app.command()
def settle(
    hub: HubArgument, by: ByOption, reason: ReasonOption, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Put what was refused of a hub away, unsent: nothing more is told of that version.

    Example: reflash inventory upstream settle 88-73-84-00-00-00-00-01 --by "A. Person" --reason "it is scrapped"
    """
    why = said(reason, "--reason")
    with acting(config, by) as (_, database, who), database.write_alone() as connection:
        device = letters.settle(connection, Eui64.parse(hub), by=who, reason=why, now=system_clock())
    typer.echo(f"{device} is settled")


def _correction(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise WrongInput(f"--set {text!r} is no correction, such as han_variant=DBCH")
    return name.strip(), said(value, "--set")


def _ways(settings: InventorySettings, config: Path) -> UpstreamSettings:
    if settings.upstream is None:
        raise WrongInput(f"{config} has no [[upstream.routes]]; see docs/inventory.md")
    return settings.upstream
