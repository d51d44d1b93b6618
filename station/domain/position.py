"""How far an attempt is: a stage, of one step of its plan."""

from __future__ import annotations

from dataclasses import dataclass

from station.domain.outcome import Stage


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in an attempt: which step of the plan (from 0), and which stage of it."""

    step: int
    stage: Stage

    def __str__(self) -> str:
        return f"{self.stage} of step {self.step + 1}"
