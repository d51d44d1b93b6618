"""What an attempt is going to do: one step for each image, and the positions on the way through them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from firmware_catalog.image import FirmwareImage
from station.domain.outcome import Stage
from station.domain.position import Position
from station.records.facts.attempts import StepTarget

STEP_STAGES: Final = (Stage.UNLOCK, Stage.FLASH, Stage.ACTIVATE, Stage.VERIFY, Stage.CONFIRM)
"""The stages that every step goes through, in order. `check` follows the last step once."""


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One image to be made the hub's permanent firmware."""

    image: FirmwareImage

    @property
    def target(self) -> StepTarget:
        """The step as the journal records it."""
        return StepTarget(
            version=self.image.version,
            image_sha256=self.image.file_sha256.hex(),
            image_hash=self.image.image_hash.hex(),
        )


@dataclass(frozen=True, slots=True)
class AttemptPlan:
    """The steps of one attempt, first to last; never empty."""

    steps: tuple[PlannedStep, ...]

    @property
    def targets(self) -> tuple[StepTarget, ...]:
        """The steps as the journal records them."""
        return tuple(step.target for step in self.steps)

    @property
    def last(self) -> PlannedStep:
        """The step whose image the hub shall leave with."""
        return self.steps[-1]

    def following(self, position: Position) -> Position | None:
        """Return what comes after a stage that succeeded, or None after `check`."""
        if position.stage is Stage.CHECK:
            return None
        index = STEP_STAGES.index(position.stage) + 1
        if index < len(STEP_STAGES):
            return Position(position.step, STEP_STAGES[index])
        if position.step + 1 < len(self.steps):
            return Position(position.step + 1, STEP_STAGES[0])
        return Position(position.step, Stage.CHECK)
