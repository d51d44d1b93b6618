"""What can go wrong with a call, on demand and at random."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Fault(StrEnum):
    """What is done to one call."""

    OUTAGE = "outage"
    """Answered 503; nothing is taken."""
    VANISH_BEFORE = "vanish_before"
    """The connection ends; nothing is taken."""
    VANISH_AFTER = "vanish_after"
    """It is taken, and the connection ends without an answer."""
    HANG_BEFORE = "hang_before"
    """Never answered; nothing is taken."""
    HANG_AFTER = "hang_after"
    """It is taken, and never answered."""
    HALF_ANSWER = "half_answer"
    """It is taken; the answer breaks off in its middle."""
    HALF_ROWS = "half_rows"
    """It is taken; only half of the rows of a file are answered. To a notification: as `half_answer`."""
    GARBLED = "garbled"
    """It is taken; the answer is nonsense."""
    INTERNAL = "internal"
    """It is taken, and answered 500."""


PROBABILITY: Final[Mapping[str, float]] = {"none": 0.0, "realistic": 0.03, "dreadful": 0.3}
"""Of a fault of each call, by the name of the mixture."""


@dataclass
class Faults:
    """What is still to go wrong."""

    mixture: str
    seed: str
    armed: dict[str, list[Fault]] = field(default_factory=dict)
    lasting: dict[str, Fault] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin the dice."""
        self._dice = random.Random(self.seed)

    def arm(self, way: str, fault: Fault, times: int | None) -> None:
        """Have the next so many calls of a way (`n3`, `ssmi`) go wrong; all, until disarmed, without a number."""
        if times is None:
            self.lasting[way] = fault
        else:
            self.armed.setdefault(way, []).extend([fault] * times)

    def disarm(self) -> None:
        """Forget what was armed."""
        self.armed.clear()
        self.lasting.clear()

    def next(self, way: str) -> Fault | None:
        """Return what goes wrong with this call."""
        if queued := self.armed.get(way):
            return queued.pop(0)
        if way in self.lasting:
            return self.lasting[way]
        if self._dice.random() < PROBABILITY[self.mixture]:
            return self._dice.choice(list(Fault))
        return None
