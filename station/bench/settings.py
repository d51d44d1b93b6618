"""What the bench may be told of the people who work at it."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

_PREFIX: Final = re.compile(r"[A-Z0-9][A-Z0-9-]{1,15}", re.ASCII)
_IN_NO_ID: Final = re.compile(r"[G-Z]")


class PeopleSettings(BaseModel):
    """The people at the bench."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sign_on: Literal["off", "required"] = Field(
        "off", description="whether no hub is begun with at a jig where nobody is signed on"
    )
    line_clearance: Literal["off", "required"] = Field(
        "required",
        description="whether an order begins, changes and ends on a jig only over empty slots and trays, and signed for",
    )
    badge_prefix: str | None = Field(
        None,
        description="what the code of each badge begins with, and no label does; without it nobody has a badge",
    )
    sign_on_hours: Annotated[float, Field(gt=0, le=24)] = Field(
        10.0,
        description="a sign-on ends by itself after so long: longer than any shift, shorter than until the next day's",
    )

    @field_validator("badge_prefix")
    @classmethod
    def _of_no_label(cls, prefix: str | None) -> str | None:
        if prefix is not None and not (_PREFIX.fullmatch(prefix) and _IN_NO_ID.search(prefix)):
            raise ValueError(
                "2 to 16 capitals, digits or hyphens, one of them from G to Z: else a hub's label could be taken for a badge"
            )
        return prefix
