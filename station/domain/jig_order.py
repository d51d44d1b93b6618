"""The work order that a jig works on, and how far it is."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class JigOrder(BaseModel):
    """One work order at one moment."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    order: str
    hubs: int = Field(ge=0, description="on the order")
    done: int = Field(ge=0, description="of them, that passed or were current")
    not_done: int = Field(ge=0, description="of them, whose result that counts is rejected or failed")
