"""That nothing of one order was left on a jig before another began: line clearance. No table follows from it."""

from __future__ import annotations

from typing import Literal

from station.domain.actor import Actor
from station.records.facts.base import Fact


class LineCleared(Fact):
    """Each slot of a jig was found empty and its trays declared so; what begins, changes or ends there is in the same append."""

    kind: Literal["line_cleared"] = "line_cleared"
    jig: str
    order: str | None
    """What it worked on until then."""
    by_switch: tuple[int, ...]
    """Slots that are empty by the word of the jig's board."""
    by_link: tuple[int, ...]
    """Those in which nothing has answered for as long as a hub takes to boot."""
    by_eye: tuple[int, ...]
    """Those of which neither could tell, and into which somebody has looked."""
    actor: Actor
    """Who has signed for it."""
