from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from station.publishing.patience import Patience

SECONDS = st.floats(0.001, 10_000)


@given(
    st.floats(0.01, 60),
    st.lists(st.tuples(st.sampled_from(["answered", "too_late", "not_delivered"]), SECONDS)),
)
def test_nobody_gets_less_time_than_configured_and_nobody_gets_it_without_end(configured, seen):
    patience = Patience(configured)
    for what, seconds in seen:
        getattr(patience, what)(seconds)
        assert configured <= patience.answer <= 3600
        assert configured <= patience.delivery <= 3600
    patience.delivered()
    assert patience.answer == patience.delivery == max(configured, patience.needed)


def test_what_is_never_answered_is_waited_for_twice_as_long_and_what_is_dropped_a_minute():
    patience = Patience(5)
    waited = []
    for _ in range(12):
        waited.append(patience.answer)
        patience.too_late(patience.answer)
        patience.not_delivered(patience.delivery)
    assert waited[:5] == [5, 10, 20, 40, 80]
    assert waited[-1] == patience.sign_of_life == 3600
    assert patience.delivery == 60


def test_answers_that_came_late_say_what_is_needed_until_they_are_fast_again():
    patience = Patience(5)
    patience.answered(70)
    assert (patience.answer, patience.delivery, patience.needed) == (140, 140, 140)
    for _ in range(100):
        patience.answered(0.01)
    assert patience.answer == 5
    patience.too_late(5)
    assert (patience.answer, patience.sign_of_life) == (10, 10), "how fast it was is of no use any more"
