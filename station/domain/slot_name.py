"""A slot by name."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class SlotName(BaseModel):
    """A slot by name: what an operator reads on the jig."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    jig: str
    slot: int

    def __str__(self) -> str:
        return f"{self.jig} slot {self.slot}"
