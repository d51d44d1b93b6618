"""`reflash report`: how the bench fared, from a copy of what the journal says that is made for such questions."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import typer

from station.cli.common import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    UsageError,
    print_json,
    print_table,
)
from station.cli.kept_reports import ask_reports
from station.records.moments import microseconds_from_utc, utc_from_microseconds
from station.reports.figures import HubFigures, Span, StageFigures, Tally, UseFigures
from station.reports.reader import Reports, Wanted
from station.settings_file import load_settings

app = typer.Typer(help="How hubs, slots and stages fared.", no_args_is_help=True)


class _Table(StrEnum):
    SLOTS = "slots"
    STAGES = "stages"
    USES = "uses"


@app.callback()
def _reports() -> None:
    """Have the one command named: others follow."""


@app.command()
def hubs(
    first: Annotated[
        str | None,
        typer.Option("--from", help="A day, or a time such as 2026-11-30T06:00, of the bench's clock."),
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="The last day, or the time of the end.")] = None,
    jig: Annotated[str | None, typer.Option(help="One jig's alone.")] = None,
    order: Annotated[str | None, typer.Option(help="One work order's alone.")] = None,
    model: Annotated[str | None, typer.Option(help="One model's alone, as 10A8/00000011.")] = None,
    as_csv: Annotated[_Table | None, typer.Option("--csv", help="Print one table for a spreadsheet.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Say how many hubs an hour, how many at the first attempt, and where slots and stages spent their time.

    Without --from and --to: all that the journal tells. The daemon may run.

    Example: reflash report hubs --from 2026-11-30 --to 2026-11-30 --jig jig1
    """
    wanted = Wanted(_moment(first), _moment(until, end=True), jig, order, model)
    if wanted.first is not None and wanted.until is not None and wanted.first >= wanted.until:
        raise UsageError(f"--from {first} is not before --to {until}")
    if as_json and as_csv is not None:
        raise UsageError("either --json or --csv: the one has all tables, the other one of them")
    settings = load_settings(config)

    def ask(reports: Reports) -> tuple[Span, HubFigures, int | None]:
        _require_known(reports, wanted)
        span = reports.span(wanted)
        return span, reports.hubs(wanted, span), reports.as_of

    (span, figures, as_of), cursor, behind = ask_reports(settings, ask)
    if as_csv is not None:
        _print_csv(_rows_of(figures, as_csv))
    elif as_json:
        print_json(
            {
                "journal": str(cursor.journal),
                "sequence": cursor.sequence,
                "behind": behind,
                "as_of": None if as_of is None else _utc(as_of),
                "from": _utc(span.first),
                "to": _utc(span.until),
                "hours": round(figures.hours, 4),
                **_values(figures.all),
                **{table.value: _rows_of(figures, table) for table in _Table},
            }
        )
    else:
        _print_text(figures, span)


def _require_known(reports: Reports, wanted: Wanted) -> None:
    for what, one, see in (
        (f"jig {wanted.jig}", Wanted(jig=wanted.jig), "jigs"),
        (f"order {wanted.work_order}", Wanted(work_order=wanted.work_order), "orders"),
        (f"model {wanted.model}", Wanted(model=wanted.model), "catalog"),
    ):
        if one != Wanted() and not reports.knows(one):
            raise UsageError(f"no hub of {what} has come to the bench yet; see: reflash {see} list")


def _moment(text: str | None, *, end: bool = False) -> int | None:
    """Read a day (its beginning, or its end) or a time, of the bench's own clock where it names no other."""
    if text is None:
        return None
    try:
        try:
            day = date.fromisoformat(text)
        except ValueError:
            return _time(text)
        midnight = datetime(day.year, day.month, day.day) + timedelta(days=end)  # noqa: DTZ001 - the bench's own
        return microseconds_from_utc(midnight.astimezone(UTC))
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{text} is no day and no time; write 2026-11-30, or 2026-11-30T06:00") from error


def _time(text: str) -> int:
    time = datetime.fromisoformat(text)
    moments = {time.replace(fold=fold).astimezone(UTC) for fold in (0, 1)}
    if len(moments) > 1:
        either = " or ".join(f"{moment:%Y-%m-%dT%H:%MZ}" for moment in sorted(moments))
        raise UsageError(f"the clocks change at {text}; write {either}")
    return microseconds_from_utc(moments.pop())


def _rows_of(figures: HubFigures, table: _Table) -> list[dict[str, Any]]:
    match table:
        case _Table.SLOTS:
            return [{"jig": slot.jig, "slot": slot.slot, **_values(slot.tally)} for slot in figures.slots]
        case _Table.STAGES:
            return [_values(stage) for stage in figures.stages]
        case _Table.USES:
            return [_values(use) for use in figures.uses]


def _values(figures: Tally | StageFigures | UseFigures) -> dict[str, Any]:
    return {
        name: round(value, 4) if isinstance(value, float) else value
        for name, value in asdict(figures).items()
    }


def _print_csv(rows: list[dict[str, Any]]) -> None:
    if rows:
        table = csv.DictWriter(sys.stdout, rows[0], lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def _print_text(figures: HubFigures, span: Span) -> None:
    when = f"{_local(span.first)} to {_local(span.until)}"
    every = figures.all
    if not every.results:
        typer.echo(f"no hub had a result from {when}")
        return
    typer.echo(
        f"{when}: {every.results} results in {figures.hours:.1f} h, {every.passed} passed, "
        f"{every.already_current} already current, {every.rejected} rejected, {every.failed} failed"
    )
    typer.echo(
        f"{_text(every.hubs_an_hour)} hubs an hour; {_percent(every.first_pass_yield)} pass at the first attempt; "
        f"{_text(every.hands_p50)} s from a result to the next hub (95%: {_text(every.hands_p95)} s)"
    )
    _table(
        ("slot", "results", "passed", "failed", "an hour", "first pass", "used", "next hub", "95%"),
        [
            (
                f"{slot.jig} slot {slot.slot}",
                slot.tally.results,
                slot.tally.passed,
                slot.tally.failed,
                _text(slot.tally.hubs_an_hour),
                _percent(slot.tally.first_pass_yield),
                _percent(slot.tally.utilisation),
                _text(slot.tally.hands_p50),
                _text(slot.tally.hands_p95),
            )
            for slot in figures.slots
        ],
    )
    _table(
        ("stage", "done", "failed", "50%", "95%"),
        [(each.stage, each.done, each.failed, _text(each.p50), _text(each.p95)) for each in figures.stages],
    )
    _table(
        ("slots' time", "hours", "share"),
        [(each.use, f"{each.seconds / 3600:.2f}", _percent(each.share)) for each in figures.uses],
    )


def _table(columns: Sequence[str], rows: Sequence[tuple[object, ...]]) -> None:
    if rows:
        typer.echo()
        print_table(columns, [dict(zip(columns, row, strict=True)) for row in rows])


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}%"


def _local(utc: int) -> str:
    return f"{utc_from_microseconds(utc).astimezone():%Y-%m-%d %H:%M %Z}"


def _utc(utc: int) -> str:
    return utc_from_microseconds(utc).isoformat().replace("+00:00", "Z")
