"""`reflash shift`: what is to be done before the first hub, and signing for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from station.cli.asking import ask_station, asker
from station.cli.common import DEFAULT_CONFIG, ByOption, ConfigOption, JsonOption, print_json, print_table
from station.cli.scanning import DeskOption
from station.desk.shift_requests import SignCheckList
from station.desk.shift_standing import standing_of_shift
from station.records.reader import JournalReader
from station.settings_file import load_settings

app = typer.Typer(help="Start a shift: the check list, and the slots' golden checks.", no_args_is_help=True)


@app.command()
def sign(
    item: Annotated[list[str], typer.Argument(help="Each item of the check list that was looked at.")],
    config: ConfigOption = DEFAULT_CONFIG,
    by: ByOption = None,
    desk: DeskOption = None,
) -> None:
    """Sign the check list of the day: name each item that you have looked at.

    Example: reflash shift sign "wrist strap" scanner printer --by op-1a2b3c4d
    """
    typer.echo(ask_station(asker(config, desk, by), SignCheckList(items=tuple(item))).line)


@app.command()
def show(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Say what is due today, how each slot's last golden check went, and which slots are suspect. The daemon may run.

    Example: reflash shift show
    """
    settings = load_settings(config)
    with JournalReader(settings.journal_folder) as journal:
        told = standing_of_shift(
            settings.shift, (place for place, _ in settings.places()), journal, datetime.now(UTC)
        )
    items = [each.what for each in told.check_list]
    rows = [
        {
            "slot": str(each.place),
            "checked": None if each.checked is None else each.checked.isoformat(),
            **each.model_dump(include={"today", "passed", "seconds", "retries", "milliamperes", "suspect"}),
        }
        for each in told.slots
    ]
    if as_json:
        print_json({"day": str(told.day), "check_list": items, "signed": told.signed, "slots": rows})
        return
    if items:
        said = f"signed by {told.signed_by}" if told.signed_by else "not signed today"
        typer.echo(f"check list ({', '.join(items)}): {said}")
    yes = {True: "yes", False: "no", None: "-"}
    print_table(
        ["slot", "today", "passed", "seconds", "retries", "milliamperes", "suspect"],
        [
            {
                name: yes[value] if value is None or isinstance(value, bool) else value
                for name, value in row.items()
            }
            for row in rows
        ],
    )
