"""What a jig's inputs allow, under each start policy and whatever order they come in."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from benches.sentences import SENTENCES
from drivers.jig_board.errors import BoardSilent
from drivers.jig_board.events import (
    BoardBack,
    BoardIdentity,
    BoardLost,
    EmergencyReleased,
    EmergencyStop,
    LidClosed,
    LidOpened,
    LooksMissed,
    SlotAgreed,
    SlotContradicted,
    SlotEmptied,
    SlotOpened,
    SlotReseated,
    SlotSeated,
    StartPressed,
)
from station.bench.jig_inputs import JigInputs
from station.domain.reason import Reason

BACK = BoardBack(BoardIdentity(1, "1.0"), (False,) * 8)
LOST = BoardLost(BoardSilent("jig1 board", "does not answer"))


CALM = EmergencyReleased()
"""The board tells of a stop that is not pressed, too."""


def alarm(inputs, **known):
    return "; ".join(map(SENTENCES.interlock, inputs.interlocks("jig1", **known)))


def after(policy, *events):
    inputs = JigInputs(policy)
    for event in events:
        inputs.apply(event)
    return inputs


@pytest.mark.parametrize(
    ("policy", "events", "begins"),
    [
        ("seated", [BACK, CALM, SlotSeated(1)], True),
        ("seated", [BACK, CALM], False),
        ("seated", [CALM, SlotSeated(1)], False),
        ("seated", [BACK, CALM, SlotSeated(1), LOST], False),
        ("seated", [BACK, CALM, SlotSeated(1), SlotEmptied(1)], False),
        ("lid", [BACK, CALM, SlotSeated(1)], False),
        ("lid", [BACK, CALM, SlotSeated(1), LidClosed()], True),
        ("lid", [BACK, CALM, LidClosed(), LidOpened(), SlotSeated(1)], False),
        ("button", [BACK, CALM, SlotSeated(1)], False),
        ("button", [BACK, CALM, SlotSeated(1), StartPressed()], True),
        ("button", [BACK, CALM, StartPressed(), SlotSeated(1)], False),
        (
            "button",
            [BACK, CALM, SlotSeated(1), StartPressed(), SlotOpened(1), SlotEmptied(1), SlotSeated(1)],
            False,
        ),
        ("seated", [BACK, CALM, SlotSeated(1), EmergencyStop()], False),
        ("seated", [BACK, CALM, SlotSeated(1), EmergencyStop(), EmergencyReleased()], False),
        ("seated", [BACK, CALM, SlotSeated(1), EmergencyStop(), StartPressed(), EmergencyReleased()], False),
        ("seated", [BACK, CALM, SlotSeated(1), EmergencyStop(), EmergencyReleased(), StartPressed()], False),
        ("seated", [BACK, SlotSeated(1)], False),
    ],
)
def test_work_begins_only_when_policy_and_safety_allow(policy, events, begins):
    assert after(policy, *events).may_begin(1) is begins


def test_a_contradicted_switch_is_not_believed_either_way():
    inputs = after("seated", BACK, CALM, SlotSeated(1), SlotContradicted(1, True, 0))
    assert inputs.present(1) is None
    inputs.apply(SlotOpened(1))
    inputs.apply(SlotEmptied(1))
    assert inputs.present(1) is False


def test_alarms_say_what_to_do():
    inputs = after("lid", BACK, CALM, LidClosed())
    assert alarm(inputs, working=True, off=True) == ""
    inputs.apply(LidOpened())
    assert "close it" in alarm(inputs, working=True, off=True)
    assert alarm(inputs, working=False, off=True) == ""
    inputs.apply(EmergencyStop())
    assert "leave the stop pressed until its slots are off" in alarm(inputs, working=True, off=False)
    assert "then release the stop" in alarm(inputs, working=True, off=True)
    inputs.apply(EmergencyReleased())
    assert "press start" in alarm(inputs, working=True, off=True)
    inputs.apply(StartPressed())
    inputs.apply(LOST)
    assert "jig1 board" in alarm(inputs, working=False, off=True)


EVENTS = st.sampled_from(
    [
        BACK,
        LOST,
        CALM,
        LooksMissed(),
        SlotSeated(1),
        SlotOpened(1),
        SlotEmptied(1),
        SlotContradicted(1, True, 0),
        SlotAgreed(1),
        SlotReseated(1),
        LidOpened(),
        LidClosed(),
        StartPressed(),
        EmergencyStop(),
    ]
)
POLICIES = st.sampled_from(["seated", "lid", "button"])


@given(POLICIES, st.booleans(), st.lists(EVENTS, max_size=30))
def test_after_an_emergency_stop_nothing_is_powered_before_release_and_reset(policy, stopped, events):
    """Stopped before the station was started, too; pressing start only asks for the reset, which is recorded first."""
    inputs = JigInputs(policy, stopped=stopped)
    for event in events:
        inputs.apply(event)
        stopped = stopped or isinstance(event, EmergencyStop)
        assert inputs.stopped is stopped
        assert not (inputs.stopped and (inputs.may_power() or inputs.may_begin(1)))
        if inputs.reset_asked:
            assert inputs.emergency is False
            inputs.reset()
            stopped = False


KNOWN = {SlotSeated: True, SlotEmptied: False}
"""What is known of a slot by what was told of it last."""


@given(POLICIES, st.lists(EVENTS, max_size=30))
@example("seated", [BACK, SlotSeated(1), SlotEmptied(1), SlotSeated(1)])
def test_what_was_not_told_since_it_was_watched_is_unknown(policy, events):
    inputs = JigInputs(policy)
    told = []
    gaps = 0
    for event in events:
        moves = [each for each in told if isinstance(each, SlotSeated | SlotEmptied | SlotOpened)]
        was_empty = bool(moves) and isinstance(moves[-1], SlotEmptied)
        inputs.apply(event)
        if isinstance(event, BoardLost | LooksMissed):
            told.clear()
        if isinstance(event, BoardLost | LooksMissed | SlotReseated | SlotOpened):
            gaps += 1
        if isinstance(event, SlotSeated | SlotAgreed) and was_empty:
            gaps += 1  # whoever still thinks of the last hub has to ask
        told.append(event)
        presence = [each for each in told if isinstance(each, SlotSeated | SlotEmptied | SlotOpened)]
        lid = [each for each in told if isinstance(each, LidOpened | LidClosed)]
        stop = [each for each in told if isinstance(each, EmergencyStop | EmergencyReleased)]
        assert inputs.gaps[1] == gaps
        assert inputs.lid_closed is (isinstance(lid[-1], LidClosed) if lid else None)
        assert inputs.emergency is (isinstance(stop[-1], EmergencyStop) if stop else None)
        assert inputs.present(1) in {None, KNOWN.get(type(presence[-1])) if presence else None}
        if not (presence and stop):
            assert not inputs.may_begin(1)


def test_an_insertion_that_nobody_saw_is_an_opening_that_nobody_saw():
    inputs = after("button", BACK, CALM, SlotSeated(1), StartPressed())
    before = inputs.openings[1], inputs.gaps[1]
    inputs.apply(SlotReseated(1))
    assert (inputs.openings[1], inputs.gaps[1]) == (before[0] + 1, before[1] + 1)
    assert not inputs.may_begin(1)


def test_a_contradiction_ends_when_switch_and_current_agree_again():
    inputs = after("seated", BACK, CALM, SlotSeated(1), SlotContradicted(1, True, 0))
    assert inputs.doubt(1) is Reason.NO_CURRENT
    inputs.apply(SlotAgreed(1))
    assert inputs.present(1) is True
    assert inputs.doubt(1) is None


def test_current_through_an_empty_slot_is_doubted_and_alarmed():
    inputs = after("seated", BACK, CALM, SlotSeated(1), SlotEmptied(1), SlotContradicted(1, False, 150))
    assert inputs.present(1) is None
    assert "leave it in, mend the switch" in alarm(inputs, working=False, off=True)


def test_a_hub_that_answers_is_believed_against_its_switch_until_that_moves():
    inputs = after("seated", BACK, CALM, SlotSeated(1))
    inputs.doubt_switch(1)
    assert inputs.present(1) is True, "nothing speaks against a switch that sees the hub"
    inputs.apply(SlotEmptied(1))
    inputs.doubt_switch(1)
    assert inputs.present(1) is None
    inputs.apply(SlotSeated(1))
    assert inputs.present(1) is True
