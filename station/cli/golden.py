"""`reflash golden`: the hubs that stay at the bench to check slots with."""

from __future__ import annotations

from typing import Annotated

import typer

from firmware_catalog.identity import Eui64
from station.cli.asking import ask_station, asker
from station.cli.common import (
    DEFAULT_CONFIG,
    ByOption,
    ConfigOption,
    JsonOption,
    UsageError,
    print_json,
    print_table,
)
from station.cli.scanning import DeskOption
from station.desk.shift_requests import EnrolGoldenHub, RetireGoldenHub
from station.records.facts.golden import golden_hubs
from station.records.reader import JournalReader
from station.settings_file import load_settings

app = typer.Typer(help="Keep hubs at the bench to check its slots with.", no_args_is_help=True)


@app.command()
def enrol(
    chf: Annotated[str, typer.Argument(help="Its CHF id.")],
    gpf: Annotated[str, typer.Argument(help="Its GPF id, which its label says.")],
    reason: Annotated[
        str,
        typer.Option(help="Why it stays here although an order listed it: its party left it to you, say."),
    ] = "",
    config: ConfigOption = DEFAULT_CONFIG,
    by: ByOption = None,
    desk: DeskOption = None,
) -> None:
    """Make a hub of your own a golden one: no order may name it, and what its spare slot holds is erased. For a supervisor.

    It has to run a confirmed image other than the one that its model's hubs are given, so that there is one to write.

    Example: reflash golden enrol 88-73-84-00-00-00-00-01 88-73-84-00-00-00-00-02 --by op-1a2b3c4d
    """
    request = EnrolGoldenHub(chf=_id(chf), gpf=_id(gpf), reason=reason)
    typer.echo(ask_station(asker(config, desk, by), request).line)


@app.command()
def retire(
    chf: Annotated[str, typer.Argument(help="Its CHF id.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    as_it_is: Annotated[
        bool, typer.Option("--as-it-is", help="Although a check with it has not ended: it is lost or broken.")
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    by: ByOption = None,
    desk: DeskOption = None,
) -> None:
    """Let a golden hub be a hub like any other. For a supervisor.

    Example: reflash golden retire 88-73-84-00-00-00-00-01 --reason "worn out" --by op-1a2b3c4d
    """
    request = RetireGoldenHub(chf=_id(chf), reason=reason, as_it_is=as_it_is)
    typer.echo(ask_station(asker(config, desk, by), request).line)


@app.command("list")
def list_golden(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List golden hubs, and whether each is as it was before its last check. The daemon may run.

    Example: reflash golden list
    """
    with JournalReader(load_settings(config).journal_folder) as journal:
        hubs = journal.ask(golden_hubs)
    rows = [
        {
            "chf": str(each.chf),
            "gpf": str(each.gpf),
            "enrolled": each.enrolled.isoformat(),
            "as_it_was": each.unended is None,
        }
        for each in hubs
    ]
    if as_json:
        print_json(rows)
        return
    state = {True: "as it was", False: "check not ended: run it again"}
    print_table(
        ["chf", "gpf", "enrolled", "state"], [{**row, "state": state[bool(row["as_it_was"])]} for row in rows]
    )


def _id(text: str) -> Eui64:
    try:
        return Eui64.parse(text)
    except ValueError as error:
        raise UsageError(f"{text[:40]!r} is no id of a hub: {error}") from error
