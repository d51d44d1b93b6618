"""A span of time in parts that people count by: hours, days or months of the bench's own clock. Pure but for its time zone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final

from station.records.moments import microseconds_from_utc, utc_from_microseconds
from station.reports.figures import Span

_HOUR: Final = 3_600_000_000
"""Microseconds."""
_HOURS_UP_TO: Final = 50 * _HOUR
"""Two days, also if the clocks go back between them."""
_DAYS_UP_TO: Final = 63 * 24 * _HOUR
"""Two months."""


class Unit(StrEnum):
    """What a part is."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


def unit_of(span: Span) -> Unit:
    """Return by what a span of this length is told, so that its parts can be taken in at a glance."""
    length = span.until - span.first
    return Unit.HOUR if length <= _HOURS_UP_TO else Unit.DAY if length <= _DAYS_UP_TO else Unit.MONTH


def parts_of(span: Span) -> tuple[Span, ...]:
    """Cut a span at the full hours, the midnights or the beginnings of months; its ends are no full parts mostly.

    An hour always has 3,600 s: when the clocks go back there are two of the same name, when they go forward one is not
    there. A day has as many hours as it has.
    """
    if span.until <= span.first:
        return ()
    cuts = _hours(span) if unit_of(span) is Unit.HOUR else _midnights(span, unit_of(span))
    edges = [span.first, *(cut for cut in cuts if span.first < cut < span.until), span.until]
    return tuple(Span(first, until) for first, until in pairwise(edges))


def part_name(part: Span, unit: Unit) -> str:
    """Say which part it is, by the bench's clock."""
    begins = utc_from_microseconds(part.first).astimezone()
    return begins.strftime({Unit.HOUR: "%d %H:%M %Z", Unit.DAY: "%Y-%m-%d", Unit.MONTH: "%Y-%m"}[unit])


def _hours(span: Span) -> Iterator[int]:
    yield from range(span.first - span.first % _HOUR + _HOUR, span.until, _HOUR)


def _midnights(span: Span, unit: Unit) -> Iterator[int]:
    last = utc_from_microseconds(span.until).astimezone().date()
    day = _next(utc_from_microseconds(span.first).astimezone().date(), unit)
    while day <= last:
        midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - the bench's own
        yield microseconds_from_utc(midnight.astimezone(UTC))
        day = _next(day, unit)


def _next(day: date, unit: Unit) -> date:
    if unit is Unit.DAY:
        return day + timedelta(days=1)
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)
