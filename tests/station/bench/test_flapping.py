"""A port that comes and goes is asked ever more rarely, and never given up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from station.bench.flapping import Flapping


@given(st.lists(st.floats(0, 59), min_size=1, max_size=40))
def test_the_pause_grows_and_is_bounded(held: list[float]) -> None:
    now = 0.0
    flapping = Flapping(lambda: now)
    pauses = []
    for seconds in held:
        flapping.had()
        now += seconds
        pauses.append(flapping.lost())
    assert pauses == sorted(pauses)
    assert pauses[:2] == [0.0, 0.0][: len(pauses)]
    assert all(pause > 0 for pause in pauses[2:])
    assert max(pauses) <= 30
    assert flapping.losses == len(held)


def test_a_result_and_a_port_that_was_held_long_begin_anew() -> None:
    now = 0.0
    flapping = Flapping(lambda: now)
    for _ in range(5):
        flapping.had()
        flapping.lost()
    flapping.steady()
    assert flapping.lost() == 0
    for _ in range(5):
        flapping.had()
        flapping.lost()
    flapping.had()
    now += 60
    assert (flapping.lost(), flapping.losses) == (0, 1)
