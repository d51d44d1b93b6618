"""`reflash inventory people`: who may use the pages."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

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
    said,
)
from inventory.errors import WrongInput
from inventory.moments import system_clock
from inventory.pages import people

app = typer.Typer(help="Who may use the pages.", no_args_is_help=True)
NameArgument = Annotated[str, typer.Argument(help="The person's name, as it is recorded with what they do.")]
MayArgument = Annotated[Literal["look", "act"], typer.Argument(help="look, or act.")]
_LONGEST = 200


@app.command()
def add(
    name: NameArgument,
    by: ByOption,
    may: Annotated[Literal["look", "act"], typer.Option("--may", help="look, or act as well.")] = "look",
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Let somebody use the pages, once they have a PIN.

    Example: reflash inventory people add "A. Person" --may act --by "B. Other"
    """
    who = said(name, "the name")
    if len(who) > _LONGEST or ":" in who:
        raise WrongInput(f"a name has {_LONGEST} characters at most, and no colon")
    with acting(config, by) as (_, database, actor), database.write_alone() as connection:
        people.add(connection, who, may, by=actor, now=system_clock())
    typer.echo(f'{who} may {may}; give a PIN: reflash inventory people pin "{who}"')


@app.command()
def pin(name: NameArgument, by: ByOption, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Give somebody a PIN, which is asked for twice (or read from standard input). Their sessions end.

    Example: reflash inventory people pin "A. Person" --by "B. Other"
    """
    if sys.stdin.isatty():
        chosen = typer.prompt("PIN", hide_input=True, confirmation_prompt=True)
    else:
        chosen = sys.stdin.readline(_LONGEST).strip()
    with acting(config, by) as (_, database, actor), database.write_alone() as connection:
        people.set_pin(connection, name, chosen, by=actor, now=system_clock())
    typer.echo(f"{name} has a new PIN")


@app.command()
def may(name: NameArgument, what: MayArgument, by: ByOption, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Have somebody look, or act, from now on. Their sessions end.

    Example: reflash inventory people may "A. Person" look --by "B. Other"
    """
    with acting(config, by) as (_, database, actor), database.write_alone() as connection:
        people.change(connection, name, what, by=actor, now=system_clock())
    typer.echo(f"{name} may {what}")


@app.command()
def unlock(name: NameArgument, by: ByOption, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Have a PIN that was wrong too often tried again at once.

    Example: reflash inventory people unlock "A. Person" --by "B. Other"
    """
    with acting(config, by) as (_, database, actor), database.write_alone() as connection:
        people.unlock(connection, name, by=actor, now=system_clock())
    typer.echo(f"the PIN of {name} is tried again")


@app.command()
def remove(name: NameArgument, by: ByOption, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Let somebody use the pages no more. What they did stays under their name.

    Example: reflash inventory people remove "A. Person" --by "B. Other"
    """
    with acting(config, by) as (_, database, actor), database.write_alone() as connection:
        people.remove(connection, name, by=actor, now=system_clock())
    typer.echo(f"{name} is out")


@app.command("list")
def list_people(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List who may use the pages.

    Example: reflash inventory people list
    """
    with opened(config) as (_, database), database.read() as connection:
        rows = [
            {
                "name": row.name,
                "may": row.may,
                "pin": row.pin is not None,
                "wrong_pins": row.wrong_pins,
                "added": row.added,
            }
            for row in people.everybody(connection)
        ]
    if as_json:
        print_json(rows)
    else:
        print_table(
            ("name", "may", "pin", "wrong_pins", "added"),
            [
                {**row, "pin": "yes" if row["pin"] else "no", "added": f"{row['added']:%Y-%m-%d}"}
                for row in rows
            ],
        )
