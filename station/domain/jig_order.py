"""The work order that a jig works on, and how far it is."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from firmware_catalog.devices import Family
from station.domain.if_any import HUB_UNLESS_SAID


class JigOrder(BaseModel):
    """One work order at one moment."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    order: str
    family: Family = HUB_UNLESS_SAID
    hubs: int = Field(ge=0, description="on the order")
    done: int = Field(ge=0, description="of them, that passed or were current")
    not_done: int = Field(ge=0, description="of them, whose result that counts is rejected or failed")
