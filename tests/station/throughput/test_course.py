"""A span's parts: none missing, none twice, whatever the clocks do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from station.reports.figures import Span
from station.throughput.course import Unit, part_name, parts_of, unit_of

HOUR = 3_600_000_000
DAY = 24 * HOUR
SPRING, AUTUMN = 1_774_742_400_000_000, 1_792_886_400_000_000
"""2026-03-29T00:00Z and 2026-10-25T00:00Z: an hour later British clocks go forward, and back."""
BEFORE_AUTUMN = AUTUMN - HOUR
"""That Sunday begins an hour before midnight in UTC."""


@pytest.fixture(autouse=True)
def british(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "GMT0BST,M3.5.0/1,M10.5.0")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(SPRING - 400 * DAY, SPRING + 400 * DAY), st.integers(0, 900 * DAY))
def test_parts_leave_no_gap_and_have_their_ends_where_the_span_has(first: int, length: int) -> None:
    parts = parts_of(Span(first, first + length))
    assert bool(parts) == bool(length)
    if parts:
        assert (parts[0].first, parts[-1].until) == (first, first + length)
    assert all(one.until == other.first for one, other in pairwise(parts))
    assert all(part.until > part.first for part in parts)


@pytest.mark.parametrize(("begins", "hours"), [(SPRING, 23), (BEFORE_AUTUMN, 25)])
def test_when_the_clocks_change_a_day_has_the_hours_it_has(begins: int, hours: int) -> None:
    day = Span(begins, begins + hours * HOUR)
    parts = parts_of(day)
    assert len(parts) == hours
    assert {part.until - part.first for part in parts} == {HOUR}
    names = [part_name(part, unit_of(day)) for part in parts]
    assert len(set(names)) == hours, "an hour that is there twice has two names"
    week = Span(begins - 3 * DAY, begins + hours * HOUR + 3 * DAY)
    assert [(part.until - part.first) // HOUR for part in parts_of(week)] == [24] * 3 + [hours] + [24] * 3


def test_a_year_is_told_by_months() -> None:
    new_year = 1_767_225_600_000_000
    year = Span(new_year, new_year + 365 * DAY)
    assert unit_of(year) is Unit.MONTH
    assert [part_name(part, Unit.MONTH) for part in parts_of(year)] == [
        f"2026-{month:02}" for month in range(1, 13)
    ]
