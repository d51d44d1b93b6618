"""Which hubs and what time a report is about, as options say it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import typer

from station.cli.common import UsageError
from station.records.moments import microseconds_from_utc, utc_from_microseconds
from station.reports.reader import Reports, Wanted

FromOption = Annotated[
    str | None,
    typer.Option("--from", help="A day, or a time such as 2026-11-30T06:00, of the bench's clock."),
]
ToOption = Annotated[str | None, typer.Option("--to", help="The last day, or the time of the end.")]
JigOnlyOption = Annotated[str | None, typer.Option("--jig", help="One jig's alone.")]
OrderOnlyOption = Annotated[str | None, typer.Option("--order", help="One work order's alone.")]
ModelOnlyOption = Annotated[str | None, typer.Option("--model", help="One model's alone, as 10A8/00000011.")]


def wanted_of(
    first: str | None, until: str | None, jig: str | None, order: str | None, model: str | None
) -> Wanted:
    """Read the options. Raises UsageError."""
    wanted = Wanted(_moment(first), _moment(until, end=True), jig, order, model)
    if wanted.first is not None and wanted.until is not None and wanted.first >= wanted.until:
        raise UsageError(f"--from {first} is not before --to {until}")
    return wanted


def require_known(reports: Reports, wanted: Wanted) -> None:
    """Refuse a jig, order or model that never had a hub: it is written wrong more likely. Raises UsageError."""
    for what, one, see in (
        (f"jig {wanted.jig}", Wanted(jig=wanted.jig), "jigs"),
        (f"order {wanted.work_order}", Wanted(work_order=wanted.work_order), "orders"),
        (f"model {wanted.model}", Wanted(model=wanted.model), "catalog"),
    ):
        if one != Wanted() and not reports.knows(one):
            raise UsageError(f"no hub of {what} has come to the bench yet; see: reflash {see} list")


def local_time(utc: int) -> str:
    """Say when it was by the bench's clock; `utc` in microseconds since 1970."""
    return f"{utc_from_microseconds(utc).astimezone():%Y-%m-%d %H:%M %Z}"


def utc_time(utc: int) -> str:
    """Say when it was for a program."""
    return utc_from_microseconds(utc).isoformat().replace("+00:00", "Z")


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
