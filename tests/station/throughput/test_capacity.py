"""A bench's capacity by formula, against shifts that are played event by event, and by what the journal measured."""

from __future__ import annotations

import heapq
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from station.domain.config_error import ConfigError
from station.reports.figures import Ended, Span, Timed, Tried, hub_figures
from station.reports.rows import Use
from station.throughput.capacity import (
    Figure,
    Loading,
    Workings,
    capacity_of,
    levers_of,
    volume_of,
    workings_of,
)
from station.throughput.capacity_measured import with_measured
from station.throughput.capacity_plan import EXAMPLE, example, read_plan

PLAN = workings_of(example(), "assumed")


def with_times(work: Workings, *, alone: float, hands: float, **others: object) -> Workings:
    """Have a hub take so long by itself, and a person with it; faults left out."""
    nothing = Figure(0.0, "assumed")
    return replace(
        work,
        alone={name: Figure(alone / 5, "assumed") for name in work.alone},
        hands={name: Figure(hands / 4, "assumed") for name in work.hands},
        **{"failed": nothing, "out_of_use": nothing, **others},
    )


def played(work: Workings, loading: Loading) -> int:
    """Play a shift: people fetch the next hub, seat it where one is done, and pack that one. Return how many were packed.

    Nobody seats a hub that would not be packed in time.
    """
    alone, (unpack, scan, seat, pack) = work.alone_seconds, (each.value for each in work.hands.values())
    end, serial = 3600 * work.hours, count()
    together = work.slots if loading is Loading.BATCH else 1
    units = work.jigs * work.slots // together
    people = [0.0] * work.people
    heapq.heapify(people)
    waiting = [(0.0, next(serial), False) for _ in range(units)]
    packed = 0
    while waiting:
        ready, _, occupied = heapq.heappop(waiting)
        free = heapq.heappop(people)
        if not occupied or max(ready, free) + together * (unpack + scan + seat + pack) + alone < end:
            hands = seat if occupied else seat / 2  # there is none to be taken out
            at = max(ready, free + together * unpack) + together * (hands + scan)
            heapq.heappush(waiting, (at + alone, next(serial), True))
        else:
            at = max(ready, free) + together * seat / 2
        if occupied:
            at += together * pack
            packed += together * (at <= end)
        heapq.heappush(people, at)
    return packed


@settings(max_examples=100)
@given(
    st.floats(60, 900),
    st.floats(5, 60),
    st.integers(1, 4),
    st.sampled_from(Loading),
)
def test_the_formula_says_what_a_shift_makes_that_is_played(
    alone: float, hands: float, people: int, loading: Loading
) -> None:
    work = with_times(PLAN, alone=alone, hands=hands, people=people)
    reckoned, made = capacity_of(work, loading).hubs_a_day, played(work, loading)
    assert reckoned == pytest.approx(made, rel=0.05)


def test_at_twenty_seconds_of_handling_the_person_is_what_holds_it_up() -> None:
    made = capacity_of(PLAN)
    assert (PLAN.hands_seconds, made.bottleneck, made.most_of_it, made.people_busy) == (
        20,
        "person",
        "pack",
        1,
    )
    assert made.hubs_an_hour < 180
    first, *_, last = levers_of(PLAN)
    assert first.change == "one more person"
    assert first.gain > 0.9 * made.hubs_a_day
    assert last.gain == pytest.approx(0)
    slots = with_times(PLAN, alone=1020, hands=20)
    made = capacity_of(slots)
    assert (made.bottleneck, made.most_of_it, made.slots_busy) == ("slots", "boot", 1)
    assert made.people_busy < 0.5
    assert levers_of(slots)[0].change in {"one more jig", "one more hour a day"}
    assert capacity_of(slots, Loading.BATCH).hubs_an_hour < made.hubs_an_hour


def test_a_volume_fits_or_says_how_many_people_it_takes() -> None:
    assert volume_of(PLAN, 160_000).fits
    slow = with_times(PLAN, alone=117, hands=40)
    short = volume_of(slow, 300_000)
    assert (short.fits, short.people) == (False, 2)
    assert short.a_day == pytest.approx(1190.48, abs=0.01)
    assert volume_of(with_times(PLAN, alone=3000, hands=20), 300_000).people is None
    # Two of these figures stand in the public papers: 635 hubs a day, 17 minutes for each of 26.5 full cycles.
    alone = 7.5 * 3600 / 26.5 - 20
    assert capacity_of(with_times(PLAN, alone=alone, hands=20)).hubs_an_hour * 7.5 == pytest.approx(
        635, rel=0.02
    )


def test_what_the_journal_measured_counts_once_there_is_enough_of_it() -> None:
    def measured(hubs: int, boot: float | None = None) -> Workings:
        hour = 3_600_000_000
        figures = hub_figures(
            Span(0, hour),
            ended=[
                Ended("jig1", 1, number, outcome, 5, 20.0, 1.5, boot)
                for number, outcome in [(1, "passed")] * (hubs - 2) + [(1, "failed"), (2, "passed")]
            ],
            tried=[Tried(stage, seconds, None) for stage, seconds in _STAGES for _ in range(hubs)],
            times=[
                Timed(0, 300, "jig1", 1, Use.WORK),
                Timed(0, 500, "jig1", 2, Use.HANDS),
                Timed(0, 200, "jig1", 3, Use.OUT_OF_USE),
                Timed(0, 900, "jig1", 4, Use.NO_ORDER),
            ],
            runs=[Timed(0, 3600, "", 0, "")],
        )
        return with_measured(PLAN, figures)

    assert measured(19) == PLAN
    work = measured(21)
    assert {name: (each.value, each.origin) for name, each in work.alone.items()} == {
        "boot": (10, "assumed"),
        "erase": (4, "measured"),
        "write": (56, "measured"),
        "activate": (15, "measured"),
        "other": (3.5, "measured"),
    }
    assert work.hands == PLAN.hands
    assert (work.failed.value, work.failed_again.value) == (pytest.approx(1 / 20), 0)
    assert work.out_of_use.value == pytest.approx(0.2)
    assert work.failed.of == "21 hubs"
    assert measured(21, boot=6.0).alone["boot"] == Figure(6, "measured", "21 hubs"), "a board told it"


_STAGES = (("flash", 60.0), ("activate", 15.0), ("unlock", 1.0), ("check", 1.0))


@pytest.mark.parametrize(
    ("line", "instead", "complaint"),
    [
        ("pack = 7.0", "pack = 0", "handling.pack: Input should be greater than 0"),
        ("boot = 10.0 ", "boot = -1", "hub.boot: Input should be greater than 0"),
        ("seat = 5.0 ", "", "handling.seat is missing; add it"),
        ("scan = 2.0", "scan = nan", "handling.scan: Input should be"),
        ("erase = 4.0 ", "erase = inf", "hub.erase: Input should be a finite number"),
        ("[faults]", "[fautls]", "faults is missing; add it"),
        ("failed = 0.01 ", "failed = 1.0", "faults.failed: Input should be less than 1"),
        ("jigs = 3", "jigs = [", "is no TOML file"),
    ],
)
def test_a_plan_with_a_time_that_cannot_be_is_one_clear_line(
    tmp_path: Path, line: str, instead: str, complaint: str
) -> None:
    path = tmp_path / "bench.toml"
    path.write_text(EXAMPLE.replace(line, instead + " #", 1))
    with pytest.raises(ConfigError) as refused:
        read_plan(path)
    first, *more = str(refused.value).splitlines()
    assert first.startswith(f"{path}")
    assert complaint in first
    assert len(more) == (instead == "[fautls]"), "the key that is unknown has a line of its own"
