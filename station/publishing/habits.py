"""What is known of the broker, over all connections of one publisher. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from station.publishing.endings import Endings
from station.publishing.hang_ups import HangUps
from station.publishing.patience import Patience


@dataclass(slots=True)
class Habits:
    """How slow it is, what it hangs up at, and how connections to it end."""

    patience: Patience
    hang_ups: HangUps = field(default_factory=HangUps)
    endings: Endings = field(default_factory=Endings)
    again_at: float | None = None
    """When what it hangs up at is to be tried again (monotonic); None while there is nothing of the kind."""
