"""`reflash journal`: what happened, whether the record of it is whole, and its copies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from firmware_catalog.identity import Eui64
from station.cli.asking import ask_station, asker
from station.cli.common import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    UsageError,
    WorkFailed,
    print_json,
    require_stations_user,
)
from station.desk.record_requests import MessageKind, Republish
from station.domain.actor import Actor
from station.domain.counted import counted
from station.domain.order_line import BridgeLine, ListedDevice, OrderLine
from station.messages.topics import Topics
from station.records import copies
from station.records.facts.events import Event
from station.records.facts.outbox import waiting_messages
from station.records.reader import JournalReader
from station.records.rebuild import rebuild as rebuild_tables
from station.records.rebuild import repair as repair_tables
from station.records.verify import verify as verify_journal
from station.settings_file import load_settings

app = typer.Typer(help="Read, check, copy and repair the journal.", no_args_is_help=True)

_LONGEST_DETAIL = 150


@app.command()
def show(
    guid: Annotated[str, typer.Argument(help="A hub's CHF or GPF id, in any usual form.")],
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Show a hub's whole life in order.

    Example: reflash journal show 88-73-84-00-00-00-00-01
    """
    device = Eui64.parse(guid)
    with _reader(config) as reader:
        life = reader.life_of(device)
    if as_json:
        for recorded in life.events:
            typer.echo(copies.exported(recorded))
        return
    for state in life.lines:
        line, outcome = state.line, state.outcome or "no result yet"
        typer.echo(f"on order {state.order} for {line.owner} {_as(line)}: {outcome}")
    for recorded in life.events:
        typer.echo(f"{recorded.utc:%Y-%m-%d %H:%M:%S}Z  {_describe(recorded.event)}")
    if not life.lines and not life.events:
        raise UsageError(f"the journal knows no hub {device}")


@app.command()
def verify(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Check the whole chain, naming the first row that is not what was written, and the tables against it.

    Exits 1 for either. Takes some minutes for each million events.

    Example: reflash journal verify
    """
    folder = load_settings(config).journal_folder
    found = verify_journal(folder)
    differing = rebuild_tables(folder).differing
    answer = {"journal": str(found.journal), "events": found.events, "head": found.head.hex()}
    if as_json:
        print_json({**answer, "segments": found.segments, "differing": differing})
    else:
        typer.echo(
            f"whole: {counted(found.events, 'event')} in {counted(len(found.segments), 'segment')},"
            f" head {found.head.hex()}"
        )
    _require_agreement(differing)


@app.command()
def rebuild(
    config: ConfigOption = DEFAULT_CONFIG,
    repair: Annotated[
        bool, typer.Option("--repair", help="Replace the tables by what the events say; no daemon may run.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Prove that the tables equal the events. Exits 1 if they do not.

    Example: reflash journal rebuild
    """
    settings = load_settings(config)
    folder = settings.journal_folder
    if repair:
        require_stations_user(settings)
        repair_tables(folder)
    found = rebuild_tables(folder)
    if as_json:
        print_json({"events": found.events, "rows": dict(found.rows), "differing": found.differing})
    elif not found.differing:
        typer.echo(f"the tables are what {found.events} events say")
    _require_agreement(found.differing)


def _require_agreement(differing: tuple[str, ...]) -> None:
    if differing:
        raise WorkFailed(
            f"tables that the events do not say: {', '.join(differing)}; "
            "stop the daemon and run: reflash journal rebuild --repair"
        )


@app.command()
def export(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Print every event as a line of JSON, with all that its hash covers.

    Example: reflash journal export > journal.jsonl
    """
    with _reader(config) as reader:
        for line in copies.export(reader):
            typer.echo(line)


@app.command()
def outbox(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Say how many messages the broker has not taken yet.

    Example: reflash journal outbox
    """
    with _reader(config) as reader:
        waiting = reader.ask(waiting_messages)
    if as_json:
        print_json({"waiting": waiting})
    else:
        typer.echo(
            f"{counted(waiting, 'message')} {'waits' if waiting == 1 else 'wait'} for the broker"
            if waiting
            else "the broker has taken every message"
        )


@app.command()
def republish(
    first: Annotated[int, typer.Argument(help="The first one's station_sequence.")],
    last: Annotated[int, typer.Argument(help="The last one's.")],
    message: Annotated[
        MessageKind,
        typer.Option(help="Results, or facts of orders or of packing, which count by themselves."),
    ] = MessageKind.RESULT,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Send results, or facts of orders, again under their old ids.

    Example: reflash journal republish 120 180
    """
    ask_station(asker(config), Republish(message=message, first=first, last=last))
    typer.echo(f"{message}s {first} to {last} go out again")


@app.command()
def backup(
    destination: Annotated[Path, typer.Argument(help="A folder that is not there yet.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Copy the journal as it is now and check the copy. The daemon may run.

    Example: reflash journal backup /mnt/usb/journal-2026-11-22
    """
    found = copies.backup(load_settings(config).journal_folder, destination)
    typer.echo(f"{destination} holds {counted(found.events, 'event')}, checked")


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(help="A folder that `backup` made.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Make a backup the journal, its tables made again from its events. The present one has to be set aside first.

    What is recorded keeps its ids; from here on the journal is known by a new one.

    Example: reflash journal restore /mnt/usb/journal-2026-11-22
    """
    settings = load_settings(config)
    require_stations_user(settings)
    actor = Actor(pseudonym=settings.operator, where="terminal")
    whose = Topics(settings.site, settings.station)
    found = copies.restore(source, settings.journal_folder, actor=actor, whose=whose)
    typer.echo(
        f"the journal has {counted(found.events, 'event')}, checked, and goes on as journal {found.journal}"
    )
    typer.echo("unlock answers since the backup are not known: each hub has one left, until it is opened")


@app.command("set-aside")
def set_aside(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Move the journal out of the way, untouched.

    Example: reflash journal set-aside
    """
    settings = load_settings(config)
    require_stations_user(settings)
    typer.echo(f"the journal is now {copies.set_aside(settings.journal_folder)}")


def _reader(config: Path) -> JournalReader:
    return JournalReader(load_settings(config).journal_folder)


def _describe(event: Event) -> str:
    """Word an event in one line: its kind, then every field that says something."""
    facts: dict[str, Any] = event.model_dump(mode="json", exclude={"kind", "hub", "steps"}, exclude_none=True)
    if "message" in facts:
        detail = str(facts["message"])
    else:
        place = facts.pop("place", None)
        parts = [f"{place['jig']} slot {place['slot']}"] if place else []
        detail = ", ".join([*parts, *(f"{name} {value}" for name, value in facts.items())])
    return f"{event.kind.replace('_', ' ')}: {detail}"[:_LONGEST_DETAIL]


def _as(line: ListedDevice) -> str:
    """Say as what an order lists a device."""
    match line:
        case OrderLine(inventory_status=status):
            return f"as {status}"
        case BridgeLine(premises=premises, bridge_type=bridge_type):
            return f"as bridge {bridge_type} of premises {premises}"
