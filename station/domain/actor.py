"""Who did something."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Pseudonym = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""Stands for a person. One word: whom it stands for is kept apart from the journal, and can be erased."""


class Actor(BaseModel):
    """Who did something, as far as the journal may know: it never forgets, so it holds no name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pseudonym: Pseudonym | None
    """See `station.records.operators`. None where nobody says who it is: a bench without `operator`."""
    role: Literal["technician", "supervisor"] | None = None
    """None for the station's own account."""
    where: str | None = Field(None, max_length=64)
    """The jig, desk or terminal at which it was done."""
