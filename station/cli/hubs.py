"""`reflash hubs`: where a hub is and what became of it, and hubs put where they belong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from firmware_catalog.identity import Eui64
from station.cli.asking import asker
from station.cli.cartons import SIX, decision
from station.cli.common import DEFAULT_CONFIG, ByOption, ConfigOption, JsonOption, UsageError, print_json
from station.cli.packing import LabelsArgument, asking, bring, scanned, tell
from station.cli.scanning import DeskOption
from station.domain.destination import Destination
from station.domain.label import ScannedLabel
from station.records.chain import RecordedEvent
from station.records.facts.attempts import (
    AttemptClosed,
    AttemptInterrupted,
    AttemptOpened,
    AttemptResumed,
    HubLost,
)
from station.records.reader import HubLife, JournalReader
from station.settings_file import load_settings

app = typer.Typer(help="Find a hub, and put hubs where they belong.", no_args_is_help=True)


@app.command()
def put(
    place: Annotated[str, typer.Argument(help="rework, scrap, quarantine, party or maker.")],
    hub: LabelsArgument = None,
    config: ConfigOption = DEFAULT_CONFIG,
    reason: Annotated[
        str | None, typer.Option(help="A supervisor decides so, whatever the hub's last result: why.")
    ] = None,
    by: ByOption = None,
    desk: DeskOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put hubs where they belong by their last result; with a reason, where a supervisor decides. Scrap takes a reason.

    On standard input the name of another place, or the code of a carton, says where the labels after it go.

    Example: reflash hubs put rework 88-73-84-00-00-00-00-01
    """
    where = scanned(place)
    if reason is not None:
        if hub is None:
            raise UsageError("a supervisor decides about one hub: name it")
        tell(asking(config, desk, by)(decision(hub, place, reason)), as_json=as_json)
        return
    if not isinstance(where, Destination):
        raise UsageError(f"{place[:40]!r} is no place: rework, scrap, quarantine, party or maker")
    bring(asker(config, desk), where, hub, as_json=as_json)


@app.command()
def find(
    hub: Annotated[str, typer.Argument(help="CHF or GPF id, label, or the last six digits of one.")],
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Tell a hub's whole story on this bench: orders, attempts, results, and where it is now.

    Example: reflash hubs find 00-01-2F
    """
    with JournalReader(load_settings(config).journal_folder) as journal:
        lives = [(device, journal.life_of(device)) for device in _devices(journal, hub)]
    lives = [(device, life) for device, life in lives if life.lines or life.events or life.places]
    if not lives:
        raise UsageError(f"no order lists {hub}, and it was never seen here")
    if as_json:
        print_json([_as_json(device, life) for device, life in lives])
        return
    for device, life in lives:
        for line in _story(device, life):
            typer.echo(line)


def _devices(journal: JournalReader, text: str) -> list[Eui64]:
    digits = "".join(each for each in text if each.isalnum())
    if len(digits) == SIX:
        if any(each not in "0123456789ABCDEF" for each in digits.upper()):
            raise UsageError(f"{text!r} are no last digits of an id, which are 0 to 9 and A to F")
        return [chf for chf, _ in journal.hubs_ending_in(digits.upper())]
    label = scanned(text)
    if not isinstance(label, ScannedLabel):
        raise UsageError(f"{text[:40]!r} is no hub's id")
    return [label.device_id]


def _story(device: Eui64, life: HubLife) -> Iterator[str]:
    yield f"hub {device}: {_now(life)}"
    for state in life.lines:
        line = state.line
        yield f"order {state.order}: CHF {line.chf}, GPF {line.gpf}, of {line.owner}, {line.manufacturer}/{line.model} {line.variant}"
    moments = [(recorded.utc, what) for recorded in life.events if (what := _happened(recorded)) is not None]
    for placing in life.places:
        by = f" by {placing.actor}" if placing.actor else ""
        why = f" ({placing.reason})" if placing.reason else ""
        moments.append((placing.placed, f"put {placing.stand}{by}{why}"))
        if placing.left is not None:
            moments.append((placing.left, f"no more {placing.stand}: {placing.left_for}"))
    for moment, what in sorted(moments, key=lambda each: each[0]):
        yield f"{moment:%Y-%m-%d %H:%M:%S} UTC {what}"


def _now(life: HubLife) -> str:
    stands = [placing for placing in life.places if placing.left is None]
    if stands:
        return str(stands[-1].stand)
    return "in no place" if life.events else "never seen"


def _happened(recorded: RecordedEvent) -> str | None:
    match recorded.event:
        case AttemptOpened(place=place, order=order):
            return f"seen in {place}, order {order}" if order else f"seen in {place}, on no order"
        case AttemptResumed(place=place):
            return f"seen again in {place}"
        case HubLost(stage=stage):
            return f"left its slot during {stage}"
        case AttemptInterrupted(code=code):
            return f"work on it was broken off: {code.replace('_', ' ')}"
        case AttemptClosed(message=message):
            return message
        case _:
            return None


def _as_json(device: Eui64, life: HubLife) -> dict[str, Any]:
    return {
        "hub": str(device),
        "line": _now(life),
        "orders": [
            {"order": state.order, "outcome": state.outcome, **state.line.model_dump(mode="json")}
            for state in life.lines
        ],
        "results": [
            {
                "order": event.order,
                "jig": event.place.jig,
                "slot": event.place.slot,
                "outcome": event.outcome,
                "code": event.code,
                "firmware": event.firmware_read_back and str(event.firmware_read_back),
                "finished": event.finished.isoformat(),
                "line": event.message,
            }
            for recorded in life.events
            if isinstance(event := recorded.event, AttemptClosed)
        ],
        "places": [
            {
                "place": placing.stand.place,
                "carton": placing.stand.code,
                "order": placing.order,
                "since": placing.placed.isoformat(),
                "until": placing.left and placing.left.isoformat(),
                "reason": placing.reason,
                "by": placing.actor,
            }
            for placing in life.places
        ],
    }
