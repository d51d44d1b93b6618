"""How long an upload waits for its next answer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drivers.smp.pace import Pace

SECONDS = st.floats(min_value=0.0, max_value=100.0)


def paced(*seconds: float) -> Pace:
    pace = Pace()
    for took in seconds:
        pace.took(took)
    return pace


def test_nothing_measured_is_waited_for_as_long_as_allowed():
    assert paced().patience(0, 2.0) == 2.0
    assert paced(0.1).patience(0, 2.0) == 2.0


def test_steady_answers_are_waited_for_little_longer_than_they_take():
    steady = paced(*[0.12] * 20)
    assert 0.12 < steady.patience(0, 2.0) < 0.24


def test_each_setback_in_a_row_doubles_it():
    steady = paced(*[0.12] * 20)
    assert steady.patience(1, 60.0) == 2 * steady.patience(0, 60.0)


@given(st.lists(SECONDS), st.integers(0, 1000), SECONDS)
def test_it_is_never_longer_than_allowed(took, setbacks, longest):
    assert 0 <= paced(*took).patience(setbacks, longest) <= longest
