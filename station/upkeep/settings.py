"""What of a jig has to be replaced or checked, and after how much use or time."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator


class ServiceSettings(BaseModel):
    """One part or check. It has one limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    what: Annotated[str, StringConstraints(min_length=1, max_length=64, strip_whitespace=True)] = Field(
        description="what it is, as people call it: pogo pins, say; each once a jig"
    )
    insertions: int | None = Field(
        None, ge=1, description="so many insertions a slot's part may bear before it is replaced"
    )
    days: int | None = Field(
        None, ge=1, le=36_500, description="so many days after it was done it is to be done again"
    )
    until: date | None = Field(
        None, description="its last good day, as a certificate says it: of a calibration or a warranty"
    )

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if sum(limit is not None for limit in (self.insertions, self.days, self.until)) != 1:
            raise ValueError(f"{self.what} needs one limit: insertions, days or until")
        return self

    @property
    def of_each_slot(self) -> bool:
        """Whether every slot has one of its own; else it is the whole jig's."""
        return self.insertions is not None
