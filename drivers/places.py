"""What a driver may add to its plugin: places that can be looked at, opening nothing.

`reflash jigs` lists and binds by it, `reflash doctor` looks by it first, and a place of a wrong kind is refused when
the station starts. A plugin joins in by having the methods of `PlaceFinder`; drivers whose settings are
`SerialSettings` have serial ports for places and need not.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from pydantic import BaseModel


class WrongPlace(ValueError):
    """A text names no place of the driver's kind. The message says what was found and what a place looks like."""


@dataclass(frozen=True, slots=True)
class PlaceSight:
    """What is seen at one place. Equal to an earlier sight as long as the same thing is there."""

    place: str
    """As a configuration writes it."""
    what: str
    """The place and what is there, for a person."""
    may_be_hub: bool
    """Whether it makes sense to ask there for a hub."""
    is_occupant: bool
    """Whether this is what sits in the slot; an adapter is not, which is there with or without a hub behind it."""
    hindrance: str | None = None
    """Why no hub can be worked on here as it is, and what to do about it, in one line."""
    node: Path | None = None
    """The device file behind it."""
    appearance: int = 0
    """Differs whenever something is plugged in anew, where that can be told."""


@runtime_checkable
class PlaceFinder(Protocol):
    """The optional part of a `DriverPlugin`. Nothing here opens a device or sends it a byte."""

    def check_place(self, place: str) -> None:
        """Raise WrongPlace for a text that is no place of this driver's. Looks at nothing but the text."""
        ...

    async def see_place(self, place: str, settings: BaseModel) -> PlaceSight | None:
        """Return what is at a place now, None if nothing is.

        Raises PlaceUnavailable when that cannot be seen, or cannot be said of one thing.
        """
        ...

    async def find_places(
        self, settings: BaseModel, *, beyond: Collection[PlaceSight] = (), seconds: float = 0.0
    ) -> tuple[PlaceSight, ...]:
        """Return everything that is seen now, in the order of the places.

        With `seconds`, wait at most so long for something that may be a hub and is not in `beyond`. Raises
        PlaceUnavailable when nothing can be seen at all.
        """
        ...

    def advice_on_reset(self, settings: BaseModel) -> str:
        """Say what to do where opening and closing a place resets the hub."""
        ...
