"""`reflash hubs`: where a hub is and what became of it, and hubs put where they belong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from firmware_catalog.devices import DeviceIds, Family, HubIds
from firmware_catalog.identity import Eui64
from station.bench.labels import kind_of
from station.cli.asking import asker
from station.cli.cartons import decision
from station.cli.common import DEFAULT_CONFIG, ByOption, ConfigOption, JsonOption, UsageError, print_json
from station.cli.packing import LabelsArgument, asking, bring, scanned, tell
from station.cli.scanning import DeskOption
from station.desk.hub_story import find_hubs, moments, where_now
from station.desk.refusals import Invalid, NotFound
from station.domain.destination import Destination
from station.packing.codes import PackageCode
from station.records.facts.attempts import AttemptClosed
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
    if isinstance(where, PackageCode):
        raise UsageError(
            f"{kind_of(where)}: reflash cartons pack {where} takes hubs that passed; a supervisor puts one there with a "
            "reason (--reason)"
        )
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
    settings = load_settings(config)
    with JournalReader(settings.journal_folder) as journal:
        try:
            lives = find_hubs(journal, hub, settings.people.badge_prefix)
        except (Invalid, NotFound) as refused:
            raise UsageError(str(refused)) from refused
    if as_json:
        print_json([_as_json(device, life) for device, life in lives])
        return
    for device, life in lives:
        for line in _story(device, life):
            typer.echo(line)


def _story(device: Eui64, life: HubLife) -> Iterator[str]:
    family = life.lines[0].line.ids.kind.family if life.lines else Family.HUB
    yield f"{family} {device}: {where_now(life)}"
    for state in life.lines:
        line = state.line
        yield f"order {state.order}: {_ids(line.ids)}, of {line.owner}, {line.manufacturer}/{line.model} {line.variant}"
    for told in moments(life):
        yield f"{told.at:%Y-%m-%d %H:%M:%S} UTC {told.line}"


def _as_json(device: Eui64, life: HubLife) -> dict[str, Any]:
    return {
        "hub": str(device),
        "line": where_now(life),
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


def _ids(ids: DeviceIds) -> str:
    return f"CHF {ids.chf}, GPF {ids.gpf}" if isinstance(ids, HubIds) else str(ids)
