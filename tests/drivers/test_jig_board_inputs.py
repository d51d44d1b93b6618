from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.jig_board.events import (
    EmergencyReleased,
    EmergencyStop,
    LidClosed,
    LidOpened,
    SlotAgreed,
    SlotContradicted,
    SlotEmptied,
    SlotReseated,
    SlotSeated,
    StartPressed,
)
from drivers.jig_board.inputs import (
    UNWATCHED_SECONDS,
    Debouncer,
    Inputs,
    InputWatch,
    InsertionWatch,
    PresenceDoubt,
)
from drivers.jig_board.settings import JigBoardSettings

HOLD, GAP = 0.1, 0.2

looks = st.lists(st.tuples(st.floats(0.001, 0.3), st.booleans()), max_size=60)


def times(steps: list[tuple[float, bool]]) -> list[tuple[float, bool]]:
    now, timed = 100.0, []
    for step, value in steps:
        now += step
        timed.append((now, value))
    return timed


@given(looks)
def test_a_value_is_believed_only_after_nothing_else_was_seen_for_the_hold(
    steps: list[tuple[float, bool]],
) -> None:
    debouncer = Debouncer(HOLD, GAP)
    seen: list[tuple[float, bool]] = []
    for now, value in times(steps):
        changed = debouncer.look(value, now)
        seen.append((now, value))
        if changed:
            assert debouncer.believed is value
            run = []
            for look in reversed(seen):
                if look[1] is not value or (run and run[-1][0] - look[0] > GAP):
                    break
                run.append(look)
            assert run[0][0] - run[-1][0] >= HOLD


@given(looks, st.booleans())
def test_whatever_went_before_a_value_that_stands_still_is_believed_in_time(
    steps: list[tuple[float, bool]], value: bool
) -> None:
    debouncer = Debouncer(HOLD, GAP)
    timed = times(steps)
    for now, earlier in timed:
        debouncer.look(earlier, now)
    start = timed[-1][0] if timed else 100.0
    for number in range(1, 5):
        debouncer.look(value, start + number * 0.05)
    assert debouncer.believed is value


@given(looks)
def test_changes_alternate(steps: list[tuple[float, bool]]) -> None:
    debouncer = Debouncer(HOLD, GAP)
    believed = [value for now, value in times(steps) if debouncer.look(value, now)]
    assert all(one is not other for one, other in pairwise(believed))


def test_without_a_hold_every_look_is_believed() -> None:
    debouncer = Debouncer(0.0, 0.1)
    assert [debouncer.look(value, now) for now, value in enumerate([True, False, False, True])] == [
        True,
        True,
        False,
        True,
    ]


def test_two_looks_with_blindness_between_them_prove_nothing() -> None:
    debouncer = Debouncer(HOLD, GAP)
    assert not debouncer.look(True, 1.0)
    assert not debouncer.look(True, 2.0)
    assert debouncer.look(True, 2.1)


def inputs(
    *seated: int, lid: bool | None = True, start: bool | None = False, emergency: bool = False
) -> Inputs:
    return Inputs(tuple(slot in seated for slot in (1, 2, 3)), lid, start, emergency)


class Watching:
    """Looks every 62.5 ms, unless another time is said: three looks span the hold."""

    def __init__(self, apart: float = 0.0625) -> None:  # exact in binary
        self._apart = apart
        self.watch = InputWatch(JigBoardSettings(port="p", slots=3))
        self.now = 0.0

    def see(self, picture: Inputs, looks: int = 3) -> list[object]:
        news: list[object] = []
        for _ in range(looks):
            self.now += self._apart
            news += self.watch.look(picture, self.now)
        return news


def test_the_first_picture_is_told_whole_and_then_changes_only() -> None:
    watching = Watching()
    assert watching.watch.seated == (None, None, None)
    assert watching.see(inputs(2)) == [
        EmergencyReleased(),
        LidClosed(),
        SlotEmptied(1),
        SlotSeated(2),
        SlotEmptied(3),
    ]
    assert watching.see(inputs(2), looks=50) == []
    assert watching.see(inputs(2, 3)) == [SlotSeated(3)]
    assert watching.see(inputs(3, lid=False)) == [LidOpened(), SlotEmptied(2)]
    assert watching.watch.seated == (False, False, True)


@pytest.mark.parametrize("apart", [0.125, 0.25, 0.4375, UNWATCHED_SECONDS])
def test_a_board_that_is_looked_at_seldom_is_believed_at_the_second_look(apart: float) -> None:
    """Where each second answer is lost, say: further apart, looks count as missed, and that is told."""
    watching = Watching(apart)
    assert watching.see(inputs(1), looks=1) == []
    assert SlotSeated(1) in watching.see(inputs(1), looks=1)
    assert watching.see(inputs(emergency=True), looks=1) == []
    assert watching.see(inputs(emergency=True), looks=1) == [EmergencyStop(), SlotEmptied(1)]


def test_a_bouncing_switch_is_one_event() -> None:
    watching = Watching()
    watching.see(inputs())
    news = []
    for seated in (True, False, True, True, False, True, True, True, True):
        news += watching.see(inputs(1) if seated else inputs(), looks=1)
    assert news == [SlotSeated(1)]


def test_start_is_told_at_each_press_and_not_at_its_release() -> None:
    watching = Watching()
    watching.see(inputs())
    told = [watching.see(inputs(start=pressed)) for pressed in (True, False, True)]
    assert told == [[StartPressed()], [], [StartPressed()]]


