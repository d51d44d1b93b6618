"""What the bench may be told of the people who work at it."""

from __future__ import annotations

import re
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

_PREFIX: Final = re.compile(r"[A-Z0-9][A-Z0-9-]{1,15}", re.ASCII)
_IN_NO_ID: Final = re.compile(r"[G-Z]")


class PeopleSettings(BaseModel):
    """The people at the bench."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    badge_prefix: str | None = Field(
        None,
        description="what the code of each badge begins with, and no label does; without it nobody has a badge",
    )

    @field_validator("badge_prefix")
    @classmethod
    def _of_no_label(cls, prefix: str | None) -> str | None:
        if prefix is not None and not (_PREFIX.fullmatch(prefix) and _IN_NO_ID.search(prefix)):
            raise ValueError(
                "2 to 16 capitals, digits or hyphens, one of them from G to Z: else a hub's label could be taken for a badge"
            )
        return prefix
