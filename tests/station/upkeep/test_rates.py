"""Slots held against each other: the exact test against one that counts every case, and who is named by it."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from station.reports.reader import HubDay, Pace
from station.upkeep.exact import at_least
from station.upkeep.rates import Measure, Rate, slot_rates
from station.upkeep.settings import ServiceSettings


@cache
def drawn(here: int, seen_here: int, everywhere: int, seen: int) -> Fraction:
    """Return the same by drawing one hub after the other and putting none back."""
    if seen_here == 0:
        return Fraction(here <= 0)
    chance = Fraction(0)
    if everywhere:
        chance += Fraction(everywhere, seen) * drawn(here - 1, seen_here - 1, everywhere - 1, seen - 1)
    if seen > everywhere:
        chance += Fraction(seen - everywhere, seen) * drawn(here, seen_here - 1, everywhere, seen - 1)
    return chance


@given(st.integers(1, 40), st.data())
def test_the_exact_test_is_what_drawing_hubs_makes_it(seen: int, data: st.DataObject) -> None:
    seen_here, everywhere = data.draw(st.integers(0, seen)), data.draw(st.integers(0, seen))
    here = data.draw(st.integers(0, min(seen_here, everywhere) + 1))
    assert at_least(here, seen_here, everywhere, seen) == pytest.approx(
        float(drawn(here, seen_here, everywhere, seen)), abs=1e-12
    )


def hub_days(slot: int, *, good: int = 0, failed: int = 0, day: str = "2026-11-30") -> list[HubDay]:
    return [
        HubDay(day, "jig1", slot, f"{slot}-{number}", True, number < failed, False, False)
        for number in range(good + failed)
    ]


def failures(days: list[HubDay]) -> dict[int, Rate]:
    return {rate.slot: rate for rate in slot_rates(days) if rate.measure is Measure.FAILURES}


def test_a_slot_is_named_that_fails_more_hubs_than_chance_has_it() -> None:
    others = [each for slot in range(1, 8) for each in hub_days(slot, good=25, failed=1)]
    named = failures(others + hub_days(8, good=20, failed=5))
    assert [slot for slot, rate in named.items() if rate.named] == [8]
    assert named[8].line.startswith(
        "jig1 slot 8: failed 5 of 25 hubs (20.0%), 3.8% of the other slots' on the same days (chance alone: 0.76%)"
    )
    fewer = failures(others + hub_days(8, good=0, failed=4))[8]
    assert fewer.chance is not None
    assert fewer.chance < 0.01
    assert not fewer.named, "four hubs may be at fault themselves"
    one_hub = [
        each._replace(hub="the same", day=f"2026-11-{each.hub[2:]:0>2}") for each in hub_days(8, failed=9)
    ]
    good = [hub for each in one_hub for hub in hub_days(1, good=9, day=each.day)]
    again = failures(others + one_hub + good)[8]
    assert again.chance is not None
    assert again.chance < 0.01
    assert not again.named, "one hub may be at fault itself"


def test_a_slot_is_held_against_the_others_of_its_own_days() -> None:
    bad_day = [each for slot in (1, 2) for each in hub_days(slot, good=10, failed=10)]
    good_days = [
        each
        for slot in (1, 3)
        for day in range(1, 9)
        for each in hub_days(slot, good=20, day=f"2026-11-0{day}")
    ]
    rates = failures(bad_day + good_days)
    assert not rates[2].named, "it worked on the bad day alone, as badly as the other did"
    assert (rates[2].others_marked, rates[2].others_seen) == (10, 20)
    alone = failures(hub_days(1, good=5, failed=20))[1]
    assert alone.chance is None
    assert not alone.named


def paces(slot: int, *seconds: float, kind: str = "a") -> list[Pace]:
    return [
        Pace("2026-11-30", "jig1", slot, f"{slot}-{number}", kind, each)
        for number, each in enumerate(seconds)
    ]


def test_a_slot_is_named_that_is_slow_with_hubs_of_one_kind() -> None:
    others = [each for slot in range(1, 8) for each in paces(slot, *[100.0] * 20)]
    longer = [each for slot in range(1, 8) for each in paces(slot, *[300.0] * 20, kind="b")]
    ours = paces(8, *[106.0] * 5, *[104.0] * 15)
    rates = {rate.slot: rate for rate in slot_rates((), [*others, *longer, *ours])}
    assert [slot for slot, rate in rates.items() if rate.named] == [8]
    assert (rates[8].measure, rates[8].marked, rates[8].seen) == (Measure.SLOW, 5, 20)
    assert rates[8].line.startswith("jig1 slot 8: was slow with 5 of 20 hubs (25.0%), 0.0% of the other")


@pytest.mark.parametrize("limits", [{}, {"insertions": 5, "days": 5}, {"until": "2027-01-01", "days": 5}])
def test_what_is_serviced_has_one_limit(limits: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="pins needs one limit: insertions, days or until"):
        ServiceSettings(what="pins", **limits)  # type: ignore[arg-type]  # as TOML has it
