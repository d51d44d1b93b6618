"""`reflash orders`: work orders, from their file to their end. Goes through the daemon where one runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from firmware_catalog.identity import Eui64
from station.bench.labels import ScanUnreadable, SlotCode, read_scan
from station.cli.asking import ask_station, asker
from station.cli.common import (
    DEFAULT_CONFIG,
    ByOption,
    ConfigOption,
    JsonOption,
    UsageError,
    WorkFailed,
    print_json,
    print_table,
)
from station.cli.order_files import brought
from station.cli.order_revision import revise
from station.cli.scanning import DeskOption, known_jig
from station.control.client import ControlError
from station.desk.order_requests import (
    AssignOrder,
    CloseOrder,
    ExpectedOrder,
    ImportOrder,
    UnassignOrder,
    WorksOn,
)
from station.desk.refusals import Invalid, NotFound, Refused
from station.domain.counted import counted
from station.domain.destination import Destination
from station.domain.outcome import SUCCESSES, Code, Outcome
from station.domain.slot_name import SlotName
from station.orders.reconcile import Reconciliation, reconcile
from station.records.facts.history import ResultOfOrder, open_attempts, results_of_order
from station.records.facts.order_revisions import withdrawn_of as withdrawn_lines
from station.records.facts.orders import OrderSummary, orders
from station.records.facts.packed import cartons_of, placed_for
from station.records.reader import JournalReader
from station.settings_file import load_settings
from station.texts.results import what_happened
from station.texts.texts import ENGLISH

app = typer.Typer(help="Import, assign, reconcile and close work orders.", no_args_is_help=True)

TraysEmptyOption = Annotated[
    bool,
    typer.Option(
        "--trays-empty",
        help="Sign that no hub or label lies in the jig's trays; its slots the station looks at itself.",
    ),
]
SeenEmptyOption = Annotated[
    list[str] | None,
    typer.Option(
        help="A slot (jig1/3) that neither board nor link can tell of, into which you have looked; repeat for more."
    ),
]
OrderArgument = Annotated[str, typer.Argument(help="The order's number.")]

app.command("revise")(revise)


@app.command("import")
def import_order(
    file: Annotated[Path, typer.Argument(help="The order's CSV file; see docs/work-orders.md.")],
    config: ConfigOption = DEFAULT_CONFIG,
    order: Annotated[
        str | None, typer.Option(help="The order's number, if the file has no such column.")
    ] = None,
    jig: Annotated[
        list[str] | None, typer.Option(help="Assign the order to this jig at once; repeat for more.")
    ] = None,
    trays_empty: TraysEmptyOption = False,
    seen_empty: SeenEmptyOption = None,
    as_json: JsonOption = False,
    by: ByOption = None,
    desk: DeskOption = None,
) -> None:
    """Read a work order whole, or not at all.

    Example: reflash orders import WO-2031.csv --jig jig1 --trays-empty --by op-1a2b3c4d
    """
    asking = asker(config, desk, by)
    jigs = [known_jig(asking.at.jigs, name) for name in jig or ()]
    seen = _slots(seen_empty, asking.at.jigs)
    with brought(file) as came:
        take = ImportOrder(source=came.source, size=came.size, sha256=came.sha256, number=order)
        taken = ask_station(asking, take, file=came.file)
    again = "was imported before" if jigs else "was imported before, nothing changed"
    what = "imported" if taken.new else again
    on = []
    try:
        for name in jigs:
            assigning = AssignOrder(
                order=taken.order, jig=name, trays_empty=trays_empty, seen_empty=_of_jig(seen, name)
            )
            on.append(name + _instead(ask_station(asking, assigning)))
    except (NotFound, Invalid) as refused:
        raise UsageError(f"order {taken.order} {what}; {refused}") from refused
    except (Refused, ControlError) as error:
        raise WorkFailed(f"order {taken.order} {what}; {error}") from error
    if as_json:
        print_json({**taken.model_dump(), "jigs": jigs})
        return
    where = f", on {', '.join(on)}" if on else ""
    typer.echo(f"order {taken.order} {what}: {counted(taken.hubs, taken.family)}{where}")


@app.command()
def assign(
    order: OrderArgument,
    jig: Annotated[list[str], typer.Option(help="The jig that works on it; repeat for more.")],
    config: ConfigOption = DEFAULT_CONFIG,
    instead_of: Annotated[
        str | None, typer.Option(help="Only if it works on this order now; `none` for no order.")
    ] = None,
    trays_empty: TraysEmptyOption = False,
    seen_empty: SeenEmptyOption = None,
    by: ByOption = None,
    desk: DeskOption = None,
) -> None:
    """Let jigs work on an order from now on, over empty slots and trays.

    Example: reflash orders assign WO-2031 --jig jig1 --instead-of WO-2030 --trays-empty
    """
    asking = asker(config, desk, by)
    expected = None
    if instead_of is not None:
        expected = ExpectedOrder(order=None if instead_of == "none" else instead_of)
    seen = _slots(seen_empty, asking.at.jigs)
    for name in [known_jig(asking.at.jigs, name) for name in jig]:
        assigning = AssignOrder(
            order=order,
            jig=name,
            expected=expected,
            trays_empty=trays_empty,
            seen_empty=_of_jig(seen, name),
        )
        works_on = ask_station(asking, assigning)
        typer.echo(f"{name} works on order {order}{_instead(works_on)}")


@app.command()
def unassign(
    order: OrderArgument,
    jig: Annotated[list[str], typer.Option(help="The jig that works on it; repeat for more.")],
    config: ConfigOption = DEFAULT_CONFIG,
    trays_empty: TraysEmptyOption = False,
    seen_empty: SeenEmptyOption = None,
    by: ByOption = None,
    desk: DeskOption = None,
) -> None:
    """Let jigs work on an order no more, and on none until they are given one; the order stays open.

    Example: reflash orders unassign WO-2031 --jig jig1 --trays-empty
    """
    asking = asker(config, desk, by)
    seen = _slots(seen_empty, asking.at.jigs)
    for name in [known_jig(asking.at.jigs, name) for name in jig]:
        leaving = UnassignOrder(
            order=order, jig=name, trays_empty=trays_empty, seen_empty=_of_jig(seen, name)
        )
        ask_station(asking, leaving)
        typer.echo(f"{name} works on no order")


def _slots(codes: Sequence[str] | None, jigs: Sequence[str]) -> tuple[SlotName, ...]:
    """Read slots' codes. Raises UsageError."""
    return tuple(_slot(code, jigs) for code in codes or ())


