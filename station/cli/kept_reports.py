"""The reports as commands ask them: brought up to date first, if that may be, and told how far behind they are."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from typing import TypeVar

import typer

from station.cli.common import UsageError, WorkFailed, require_stations_user
from station.reports.catching_up import catch_up
from station.reports.errors import ReportError
from station.reports.reader import Reports, open_reports
from station.reports.source import Cursor, Source
from station.settings import StationSettings

T = TypeVar("T")


def ask_reports(settings: StationSettings, ask: Callable[[Reports], T]) -> tuple[T, Cursor, int | None]:
    """Return what the reports answer, from one state of them: which, and how many rows of the journal it lacks.

    None: nobody knows how many. Where they lack some because they could not be brought up to date, it is said why.
    Raises WorkFailed.
    """
    why_behind = _bring_up_to_date(settings)
    try:
        with open_reports(settings.reports_folder) as reports:
            answer, cursor = ask(reports), reports.cursor
    except ReportError as error:
        raise WorkFailed(why_behind or str(error)) from error
    behind = _rows_behind(settings, cursor)
    if why_behind is not None and behind != 0:
        rows = "some rows" if behind is None else f"{behind} rows"
        typer.echo(f"reflash: {rows} behind the journal: {why_behind}", err=True)
    return answer, cursor, behind


def _bring_up_to_date(settings: StationSettings) -> str | None:
    """Take in what the journal holds and the reports do not; say why not, if that cannot be."""
    try:
        require_stations_user(settings)
        catch_up(
            settings.reports_folder,
            settings.journal_folder,
            room=settings.bytes_left_by_reports,
            tell_many=lambda rows: typer.echo(
                f"reflash: {rows} rows of the journal are taken in first", err=True
            ),
        )
    except (UsageError, ReportError) as error:
        return str(error)
    return None


def _rows_behind(settings: StationSettings, cursor: Cursor) -> int | None:
    with suppress(ReportError), closing(Source(settings.journal_folder)) as source:
        return max(0, source.last() - cursor.sequence)
    return None
