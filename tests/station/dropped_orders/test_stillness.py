"""When a dropped file is whole, over any course of looks and notices."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from station.dropped_orders.stillness import Sight, Stillness

STILL, UNENDED = 5, 60
SIGHTS = st.builds(Sight, st.integers(0, 2), st.integers(0, 2), st.booleans())
STEPS = st.one_of(
    st.tuples(
        st.just("look"), st.dictionaries(st.sampled_from("ab"), SIGHTS), st.sampled_from((1, 4, 5, 60))
    ),
    st.tuples(st.sampled_from(("written", "closed")), st.sampled_from("ab"), st.just(0)),
)
CUT_OFF = {"a": Sight(1, 1, ended=False)}


@example([("look", CUT_OFF, 1), ("look", CUT_OFF, STILL)])
@given(st.lists(STEPS, max_size=30))
def test_what_is_ready_has_lain_still_and_nobody_writes_to_it(steps: list) -> None:
    stillness, now = Stillness(STILL, UNENDED), 0
    since: dict[str, tuple[Sight, float]] = {}
    writing: set[str] = set()
    for what, about, seconds in steps:
        now += seconds
        if what == "written":
            stillness.written(about)
            writing.add(about)
        elif what == "closed":
            stillness.closed(about)
            writing.discard(about)
            since.pop(about, None)
        else:
            since = {
                name: since[name] if name in since and since[name][0] == sight else (sight, now)
                for name, sight in about.items()
            }
            writing &= about.keys()
            lain = {name: now - begun for name, (_, begun) in since.items()}
            looked = stillness.look(about, now)
            long_still = {name for name in about if lain[name] >= UNENDED}
            still = {name for name in about if lain[name] >= STILL and about[name].ended} | long_still
            assert set(looked.ready) == still - writing
            assert set(looked.held) == long_still & writing
            others = about.keys() - set(looked.ready) - set(looked.held)
            assert (looked.seconds is None) == (not others)
            assert looked.seconds is None or 0 < looked.seconds <= UNENDED


def test_a_writer_that_is_gone_unseen_is_forgotten_and_the_oldest_comes_first() -> None:
    stillness = Stillness(STILL, UNENDED)
    sights = {"b": Sight(1, 1, ended=True), "a": Sight(1, 2, ended=True)}
    stillness.written("a")
    stillness.look(sights, 0)
    assert stillness.look(sights, UNENDED).ready == ("b",)
    stillness.forget_writers()
    assert stillness.look(sights, UNENDED).ready == ("b", "a")
