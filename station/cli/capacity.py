"""`reflash capacity`: how many hubs a day and a year this bench can make, what holds them up, and what would move it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from station.cli.common import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    UsageError,
    WorkFailed,
    print_json,
    print_table,
)
from station.cli.kept_reports import ask_reports
from station.cli.report_span import (
    FromOption,
    ModelOnlyOption,
    OrderOnlyOption,
    ToOption,
    require_known,
    wanted_of,
)
from station.reports.figures import HubFigures
from station.reports.reader import Reports, Wanted
from station.settings_file import load_settings
from station.throughput.capacity import (
    Capacity,
    Figure,
    Lever,
    Loading,
    Volume,
    Workings,
    capacity_of,
    levers_of,
    volume_of,
    workings_of,
)
from station.throughput.capacity_measured import with_measured
from station.throughput.capacity_plan import EXAMPLE, example, read_plan

_VOLUMES = [160_000, 300_000]


def capacity(
    plan: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE", help="What this bench has and takes, as TOML; made-up times unless given."
        ),
    ] = None,
    show_example: Annotated[
        bool, typer.Option("--example", help="Print such a file, to be written anew from a stopwatch.")
    ] = False,
    hubs: Annotated[
        list[int] | None,
        typer.Option(min=1, help="A year's volume that is to fit; repeat. 160,000 and 300,000 unless given."),
    ] = None,
    nothing_measured: Annotated[
        bool, typer.Option("--as-planned", help="Reckon with the file alone, whatever the journal measured.")
    ] = False,
    first: FromOption = None,
    until: ToOption = None,
    order: OrderOnlyOption = None,
    model: ModelOnlyOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Say how many hubs a day and a year this bench can make, who or what holds them up, and what would move it.

    What hubs take by themselves, and what goes wrong, comes from the journal where it has measured it (20 hubs or more), and
    is marked as assumed where not. What people take is in no journal: measure it by a stopwatch. The daemon may run.

    Example: reflash capacity bench.toml --from 2026-11-02 --to 2026-11-27
    """
    if show_example:
        typer.echo(EXAMPLE, nl=False)
        return
    if plan is None:
        work = workings_of(example(), "assumed", "example")
    else:
        work = workings_of(read_plan(plan), "assumed", plan.name)
    wanted = wanted_of(first, until, None, order, model)
    if nothing_measured and wanted != Wanted():
        raise UsageError("--as-planned takes nothing from the journal: leave out which span, order or model")
    if not nothing_measured and (wanted != Wanted() or config != DEFAULT_CONFIG or config.exists()):
        work = with_measured(work, _figures(config, wanted))
    made = {loading: capacity_of(work, loading) for loading in Loading}
    levers = levers_of(work)
    volumes = [volume_of(work, each) for each in hubs or _VOLUMES]
    if as_json:
        print_json(_as_json(work, made, levers, volumes))
    else:
        _print(work, made, levers, volumes)


def _figures(config: Path, wanted: Wanted) -> HubFigures:
    def ask(reports: Reports) -> HubFigures:
        require_known(reports, wanted)
        return reports.hubs(wanted, reports.span(wanted))

    try:
        figures, _, _ = ask_reports(load_settings(config), ask)
    except WorkFailed as error:
        raise WorkFailed(f"{error}; to reckon without the journal: --as-planned") from error
    return figures


def _figures_of(work: Workings) -> dict[str, Figure]:
    return {
        **work.alone,
        **work.hands,
        "failed": work.failed,
        "failed again": work.failed_again,
        "out of use": work.out_of_use,
    }


def _as_json(
    work: Workings, made: dict[Loading, Capacity], levers: tuple[Lever, ...], volumes: list[Volume]
) -> dict[str, Any]:
    return {
        "jigs": work.jigs,
        "slots": work.slots,
        "people": work.people,
        "hours": work.hours,
        "days": work.days,
        "alone_seconds": round(work.alone_seconds, 3),
        "hands_seconds": round(work.hands_seconds, 3),
        "figures": [
            {"figure": name, "value": round(each.value, 4), "origin": each.origin, "of": each.of}
            for name, each in _figures_of(work).items()
        ],
        **{loading.value: _rounded(asdict(each)) for loading, each in made.items()},
        "levers": [_rounded(asdict(lever)) for lever in levers],
        "volumes": [_rounded(asdict(volume)) for volume in volumes],
    }


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in values.items()}


def _print(
    work: Workings, made: dict[Loading, Capacity], levers: tuple[Lever, ...], volumes: list[Volume]
) -> None:
    slots = work.jigs * work.slots
    typer.echo(
        f"{slots} slots, {work.people} at work, {work.hours:g} h a day, {work.days} days a year: "
        f"{work.alone_seconds:.1f} s a hub by itself, {work.hands_seconds:.1f} s in a person's hands"
    )
    for each in made.values():
        typer.echo(
            f"{each.loading}: {each.hubs_an_hour:.0f} hubs an hour, {each.hubs_a_day:,.0f} a day, {each.hubs_a_year:,.0f} a year; "
            f"the {each.bottleneck} {'hold' if each.bottleneck == 'slots' else 'holds'} it up, by {each.most_of_it} most; "
            f"people busy {100 * each.people_busy:.0f}%, slots {100 * each.slots_busy:.0f}%"
        )
    for volume in volumes:
        typer.echo(_volume_line(volume, work))
    typer.echo()
    _print_rows(
        [
            {
                "what": name,
                "value": f"{100 * each.value:.1f}%" if name in _SHARES else f"{each.value:.1f} s",
                "": f"{each.origin}: {each.of}" if each.of else each.origin,
            }
            for name, each in _figures_of(work).items()
        ]
    )
    typer.echo()
    _print_rows(
        [{"what would move it": lever.change, "hubs a day more": f"{lever.gain:,.0f}"} for lever in levers]
    )


_SHARES = frozenset({"failed", "failed again", "out of use"})


def _volume_line(volume: Volume, work: Workings) -> str:
    said = f"{volume.hubs:,} a year are {volume.a_day:,.0f} a day and take {volume.days:,.0f} of {work.days} days"
    if volume.fits:
        return f"{said}: they fit"
    if volume.people is None:
        return f"{said}: they do not fit, whoever serves the slots"
    return f"{said}: they do not fit; with {volume.people} at work they do"


def _print_rows(rows: list[dict[str, str]]) -> None:
    print_table(list(rows[0]), rows)
