"""Jigs as things that wear: what a board counted, and what people replaced or checked. No table is made of it: reports are."""

from __future__ import annotations

from typing import Literal

from station.domain.actor import Actor
from station.records.facts.base import Fact


class InsertionsCounted(Fact):
    """A jig's board said how often hubs were seated in its slots: ever, as far as it knows."""

    kind: Literal["insertions_counted"] = "insertions_counted"
    jig: str
    board: int
    """Its serial number."""
    counts: tuple[int, ...]
    """Slot 1 first. A counter of 32 bits may wrap, and one of another board counts something else."""


class JigServiced(Fact):
    """A part of some slots is new, or a check of the whole jig was done: what counts for it counts from here."""

    kind: Literal["jig_serviced"] = "jig_serviced"
    jig: str
    slots: tuple[int, ...]
    """None for what is the whole jig's."""
    what: str
    """As the configuration calls it."""
    actor: Actor
