"""What keeps hubs from being begun with, or made to wait: of the station, of a jig, or of one slot."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from pydantic import AwareDatetime, Field, computed_field

from station.domain.reason import LIFTED_BY, Lifter, Reason
from station.domain.slot_name import SlotName
from station.domain.statement import Details, Statement

Scope = Literal["station", "jig", "slot"]


class Notice(Statement):
    """Something that is so since a while."""

    since: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))


class Interlock(Notice):
    """One cause: what, of which part of the bench, since when, and who may lift it."""

    jig: str | None = None
    slot: int | None = None

    @computed_field  # type: ignore[prop-decorator]  # as pydantic documents it
    @property
    def scope(self) -> Scope:
        """How far it reaches."""
        return "station" if self.jig is None else "jig" if self.slot is None else "slot"

    @computed_field  # type: ignore[prop-decorator]
    @property
    def lifted_by(self) -> Lifter:
        """Who may lift it."""
        return LIFTED_BY.get(self.reason, "supervisor") if isinstance(self.reason, Reason) else "supervisor"

    def reaches(self, place: SlotName) -> bool:
        """Whether it holds for this slot."""
        return self.jig in {None, place.jig} and self.slot in {None, place.slot}

    def is_same(self, other: Interlock) -> bool:
        """Whether it is the same cause, whatever is said of it by now."""
        return (self.reason, self.jig, self.slot) == (other.reason, other.jig, other.slot)


def interlock(
    reason: Reason,
    *,
    jig: str | None = None,
    slot: int | None = None,
    since: datetime | None = None,
    **details: object,
) -> Interlock:
    """State an interlock, since now unless told."""
    return Interlock(
        reason=reason,
        details=Details.model_validate(details),
        jig=jig,
        slot=slot,
        since=since or datetime.now(UTC),
    )
