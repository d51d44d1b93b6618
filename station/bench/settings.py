"""What the bench may be told of the people who work at it."""

from __future__ import annotations

import re
from datetime import date, time
from typing import Annotated, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from station.domain.shift_day import ShiftDays

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


class CheckListItem(BaseModel):
    """One thing to look at before the first hub of a shift."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    what: Annotated[str, StringConstraints(min_length=1, max_length=64, strip_whitespace=True)] = Field(
        description="what it is, as people call it: wrist strap, say; each once"
    )
    until: date | None = Field(
        None, description="its last good day, as a certificate says it; after it the list cannot be signed"
    )


class ShiftSettings(BaseModel):
    """What is to be done before the first hub of a shift."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    begins: time = Field(
        time(5), description="when a shift day begins, by the clock of `zone`: before the first shift comes"
    )
    zone: str = Field("Europe/London", description="whose clock that is, as the IANA database names it")
    check_list: tuple[CheckListItem, ...] = Field((), description="what somebody looks at and signs for")
    check_list_signed: Literal["off", "warn", "required"] = Field(
        "off", description="whether no hub is begun with before the check list of the day is signed"
    )
    golden_check: Literal["off", "warn", "required"] = Field(
        "off", description="whether no hub is begun with in a slot before its golden check of the day"
    )

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (OSError, ValueError, LookupError):
            raise ValueError("no such zone; Europe/London is one") from None
        return zone

    @field_validator("begins")
    @classmethod
    def _on_the_clock(cls, begins: time) -> time:
        if begins.tzinfo is not None:
            raise ValueError("a time without an offset: `zone` says whose clock it is of")
        return begins

    @property
    def days(self) -> ShiftDays:
        """The days of the bench."""
        return ShiftDays(self.begins, self.zone)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = [each.what for each in self.check_list]
        if len(set(names)) < len(names):
            raise ValueError("each item of the check list is there once")
        return self
