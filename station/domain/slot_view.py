"""One slot at one moment, as facts: what a tile, a lamp, a program at the desk and a subscriber at the broker share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, computed_field, model_validator

from firmware_catalog.devices import Family
from firmware_catalog.identity import Eui64
from station.domain.interlock import Interlock
from station.domain.jig_order import JigOrder
from station.domain.next_step import to_do
from station.domain.outcome import Code, Disposition, Outcome, Stage
from station.domain.phase import SlotPhase
from station.domain.reason import Reason
from station.domain.slot_name import SlotName
from station.domain.statement import Details, require_details
from station.domain.to_do import ToDo


class SlotView(BaseModel):
    """One slot at one moment."""

    # What is derived is told, too, and derived again by who reads it.
    model_config = ConfigDict(frozen=True, extra="ignore")

    place: SlotName
    phase: SlotPhase = SlotPhase.STARTING
    reason: Reason | Code = Field(Reason.STARTING, description="why, as a code")
    details: Details = Field(Details(), description="what belongs to the reason")
    chf: Eui64 | None = None
    gpf: Eui64 | None = None
    stage: Stage | None = None
    percent: int | None = Field(None, ge=0, le=100, description="of the image being written")
    silent_seconds: int | None = Field(
        None, ge=0, description="for how long the hub being written has not answered; null while it does"
    )
    outcome: Outcome | None = None
    code: Code | None = None
    disposition: Disposition | None = None
    interlocks: tuple[Interlock, ...] = Field(
        (), description="what keeps hubs from being begun with here: of the station, of the jig, of the slot"
    )
    order: str | None = Field(
        None, description="the work order of the hub's attempt, or else the one that the jig works on"
    )
    jig_order: JigOrder | None = Field(
        None, description="the work order that the jig works on, and how far it is; null for none"
    )
    recorded: AwareDatetime | None = Field(None, description="when the result that is shown was recorded")
    due: AwareDatetime | None = Field(
        None,
        description="when the hub's result is due, as this bench's last visits went; null where nobody knows",
    )
    since: AwareDatetime = Field(
        default_factory=lambda: datetime.now(UTC), description="when the phase began, of this hub"
    )
    revision: int = Field(0, ge=0, description="of the bench: each view that is shown has a greater one")

    @computed_field  # type: ignore[prop-decorator]  # as pydantic documents it
    @property
    def to_do(self) -> ToDo:
        """What a person does here next, as one word."""
        tried_enough = self.details.times is not None
        return to_do(self.phase, self.reason, self.code, self.disposition, tried_enough=tried_enough)

    @property
    def family(self) -> Family:
        """Of which what sits here is, or else what is to sit here."""
        if self.chf is not None:
            return Family.BRIDGE if self.gpf is None else Family.HUB
        return Family.HUB if self.jig_order is None else self.jig_order.family

    @model_validator(mode="after")
    def _whole(self) -> Self:
        require_details(self.reason, self.details, *(["hub"] if self.chf else []))
        return self
