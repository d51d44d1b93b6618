"""What a jig's inputs allow, under each start policy and whatever order they come in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.jig_board.errors import BoardSilent
from drivers.jig_board.events import (
    BoardBack,
    BoardIdentity,
    BoardLost,
    EmergencyReleased,
    EmergencyStop,
    LidClosed,
    LidOpened,
    SlotContradicted,
    SlotEmptied,
    SlotSeated,
    StartPressed,
)
from station.bench.jig_inputs import JigInputs

BACK = BoardBack(BoardIdentity(1, "1.0"), (False,) * 8)
LOST = BoardLost(BoardSilent("jig1 board", "does not answer"))


def after(policy, *events):
    inputs = JigInputs(policy)
    for event in events:
        inputs.apply(event)
    return inputs


@pytest.mark.parametrize(
    ("policy", "events", "begins"),
    [
        ("seated", [BACK, SlotSeated(1)], True),
        ("seated", [BACK], False),
        ("seated", [SlotSeated(1)], False),
        ("seated", [BACK, SlotSeated(1), LOST], False),
        ("seated", [BACK, SlotSeated(1), SlotEmptied(1)], False),
        ("lid", [BACK, SlotSeated(1)], False),
        ("lid", [BACK, SlotSeated(1), LidClosed()], True),
        ("lid", [BACK, LidClosed(), LidOpened(), SlotSeated(1)], False),
        ("button", [BACK, SlotSeated(1)], False),
        ("button", [BACK, SlotSeated(1), StartPressed()], True),
        ("button", [BACK, StartPressed(), SlotSeated(1)], False),
        ("button", [BACK, SlotSeated(1), StartPressed(), SlotEmptied(1), SlotSeated(1)], False),
        ("seated", [BACK, SlotSeated(1), EmergencyStop()], False),
        ("seated", [BACK, SlotSeated(1), EmergencyStop(), EmergencyReleased()], False),
        ("seated", [BACK, SlotSeated(1), EmergencyStop(), StartPressed(), EmergencyReleased()], False),
        ("seated", [BACK, SlotSeated(1), EmergencyStop(), EmergencyReleased(), StartPressed()], True),
    ],
)
def test_work_begins_only_when_policy_and_safety_allow(policy, events, begins):
    assert after(policy, *events).may_begin(1) is begins


def test_a_contradicted_switch_is_not_believed_either_way():
    inputs = after("seated", BACK, SlotSeated(1), SlotContradicted(1, True, 0))
    assert inputs.present(1) is None
    inputs.apply(SlotEmptied(1))
    assert inputs.present(1) is False


def test_alarms_say_what_to_do():
    inputs = after("lid", BACK, LidClosed())
    assert inputs.alarm(working=True) is None
    inputs.apply(LidOpened())
    assert "close it" in inputs.alarm(working=True)
    assert inputs.alarm(working=False) is None
    inputs.apply(EmergencyStop())
    assert "release the stop" in inputs.alarm(working=True)
    inputs.apply(EmergencyReleased())
    assert "press start" in inputs.alarm(working=True)
    inputs.apply(StartPressed())
    inputs.apply(LOST)
    assert "jig1 board" in inputs.alarm(working=False)


EVENTS = st.sampled_from(
    [
        BACK,
        LOST,
        SlotSeated(1),
        SlotEmptied(1),
        LidOpened(),
        LidClosed(),
        StartPressed(),
        EmergencyStop(),
        EmergencyReleased(),
    ]
)


@given(st.sampled_from(["seated", "lid", "button"]), st.lists(EVENTS, max_size=30))
def test_after_an_emergency_stop_nothing_begins_before_release_and_reset(policy, events):
    inputs = JigInputs(policy)
    pressed = waiting = False
    for event in events:
        inputs.apply(event)
        match event:
            case EmergencyStop():
                pressed = waiting = True
            case EmergencyReleased():
                pressed = False
            case StartPressed() if not pressed:
                waiting = False
            case _:
                pass
        assert not (waiting and inputs.may_begin(1))
