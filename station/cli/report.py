"""`reflash report`: how the bench fared, from a copy of what the journal says that is made for such questions."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from firmware_catalog.files import replace_file
from station.cli.common import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    UsageError,
    print_json,
    print_table,
)
from station.cli.kept_reports import ask_reports
from station.cli.report_span import (
    FromOption,
    JigOnlyOption,
    ModelOnlyOption,
    OrderOnlyOption,
    ToOption,
    local_time,
    require_known,
    utc_time,
    wanted_of,
)
from station.reports.figures import HubFigures, JigFigures, KindFigures, SlotFigures, Span
from station.reports.reader import Reports, Wanted
from station.reports.source import Cursor
from station.settings_file import load_settings
from station.throughput.throughput import Throughput, throughput_of

app = typer.Typer(help="How hubs, slots and stages fared.", no_args_is_help=True)


class _Table(StrEnum):
    KINDS = "kinds"
    SLOTS = "slots"
    STAGES = "stages"
    USES = "uses"


class _ThroughputTable(StrEnum):
    KINDS = "kinds"
    JIGS = "jigs"
    SLOTS = "slots"
    STAGES = "stages"
    USES = "uses"
    WAITS = "waits"
    COURSE = "course"
    RATES = "rates"


@app.command()
def hubs(
    first: FromOption = None,
    until: ToOption = None,
    jig: JigOnlyOption = None,
    order: OrderOnlyOption = None,
    model: ModelOnlyOption = None,
    as_csv: Annotated[_Table | None, typer.Option("--csv", help="Print one table for a spreadsheet.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Say how many hubs an hour, how many at the first attempt, and where slots and stages spent their time.

    Without --from and --to: all that the journal tells. The daemon may run.

    Example: reflash report hubs --from 2026-11-30 --to 2026-11-30 --jig jig1
    """
    wanted = wanted_of(first, until, jig, order, model)
    _require_one_form(as_json, as_csv)
    settings = load_settings(config)

    def ask(reports: Reports) -> tuple[Span, HubFigures, int | None]:
        require_known(reports, wanted)
        span = reports.span(wanted)
        return span, reports.hubs(wanted, span), reports.as_of

    (span, figures, as_of), cursor, behind = ask_reports(settings, ask)
    if as_csv is not None:
        _print_csv(_tables(figures)[as_csv])
    elif as_json:
        tables = _tables(figures)
        print_json(_head(figures, span, as_of, cursor, behind) | {name: tables[name] for name in _Table})
    else:
        _print_figures(figures, span)