def _slot(code: str, jigs: Sequence[str]) -> SlotName:
    try:
        read = read_scan(code, jigs)
    except ScanUnreadable:
        read = None
    if not isinstance(read, SlotCode) or read.jig is None:
        raise UsageError(f"--seen-empty {code!r} is no slot's code, such as {jigs[0]}/3")
    return SlotName(jig=known_jig(jigs, read.jig), slot=read.slot)


def _instead(works_on: WorksOn) -> str:
    """Say which order a jig was taken from, to follow what it works on now."""
    return "" if works_on.before is None else f" instead of {works_on.before}"


def _of_jig(seen: Sequence[SlotName], jig: str) -> tuple[SlotName, ...]:
    return tuple(place for place in seen if place.jig == jig)


@app.command("list")
def list_orders(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List the orders and how far each is.

    Example: reflash orders list
    """
    settings = load_settings(config)
    with JournalReader(settings.journal_folder) as journal:
        summaries = journal.ask(orders)
    rows: list[dict[str, Any]] = [
        {
            "order": each.order,
            "hubs": each.hubs,
            "waiting": each.waiting,
            **{str(outcome): each.outcomes.get(outcome, 0) for outcome in Outcome},
            "jigs": list(each.jigs),
            "closed": each.closed,
        }
        for each in summaries
    ]
    if as_json:
        print_json(rows)
    elif rows:
        shown = [{**row, "jigs": ", ".join(row["jigs"]), "closed": row["closed"] or ""} for row in rows]
        print_table(list(rows[0]), shown)
    else:
        typer.echo("no order was imported yet")


@app.command()
def show(order: OrderArgument, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Hold an order against its manifest: results, where each hub was put, which to find, which never came.

    Example: reflash orders show WO-2031
    """
    settings = load_settings(config)
    with JournalReader(settings.journal_folder) as journal:
        summary = require_order(journal, order)
        found = reconcile(
            order,
            journal.order_lines(order),
            journal.ask(open_attempts),
            journal.of_order(order, placed_for, order),
            journal.of_order(order, cartons_of, order),
            journal.of_order(order, withdrawn_lines, order),
        )
        results = journal.of_order(order, results_of_order, order)
    codes = {result.hub: result.code for result in results if result.code is not None}
    seen = [result for result in results if not result.listed]
    if as_json:
        print_json({**_as_json(order, found, codes, seen), **_how_far(summary)})
        return
    far = _how_far(summary)
    on = f", on {', '.join(summary.jigs)}" if summary.jigs else ""
    typer.echo(f"order {order}{on}: {far['done']} of {far['hubs']} done; {found}")
    for carton in found.cartons:
        typer.echo(str(carton))
    for place in Destination:
        if place is not Destination.CARTON:
            for placing in (*found.placed.values(), *found.strangers):
                if placing.stand.place is place:
                    typer.echo(f"{place}: {placing.hub}{_why(codes, placing.hub)}")
    for hub in found.open:
        typer.echo(str(hub))
    states = {line.device_id: outcome for outcome, lines in found.results.items() for line in lines}
    still_open = {hub.line.device_id for hub in found.open}
    for line in found.missing:
        if line.device_id in states:
            what = states[line.device_id].replace("_", " ")
            typer.echo(f"missing: {line.device_id}, {what}{_why(codes, line.device_id)}, is in no place")
        elif line.device_id not in still_open:
            typer.echo(f"never seen: {line.device_id}")
    for gone in found.withdrawn:
        aside = ", to be put into quarantine" if gone.to_put_aside else ""
        came_of_it = "" if gone.outcome is None else f", {gone.outcome.replace('_', ' ')}"
        typer.echo(f"withdrawn by revision {gone.revision}: {gone.line.device_id}{came_of_it}{aside}")
    for result in seen:
        typer.echo(f"stranger seen: {result.hub or 'one without a name'}{_why(codes, result.hub)}")


def require_order(journal: JournalReader, order: str) -> OrderSummary:
    """Return the order. Raises UsageError where there is none of this number."""
    for each in journal.ask(orders):
        if each.order == order:
            return each
    raise UsageError(f"there is no order {order}: see 'reflash orders list'")


def _how_far(summary: OrderSummary) -> dict[str, Any]:
    done = sum(summary.outcomes.get(outcome, 0) for outcome in SUCCESSES)
    return {"jigs": list(summary.jigs), "hubs": summary.hubs, "done": done}


def _why(codes: Mapping[Eui64 | None, Code], hub: Eui64 | None) -> str:
    return f" ({what_happened(ENGLISH, codes[hub])})" if hub in codes else ""


def _as_json(
    order: str,
    found: Reconciliation,
    codes: Mapping[Eui64 | None, Code],
    seen: Sequence[ResultOfOrder],
) -> dict[str, Any]:
    return {
        "order": order,
        "complete": found.complete,
        "results": {name: [str(line.device_id) for line in lines] for name, lines in found.results.items()},
        "why": {str(hub): code for hub, code in codes.items()},
        "open": [str(hub.line.device_id) for hub in found.open],
        "never_seen": [str(line.device_id) for line in found.never_seen],
        "unattributed": [attempt.attempt for attempt in found.unattributed],
        "places": {
            place: [str(hub) for hub, placing in found.placed.items() if placing.stand.place is place]
            for place in Destination
        },
        "missing": [str(line.device_id) for line in found.missing],
        "strangers": sorted(
            {str(result.hub) for result in seen} | {str(placing.hub) for placing in found.strangers}
        ),
        "withdrawn": [str(gone.line.device_id) for gone in found.withdrawn],
        "withdrawn_to_put_aside": [str(gone.line.device_id) for gone in found.withdrawn if gone.to_put_aside],
        "cartons": [
            {"carton": carton.code, "hubs": carton.hubs, "state": carton.state} for carton in found.cartons
        ],
    }


@app.command()
def close(
    order: OrderArgument,
    reason: Annotated[str, typer.Option(help="Why it is closed; kept for good, so without names.")],
    config: ConfigOption = DEFAULT_CONFIG,
    incomplete: Annotated[
        bool,
        typer.Option("--incomplete", help="Sign the difference: hubs without a result, or in no place."),
    ] = False,
    waiting: Annotated[
        int | None,
        typer.Option(min=0, help="Only while so many hubs have no result, as `orders list` counted them."),
    ] = None,
    trays_empty: TraysEmptyOption = False,
    seen_empty: SeenEmptyOption = None,
    by: ByOption = None,
    desk: DeskOption = None,
) -> None:
    """Close an order for good, over empty slots and trays of the jigs that work on it.

    Example: reflash orders close WO-2031 --reason "all done" --trays-empty
    """
    asking = asker(config, desk, by)
    close_it = CloseOrder(
        order=order,
        reason=reason,
        incomplete_accepted=incomplete,
        expected_waiting=waiting,
        trays_empty=trays_empty,
        seen_empty=_slots(seen_empty, asking.at.jigs),
    )
    ended = ask_station(asking, close_it)
    typer.echo(f"closed order {ended.order}: {ended.standing}")
