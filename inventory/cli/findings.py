"""`reflash inventory findings`: what a person has to look into."""

from __future__ import annotations

import sys
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
    said,
)
from inventory.intake import findings
from inventory.moments import system_clock

app = typer.Typer(help="What a person has to look into.", no_args_is_help=True)
NumberArgument = Annotated[int, typer.Argument(help="The finding's number.")]


@app.command("list")
def list_open(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List what nobody has settled: messages that cannot be taken, and those that contradict each other.

    Example: reflash inventory findings list
    """
    with opened(config) as (_, database), database.read() as connection:
        rows = findings.open_findings(connection)
    if as_json:
        print_json([dict(row._mapping) for row in rows])  # noqa: SLF001 - its public name
        return
    for row in rows:
        typer.echo(f"{row.id}  {row.found:%Y-%m-%d %H:%M:%S}Z  {row.line}")
    if not rows:
        typer.echo("nothing is to be looked into")


@app.command()
def payload(number: NumberArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Write the message that a finding is about, as it came, to standard output.

    Example: reflash inventory findings payload 12 > message.bin
    """
    with opened(config) as (_, database), database.read() as connection:
        sys.stdout.buffer.write(findings.payload_of(connection, number) or b"")


@app.command()
def settle(
    number: NumberArgument, by: ByOption, reason: ReasonOption, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Close a finding, in somebody's name.

    Example: reflash inventory findings settle 12 --by "A. Person" --reason "a test message"
    """
    why = said(reason, "--reason")
    with acting(config, by) as (_, database, who), database.write() as connection:
        findings.settle(connection, number, by=who, reason=why, now=system_clock())
    typer.echo(f"finding {number} is settled")