@app.command()
def throughput(
    first: FromOption = None,
    until: ToOption = None,
    jig: JigOnlyOption = None,
    order: OrderOnlyOption = None,
    model: ModelOnlyOption = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with plots, of one file, for a browser or to send on.")
    ] = None,
    as_csv: Annotated[
        _ThroughputTable | None, typer.Option("--csv", help="Print one table for a spreadsheet.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Say how many hubs an hour each jig and slot makes, where the time goes, and which slots stand out.

    A slot is named if chance alone would have it fail, retry, lose or be slow with as many hubs, against the other slots of
    the same days, in fewer than 1 of 100 cases, and if it was so with five different hubs. Without --from and --to: all that
    the journal tells. The daemon may run.

    Example: reflash report throughput --from 2026-11-30 --to 2026-11-30 --html throughput.html
    """
    wanted = wanted_of(first, until, jig, order, model)
    _require_one_form(as_json, as_csv)
    settings = load_settings(config)

    def ask(reports: Reports) -> tuple[Throughput, int | None]:
        require_known(reports, wanted)
        return throughput_of(reports, wanted), reports.as_of

    (told, as_of), cursor, behind = ask_reports(settings, ask)
    if html is not None:
        _write_page(html, told, wanted)
    if as_csv is not None:
        _print_csv(_throughput_tables(told)[as_csv])
    elif as_json:
        print_json(
            _head(told.figures, told.span, as_of, cursor, behind)
            | {"notes": told.notes}
            | _throughput_tables(told)
        )
    elif html is None:
        _print_throughput(told)


def _require_one_form(as_json: bool, as_csv: StrEnum | None) -> None:
    if as_json and as_csv is not None:
        raise UsageError("either --json or --csv: the one has all tables, the other one of them")


def _head(
    figures: HubFigures, span: Span, as_of: int | None, cursor: Cursor, behind: int | None
) -> dict[str, Any]:
    return {
        "journal": str(cursor.journal),
        "sequence": cursor.sequence,
        "behind": behind,
        "as_of": None if as_of is None else utc_time(as_of),
        "from": utc_time(span.first),
        "to": utc_time(span.until),
        "hours": round(figures.hours, 4),
        **_values(figures.all),
    }


def _tables(figures: HubFigures) -> dict[str, list[dict[str, Any]]]:
    return {
        "kinds": [{"kind": each.kind, **_values(each.tally)} for each in figures.kinds],
        "slots": [{"jig": slot.jig, "slot": slot.slot, **_values(slot.tally)} for slot in figures.slots],
        "stages": [_values(stage) for stage in figures.stages],
        "uses": [_values(use) for use in figures.uses],
    }


def _throughput_tables(told: Throughput) -> dict[str, list[dict[str, Any]]]:
    figures = told.figures
    return {
        "jigs": [{"jig": jig.jig, **_values(jig.tally)} for jig in figures.jigs],
        **_tables(figures),
        "waits": [
            {"jig": slot.jig, "slot": slot.slot, **_values(use)}
            for slot in figures.slots
            for use in slot.uses
        ],
        "course": [
            {
                "from": utc_time(part.span.first),
                "to": utc_time(part.span.until),
                **{name: value for name, value in _values(part).items() if name != "span"},
            }
            for part in figures.course
        ],
        "rates": [{**_values(rate), "named": rate.named} for rate in told.rates],
    }


def _values(figures: Any) -> dict[str, Any]:
    return {
        name: round(value, 4) if isinstance(value, float) and name != "chance" else value
        for name, value in asdict(figures).items()
    }


def _print_csv(rows: list[dict[str, Any]]) -> None:
    if rows:
        table = csv.DictWriter(sys.stdout, rows[0], lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def _write_page(path: Path, told: Throughput, wanted: Wanted) -> None:
    from station.throughput.page import throughput_page  # noqa: PLC0415 - what draws is not for every command

    of = [wanted.jig, wanted.work_order, wanted.model]
    page = throughput_page(
        told,
        subject=", ".join(each for each in of if each is not None) or "the bench",
        when=f"{local_time(told.span.first)} to {local_time(told.span.until)}",
    )
    try:
        replace_file(path, page.encode())
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; name a file that can be written") from error


def _print_throughput(told: Throughput) -> None:
    for note in told.notes:
        typer.echo(note)
    _print_figures(told.figures, told.span)
    if told.named:
        typer.echo()
    for rate in told.named:
        typer.echo(f"LOOK    {rate.line}")


def _print_figures(figures: HubFigures, span: Span) -> None:
    when = f"{local_time(span.first)} to {local_time(span.until)}"
    every = figures.all
    if not every.results:
        typer.echo(f"nothing had a result from {when}")
        return
    typer.echo(
        f"{when}: {every.results} results in {figures.hours:.1f} h, {every.passed} passed, "
        f"{every.already_current} already current, {every.rejected} rejected, {every.failed} failed"
    )
    typer.echo(
        f"{_text(every.hubs_an_hour)} {figures.devices} an hour; {_percent(every.first_pass_yield)} pass at the first attempt; "
        f"{_text(every.hands_p50)} s from a result to the next one (95%: {_text(every.hands_p95)} s)"
    )
    _table(
        ("slot", *_TALLY),
        [
            *((jig.jig, *_tally_row(jig)) for jig in figures.jigs),
            *((f"{slot.jig} slot {slot.slot}", *_tally_row(slot)) for slot in figures.slots),
        ],
    )
    if figures.of_bridges:
        _table(
            ("kind", *_TALLY),
            [(each.kind or "not known", *_tally_row(each)) for each in figures.kinds],
        )
    _table(
        ("stage", "done", "failed", "50%", "95%"),
        [(each.stage, each.done, each.failed, _text(each.p50), _text(each.p95)) for each in figures.stages],
    )
    _table(
        ("slots' time", "hours", "share"),
        [(each.use, f"{each.seconds / 3600:.2f}", _percent(each.share)) for each in figures.uses],
    )


_TALLY = ("results", "passed", "failed", "an hour", "first pass", "used", "next one", "95%")


def _tally_row(figures: KindFigures | JigFigures | SlotFigures) -> tuple[object, ...]:
    tally = figures.tally
    return (
        tally.results,
        tally.passed,
        tally.failed,
        _text(tally.hubs_an_hour),
        _percent(tally.first_pass_yield),
        _percent(tally.utilisation),
        _text(tally.hands_p50),
        _text(tally.hands_p95),
    )


def _table(columns: Sequence[str], rows: Sequence[tuple[object, ...]]) -> None:
    if rows:
        typer.echo()
        print_table(columns, [dict(zip(columns, row, strict=True)) for row in rows])


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}%"
