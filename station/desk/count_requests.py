"""Counts over everything that the bench has ever done: for whoever draws its course from outside."""

from __future__ import annotations

from pydantic import AwareDatetime, BaseModel, ConfigDict

from station.desk.request import Answer, Question
from station.domain.outcome import Code, Outcome, Stage


class ResultCount(BaseModel):
    """Results of one kind from one slot."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    jig: str
    slot: int
    outcome: Outcome
    results: int
    work_seconds: float
    """How long the hubs were worked on."""


class FaultCount(BaseModel):
    """Results that ended so."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    stage: Stage
    code: Code
    results: int


class ResultsCounted(Answer):
    """Every result that the reports know of."""

    as_of: AwareDatetime | None
    """When the newest fact was recorded that they know of."""
    results: tuple[ResultCount, ...]
    faults: tuple[FaultCount, ...]


class CountResults(Question[ResultsCounted]):
    """Ask how many results there are, by slot and outcome, and by what went wrong."""
