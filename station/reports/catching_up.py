"""The reports brought up to date at once, by whoever is about to ask them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from time import sleep
from typing import Final

from station.reports.projection import SLICE_ROWS, BeingProjected, Projection
from station.reports.source import Source

_TRIES: Final = 10
_TRY_SECONDS: Final = 0.05
_MANY_ROWS: Final = 200_000
"""So many take a while; it is said."""


def catch_up(reports: Path, journal: Path, *, room: int, tell_many: Callable[[int], object]) -> None:
    """Take in what the journal holds and the reports do not; `tell_many` hears of so many rows that it takes a while.

    Raises ReportError: BeingProjected where another process is at it.
    """
    with closing(Source(journal)) as source:
        last = source.last()
    with Projection(reports, journal, room=room) as projection:
        _first_step(projection)
        if (left := last - projection.sequence) > _MANY_ROWS:
            tell_many(left)
        while projection.step(SLICE_ROWS):
            pass


def _first_step(projection: Projection) -> None:
    """Take the first slice, once the daemon has taken its own: those of every day last some milliseconds."""
    for _ in range(_TRIES):
        with suppress(BeingProjected):
            projection.step(SLICE_ROWS)
            return
        sleep(_TRY_SECONDS)
    projection.step(SLICE_ROWS)
