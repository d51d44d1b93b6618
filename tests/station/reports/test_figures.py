"""Figures of a span: what lies within counts, and nothing is divided by nothing."""

from __future__ import annotations

from itertools import pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.domain.outcome import Code, Outcome, Stage
from station.reports.figures import BETWEEN, Ended, Span, Timed, Tried, hub_figures, percentile
from station.reports.rows import Use

HOUR = 3600 * 1_000_000


def ended(
    slot: int,
    outcome: Outcome,
    number: int = 1,
    hands: float | None = None,
    jig: str = "jig1",
    closed: int = 10 * HOUR,
) -> Ended:
    return Ended(jig, slot, number, outcome, closed, hands, 0.5)


def test_a_shift_in_figures() -> None:
    figures = hub_figures(
        Span(10 * HOUR, 12 * HOUR),
        ended=[
            ended(1, Outcome.PASSED, hands=20),
            ended(1, Outcome.FAILED, hands=40),
            ended(2, Outcome.PASSED, number=2, hands=30),
            ended(2, Outcome.ALREADY_CURRENT),
            ended(2, Outcome.REJECTED),
        ],
        tried=[
            Tried(Stage.FLASH, 100, None),
            Tried(Stage.FLASH, 300, None),
            Tried(Stage.FLASH, 7, Code.NO_ANSWER),
            Tried(Stage.CHECK, 1, None),
        ],
        times=[
            Timed(9 * HOUR, 5400, "jig1", 1, Use.WORK),
            Timed(10 * HOUR + HOUR // 2, 900, "jig1", 1, Use.HANDS),
            Timed(11 * HOUR, 99_999, "jig1", 1, Use.DOWN),
            Timed(8 * HOUR, 3600, "jig1", 3, Use.WORK),
        ],
        runs=[Timed(8 * HOUR, 3 * 3600, "", 0, "")],
    )
    every = figures.all
    assert figures.hours == 1
    assert (every.results, every.passed, every.already_current, every.rejected, every.failed) == (
        *(5, 2, 1, 1, 1),
    )
    assert (every.hubs_an_hour, every.first_pass_yield) == (3, 0.5)
    assert every.utilisation == pytest.approx(1800 / 2700)
    assert (every.hands_p50, every.hands_p95) == (30, 40)
    assert [(each.slot, each.tally.results) for each in figures.slots] == [(1, 2), (2, 3)]
    assert figures.slots[1].tally.utilisation is None
    stages = {each.stage: (each.done, each.failed, each.p50, each.p95) for each in figures.stages}
    assert stages == {
        Stage.FLASH: (2, 1, 100, 300),
        Stage.CHECK: (1, 0, 1, 1),
        BETWEEN: (5, 0, 0.5, 0.5),
    }
    assert [(each.use, each.seconds) for each in figures.uses] == [
        (Use.WORK, 1800),
        (Use.DOWN, 3600),
        (Use.HANDS, 900),
    ]


def test_jigs_slots_and_hours_have_figures_of_their_own() -> None:
    span, half = Span(10 * HOUR, 12 * HOUR), HOUR // 2
    figures = hub_figures(
        span,
        ended=[
            ended(1, Outcome.PASSED),
            ended(1, Outcome.FAILED, closed=11 * HOUR - 1),
            ended(2, Outcome.PASSED, closed=11 * HOUR),
            ended(1, Outcome.ALREADY_CURRENT, jig="jig2", closed=11 * HOUR + half),
        ],
        tried=(),
        times=[
            Timed(10 * HOUR, 1800, "jig1", 1, Use.WORK),
            Timed(10 * HOUR, 1800, "jig1", 2, Use.HANDS),
            Timed(10 * HOUR, 900, "jig2", 1, Use.AWAY),
        ],
        runs=[Timed(10 * HOUR + half, 5400, "", 0, "")],
        parts=[Span(10 * HOUR, 11 * HOUR), Span(11 * HOUR, 12 * HOUR)],
    )
    assert [(jig.jig, jig.tally.results, jig.tally.utilisation) for jig in figures.jigs] == [
        ("jig1", 3, 0.5),
        ("jig2", 1, 0.0),
    ]
    assert [(use.use, use.seconds) for use in figures.jigs[0].uses] == [(Use.WORK, 1800), (Use.HANDS, 1800)]
    assert [use.use for use in figures.slots[1].uses] == [Use.HANDS]
    assert [(part.hours, part.done, part.failed, part.hubs_an_hour) for part in figures.course] == [
        (0.5, 1, 1, 2),
        (1, 2, 0, 2),
    ]


def test_nothing_has_no_figures() -> None:
    figures = hub_figures(Span(5, 5), ended=(), tried=(), times=(), runs=())
    assert (figures.hours, figures.all.results, figures.slots, figures.stages, figures.uses) == (
        0,
        0,
        (),
        (),
        (),
    )
    assert figures.all.hubs_an_hour is figures.all.first_pass_yield is figures.all.utilisation is None


@given(st.lists(st.floats(-1e9, 1e9), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_one_of_the_values_that_enough_of_them_do_not_exceed(
    values: list[float], share: float
) -> None:
    ordered = sorted(values)
    found = percentile(ordered, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) * (1 - 1e-9)
    below = max((value for value in values if value < found), default=-inf)
    assert sum(value <= below for value in values) < share * len(values)


@given(st.integers(0, 10**9), st.floats(0, 1e4), st.lists(st.integers(0, 2 * 10**10), min_size=2))
def test_spans_that_follow_each_other_share_a_time_out(began: int, seconds: float, cuts: list[int]) -> None:
    time = Timed(began, seconds, "jig1", 1, Use.WORK)
    edges = [0, *sorted(cuts), 10**12]
    parts = [Span(*span).seconds_of(time) for span in pairwise(edges)]
    assert min(parts) >= 0
    assert sum(parts) == pytest.approx(seconds, abs=1e-6)
