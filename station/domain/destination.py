"""Where a hub goes from the bench."""

from __future__ import annotations

from enum import StrEnum


class Destination(StrEnum):
    """The six places. A hub leaves the bench by a scan at one of them."""

    CARTON = "carton"
    """Done: into a carton of its own kind."""
    REWORK = "rework"
    """Failed, and can perhaps be helped by its maker's tools."""
    SCRAP = "scrap"
    """Failed for good. A supervisor confirms each."""
    QUARANTINE = "quarantine"
    """Something does not agree: kept apart until a supervisor has decided."""
    PARTY = "party"
    """Back to the party that sent it, as it came."""
    MAKER = "maker"
    """Back to its maker."""
