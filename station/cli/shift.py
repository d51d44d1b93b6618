"""`reflash shift`: what is to be done before the first hub, and signing for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from station.bench.start_of_shift import StartOfShift
from station.bench.view import BenchView
from station.cli.asking import ask_station, asker
from station.cli.common import DEFAULT_CONFIG, ByOption, ConfigOption, JsonOption, print_json, print_table
from station.cli.scanning import DeskOption
from station.desk.shift_requests import SignCheckList
from station.records.facts.golden import golden_checks
from station.records.facts.shift import newest_check_list
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
    settings, now = load_settings(config), datetime.now(UTC)
    places = [place for place, _ in settings.places()]
    with JournalReader(settings.journal_folder) as journal:
        checks, signed = journal.ask(golden_checks), journal.ask(newest_check_list)
    start = StartOfShift(settings.shift, places, BenchView(iter(places)), lambda: now)
    start.recall((), checks, signed)
    suspects = start.suspects()
    last = {each.ended.place: each for each in checks}
    rows = [
        {
            "slot": str(place),
            "checked": None if (found := last.get(place)) is None else found.utc.isoformat(),
            "today": start.is_checked(place),
            "passed": found and found.ended.passed,
            "seconds": found and found.ended.write_seconds,
            "retries": found and found.ended.retries,
            "milliamperes": found and found.ended.milliamperes,
            "suspect": suspects.get(place),
        }
        for place in places
    ]
    day = settings.shift.days.of(now)
    items = [each.what for each in settings.shift.check_list]
    if as_json:
        print_json({"day": str(day), "check_list": items, "signed": start.list_is_signed(), "slots": rows})
        return
    if items:
        by_whom = signed[1].actor.pseudonym if signed is not None and start.list_is_signed() else None
        said = f"signed by {by_whom}" if by_whom else "not signed today"
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
