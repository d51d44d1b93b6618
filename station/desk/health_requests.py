"""How the bench PC is, for whoever is not at the bench."""

from __future__ import annotations

from pydantic import Field

from station.desk.request import Answer, Question
from station.health.health import Health


class HealthShown(Answer):
    """How it is, and for how long its daemon has run."""

    uptime_seconds: float = Field(ge=0)
    health: Health


class ShowHealth(Question[HealthShown]):
    """Ask how the bench PC is: what waits to leave, catalogue, clock, disk, certificates, backup."""
