"""How long a hub still takes: what this bench's last visits took, a stage, model and kind of port.

A few numbers each, recalled once from the journal and then kept by each result. Pure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from statistics import median
from typing import Final

from drivers.hub import DeviceIdentity
from station.attempt.parts import Progress
from station.attempt.plan import STEP_STAGES
from station.domain.outcome import Outcome, Stage
from station.records.chain import RecordedEvent
from station.records.facts.attempts import AttemptClosed, StageStarted

KEPT: Final = 9
"""So many visits count: an odd number, few enough that a new release is soon told from the last."""
_LEAST: Final = 3
"""Of fewer nothing is said."""

_WAY: Final = (*STEP_STAGES, Stage.CHECK)
_Key = tuple[str, str, str, Stage]
"""Kind of port, manufacturer, model, stage."""


class Pace:
    """The medians. One for a bench."""

    def __init__(self, kinds: Mapping[str, str]) -> None:
        """`kinds` says of each jig by what its hubs are reached: its driver's name."""
        self._kinds = kinds
        self._seconds: dict[_Key, deque[float]] = {}
        self._chains: set[int] = set()
        """Attempts at work that bring their hub up in more than one step: no measure for one step."""

    def recall(self, visits: Iterable[AttemptClosed]) -> None:
        """Begin with the last visits of a journal, oldest first."""
        for visit in visits:
            self._count(visit)

    def hear(self, recorded: RecordedEvent) -> None:
        """Take a recorded fact in."""
        match recorded.event:
            case StageStarted(attempt=attempt, step=step) if step:
                self._chains.add(attempt)
            case AttemptClosed(attempt=attempt) as closed:
                if attempt not in self._chains:
                    self._count(closed)
                self._chains.discard(attempt)
            case _:
                pass

    def seconds_left(self, jig: str, hub: DeviceIdentity, progress: Progress) -> float | None:
        """Return how long a hub takes from the beginning of this stage to its result; None where nobody knows."""
        kind = self._kinds.get(jig)
        if kind is None or progress.steps != 1:
            return None
        of_one = [
            list(self._seconds.get((kind, hub.model.manufacturer, hub.model.model, stage), ()))
            for stage in _WAY[_WAY.index(progress.position.stage) :]
        ]
        return None if any(len(each) < _LEAST for each in of_one) else sum(map(median, of_one))

    def _count(self, closed: AttemptClosed) -> None:
        kind = self._kinds.get(closed.place.jig)
        if (
            closed.outcome is not Outcome.PASSED
            or kind is None
            or not closed.manufacturer
            or not closed.model
        ):
            return
        for stage, seconds in closed.seconds.items():
            key = (kind, closed.manufacturer, closed.model, stage)
            self._seconds.setdefault(key, deque(maxlen=KEPT)).append(seconds)