def test_a_button_held_down_from_the_beginning_starts_nothing() -> None:
    watching = Watching()
    assert StartPressed() not in watching.see(inputs(start=True))
    assert watching.see(inputs()) == []
    assert watching.see(inputs(start=True)) == [StartPressed()]


@pytest.mark.parametrize(("before", "between"), [(3, 0), (0, 0), (0, 1), (0, 2)])
def test_a_press_of_start_that_began_before_the_release_is_none_after_it(before: int, between: int) -> None:
    """It began some looks before the stop was let go, or was believed to be."""
    watching = Watching()
    watching.see(inputs(emergency=True))
    watching.see(inputs(start=True, emergency=True), before)
    watching.see(inputs(start=before > 0), between)
    news = watching.see(inputs(start=True), looks=10)
    assert StartPressed() not in news[news.index(EmergencyReleased()) :]
    watching.see(inputs())
    assert watching.see(inputs(start=True)) == [StartPressed()]


def test_an_emergency_stop_comes_first_and_so_does_its_absence() -> None:
    watching = Watching()
    assert watching.see(inputs(emergency=True))[0] == EmergencyStop()
    assert watching.watch.emergency_stop
    assert watching.see(inputs()) == [EmergencyReleased()]
    assert not watching.watch.emergency_stop
    calm = Watching()
    assert calm.see(inputs())[0] == EmergencyReleased()


def test_a_jig_without_lid_and_button_never_tells_of_them() -> None:
    watching = Watching()
    assert watching.see(inputs(lid=None, start=None)) == [
        EmergencyReleased(),
        SlotEmptied(1),
        SlotEmptied(2),
        SlotEmptied(3),
    ]


pictures = st.builds(
    Inputs,
    seated=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    lid_closed=st.booleans(),
    start_pressed=st.booleans(),
    emergency_stop=st.booleans(),
)


@given(st.lists(st.tuples(pictures, st.integers(1, 4)), max_size=30))
def test_who_follows_the_events_knows_what_is_believed(steps: list[tuple[Inputs, int]]) -> None:
    watching = Watching()
    seated: dict[int, bool] = {}
    stopped: bool | None = None
    lid: list[object] = []
    for picture, looks in steps:
        for event in watching.see(picture, looks):
            match event:
                case SlotSeated(slot=slot) | SlotEmptied(slot=slot):
                    assert seated.get(slot) is not isinstance(event, SlotSeated), "changes only"
                    seated[slot] = isinstance(event, SlotSeated)
                case EmergencyStop() | EmergencyReleased():
                    assert stopped is not isinstance(event, EmergencyStop), "changes only"
                    stopped = isinstance(event, EmergencyStop)
                case LidOpened() | LidClosed():
                    assert lid[-1:] != [event], "changes only"
                    lid.append(event)
        assert watching.watch.seated == tuple(seated.get(slot) for slot in (1, 2, 3))
        assert watching.watch.emergency_stop is (stopped is True)


@pytest.mark.parametrize(
    ("seated", "power", "current", "contradicted"),
    [
        (True, True, 150, False),
        (True, True, 19, True),
        (True, False, 2, False),
        (True, False, 150, False),
        (False, True, 2, False),
        (False, False, 2, False),
        (False, True, 20, True),
        (False, False, 150, True),
        (None, True, 150, False),
        (None, True, 0, False),
    ],
)
def test_presence_and_current_are_compared(
    seated: bool | None, power: bool, current: int, contradicted: bool
) -> None:
    doubt = PresenceDoubt(JigBoardSettings(port="p", slots=1))
    assert doubt.compare((seated,), (power,), (current,)) == ()
    expected = (SlotContradicted(1, bool(seated), current),) if contradicted else ()
    assert doubt.compare((seated,), (power,), (current,)) == expected
    assert doubt.compare((seated,), (power,), (current,)) == (), "told once"


def test_a_contradiction_that_returns_is_told_again() -> None:
    doubt = PresenceDoubt(JigBoardSettings(port="p", slots=2))
    wrong, right = ((True, False), (True, False), (150, 150)), ((True, False), (True, False), (150, 0))
    told = [doubt.compare(*reading) for reading in (wrong, right, wrong, wrong, wrong, right, wrong, wrong)]
    wrongly = (SlotContradicted(2, False, 150),)
    assert told == [(), (), (), wrongly, (), (SlotAgreed(2),), (), wrongly]


def test_of_two_hubs_seated_between_two_counts_one_that_was_not_seen_is_told() -> None:
    watch = InsertionWatch()
    assert watch.compare((5, 9), (True, True)) == ()
    watch.saw(1)
    assert watch.compare((7, 10), (True, True)) == (SlotReseated(1), SlotReseated(2))
    watch.saw(1)
    watch.saw(1)
    assert watch.compare((9, 10), (True, True)) == ()


def test_a_seating_that_is_counted_before_it_is_believed_is_told_once() -> None:
    watch = InsertionWatch()
    watch.compare((5,), (False,))
    assert watch.compare((6,), (False,)) == ()
    watch.saw(1)
    assert watch.compare((6,), (True,)) == ()
    assert watch.compare((7,), (True,)) == (SlotReseated(1),)
    assert watch.compare((7,), (True,)) == ()


def test_a_counter_that_wraps_counts_on() -> None:
    watch = InsertionWatch()
    watch.compare(((1 << 32) - 1,), (True,))
    watch.saw(1)
    assert watch.compare((0,), (True,)) == ()
