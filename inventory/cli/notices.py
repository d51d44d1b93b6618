"""`reflash inventory notices`: what parties are told, and what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import typer

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
    working,
)
from inventory.database.engine import Database
from inventory.errors import WrongInput
from inventory.moments import system_clock
from inventory.notices import queue
from inventory.notices.mailer import Mailer, Tried
from inventory.notices.settings import NoticeSettings, PartySettings
from inventory.requests.book import name_of

app = typer.Typer(help="What parties are told, and what became of it.", no_args_is_help=True)
NumberArgument = Annotated[int, typer.Argument(help="The notice's number.")]


@app.command("list")
def list_notices(
    every: Annotated[bool, typer.Option("--all", help="Those that were sent or settled, too.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """List the notices that have not left, or came back, newest first, with the mail server's last answer.

    Example: reflash inventory notices list
    """
    with opened(config) as (_, database), database.read() as connection:
        rows = [
            {**row._mapping, "notice": row.id, "request": name_of(row.request)}  # noqa: SLF001 - its public name
            for row in queue.listed(connection, None if every else ("waiting", "refused", "bounced"))
        ]
    if as_json:
        print_json(rows)
    else:
        print_table(("notice", "request", "party", "kind", "state", "tries", "answer"), rows)


@app.command()
def show(number: NumberArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Print a notice as it was sent; before that, what it is about. What people did about it is said on standard error.

    Example: reflash inventory notices show 12
    """
    with opened(config) as (_, database), database.read() as connection:
        row, acts = queue.one(connection, number), queue.acts_of(connection, number)
    for act in acts:
        typer.echo(f"{act.what} {act.acted:%Y-%m-%d} by {act.acted_by}: {act.reason}", err=True)
    if row.message is not None:
        typer.echo(row.message.decode("utf-8", "replace"))
        return
    typer.echo(f"{row.kind} to {row.party}, not composed yet{f': {row.answer}' if row.answer else ''}")
    for name, value in row.facts.items():
        typer.echo(f"{name}: {value}")
    typer.echo(row.listing or "")


@app.command()
def send(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Send now what waits to be sent; `run` does so by itself. Exits 1 if something is still not sent.

    Example: reflash inventory notices send
    """
    with working(config) as (settings, database):
        if settings.notices is None:
            raise WrongInput(f"{config} has no [notices]; see docs/inventory.md")
        done = asyncio.run(_send(settings.notices, settings.parties, database))
    for number, tried in done.items():
        typer.echo(f"{number}  {tried.state}  {tried.answer}")
    if any(each.state != "sent" for each in done.values()):
        raise typer.Exit(1)


async def _send(
    settings: NoticeSettings, parties: Sequence[PartySettings], database: Database
) -> dict[int, Tried]:
    with ThreadPoolExecutor(1) as thread:
        mailer = Mailer(settings, parties, database, thread, system_clock)
        return await mailer.send_waiting(at_once=True)


@app.command("again")
def send_again(
    number: NumberArgument, by: ByOption, reason: ReasonOption, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Have a notice that was refused or bounced composed and sent anew, to whom the configuration names now.

    Example: reflash inventory notices again 12 --reason "their address is corrected" --by "A. Person"
    """
    why = said(reason, "--reason")
    with acting(config, by) as (_, database, who), database.write() as connection:
        queue.send_again(connection, number, reason=why, by=who, now=system_clock())
    typer.echo(f"notice {number} waits to be sent")


@app.command()
def bounced(
    number: NumberArgument, by: ByOption, reason: ReasonOption, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Record that a notice came back to its sender.

    Example: reflash inventory notices bounced 12 --reason "mailbox full" --by "A. Person"
    """
    why = said(reason, "--reason")
    with acting(config, by) as (_, database, who), database.write() as connection:
        queue.bounced(connection, number, reason=why, by=who, now=system_clock())
    typer.echo(f"notice {number} came back; see reflash inventory notices again {number}")


@app.command()
def settle(
    number: NumberArgument, by: ByOption, reason: ReasonOption, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Have a notice sent no more: its party was told otherwise.

    Example: reflash inventory notices settle 12 --reason "told by telephone" --by "A. Person"
    """
    why = said(reason, "--reason")
    with acting(config, by) as (_, database, who), database.write() as connection:
        queue.settle(connection, number, reason=why, by=who, now=system_clock())
    typer.echo(f"notice {number} is settled")
