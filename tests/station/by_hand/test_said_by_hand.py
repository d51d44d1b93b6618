"""What a person with a device in hand is told before anything is begun with it: nothing of slots and jigs."""

from __future__ import annotations

import pytest

from drivers.errors import HubAction, HubInSerialRecovery, NoAnswer
from drivers.smp.other_framing import WrongFraming
from station.by_hand.devices import said_by_hand

FACTS = {"action": HubAction.IDENTIFY, "state_known": True}


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            NoAnswer("it did not answer", **FACTS, advice="seat it anew"),
            "it did not answer: check its supply and its cable, then flash it again",
        ),
        (
            HubInSerialRecovery("it waits in its boot loader", **FACTS, advice="send it to rework"),
            "it waits in its boot loader: keep it apart, it needs its maker's tools",
        ),
        (
            WrongFraming("/dev/ttyUSB0", told="raw", heard="console", action=HubAction.WAIT),
            "the device answers in console framing: give --framing console",
        ),
    ],
)
def test_advice_is_for_one_who_has_no_slot(error, said):
    assert said_by_hand(error) == said
