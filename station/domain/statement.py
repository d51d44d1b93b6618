"""What there is to say, without words: a code, and the details that belong to it. Words are found at the edge."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, model_validator

from firmware_catalog.identity import Eui64, FirmwareVersion
from station.domain.if_any import IF_ANY
from station.domain.outcome import Code
from station.domain.reason import NEEDS, Reason


class Details(BaseModel):
    """What belongs to a code. What does not is absent."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    label: Eui64 | None = IF_ANY
    """The id that was scanned."""
    hub: Eui64 | None = IF_ANY
    """CHF id of a hub, where it is not the one that the slot's view names."""
    own: Eui64 | None = IF_ANY
    """The id of the hub that is to be held against the label's."""
    jig: str | None = IF_ANY
    """Which one it is about, where it is said of the station."""
    times: int | None = IF_ANY
    seconds: float | None = IF_ANY
    slots: tuple[int, ...] | None = IF_ANY
    part: str | None = IF_ANY
    """Of the station's own program."""
    left: FirmwareVersion | None = IF_ANY
    """What the hub was left with."""
    runs: FirmwareVersion | None = IF_ANY
    """What it says that it runs."""
    free: int | None = IF_ANY
    """MiB."""
    least: int | None = IF_ANY
    """MiB."""
    folder: str | None = IF_ANY
    unsettled: str | None = IF_ANY
    """What could not be put right about the hub, in English, to follow "the hub"."""
    detail: str | None = IF_ANY
    """What a hub, a driver, a disk or a catalogue says of itself, as it says it."""
    advice: str | None = IF_ANY
    """What to do, where only whoever met it knows: the words of a driver."""

    def given(self) -> dict[str, Any]:
        """Return those that are there."""
        return {name: value for name, value in self if value is not None}


class Statement(BaseModel):
    """One thing to say."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    reason: Reason | Code
    details: Details = Details()

    @classmethod
    def of(cls, reason: Reason, **details: object) -> Statement:
        """State a reason with its details."""
        return Statement(reason=reason, details=Details.model_validate(details))

    @model_validator(mode="after")
    def _whole(self) -> Self:
        require_details(self.reason, self.details)
        return self


def require_details(reason: Reason | Code, details: Details, *beside: str) -> None:
    """Raise ValueError where something is not there without which nothing can be said of a reason.

    `beside` names what is known besides the details.
    """
    needed = NEEDS.get(reason)
    if needed and (missing := needed.difference(details.given(), beside)):
        raise ValueError(f"{reason} is stated without {', '.join(sorted(missing))}")
