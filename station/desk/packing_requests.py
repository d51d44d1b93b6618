"""Hubs that leave the bench: put in their places, packed into cartons, cartons put on pallets."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from firmware_catalog.identity import Eui64
from station.desk.request import Answer, Command, Name, Question, Words
from station.domain.destination import Destination
from station.domain.label import ScannedLabel

Code = Annotated[str, StringConstraints(min_length=1, max_length=40)]
"""Of a carton or pallet, as it is printed on it."""
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
"""Why somebody decides so; not left out."""
LastDigits = Annotated[str, StringConstraints(pattern="^[0-9A-Fa-f]{6}$")]


class CartonNow(Answer):
    """A carton, after what was done."""

    carton: str
    order: str
    hubs: int
    capacity: int
    state: Literal["open", "closed", "held"]
    line: str
    """What was done, for people."""


class PalletNow(Answer):
    """A pallet, after what was done."""

    pallet: str
    order: str
    cartons: int
    capacity: int
    state: Literal["open", "closed"]
    line: str


class HubPut(Answer):
    """A hub is in its place."""

    hub: Eui64
    place: Destination
    carton: str | None
    closed: bool
    """Whether the carton was closed by this hub, which filled it."""
    line: str


class _OfHub(Command[HubPut]):
    """About one hub, by its label."""

    id: Eui64
    role: Literal["CHF", "GPF"] | None = None

    @property
    def label(self) -> ScannedLabel:
        """The label that was scanned."""
        return ScannedLabel(self.id, self.role)


class OpenCarton(Command[CartonNow]):
    """Begin a carton for hubs of an order."""

    order: Name


class PackHub(_OfHub):
    """Put a hub into a carton, if it passed."""

    carton: Code


class PutHub(_OfHub):
    """Put a hub where it belongs: to rework, into quarantine, back to its party."""

    place: Destination

    @field_validator("place")
    @classmethod
    def _no_carton(cls, place: Destination) -> Destination:
        if place is Destination.CARTON:
            raise ValueError("a hub goes into a carton by that carton's code")
        return place


class DecideHub(Command[HubPut]):
    """Put a hub somewhere by a supervisor's decision: out of the place it is in, to scrap, or against its last result.

    Into a carton it goes by its last result all the same. It is named by its id or, where its label cannot be read, by the
    last six digits of one.
    """

    id: Eui64 | None = None
    role: Literal["CHF", "GPF"] | None = None
    digits: LastDigits | None = None
    place: Destination
    carton: Code | None = None
    """The carton that it goes into."""
    reason: Reason
    expected: Literal["nowhere", "carton", "rework", "scrap", "quarantine", "party", "maker"] | None = None
    """Where it is, as whoever decided saw it."""


class CloseCarton(Command[CartonNow]):
    """Close a carton that stays short."""

    carton: Code
    reason: Words
    expected_hubs: int | None = Field(None, ge=0)


class HoldCarton(Command[CartonNow]):
    """Say that a carton is in dispute: a hub was found in it that is not of it, or one is not there."""

    carton: Code
    reason: Reason
    found: Eui64 | None = None
    """A hub in it that does not belong there, by its CHF or GPF id."""


class ReleaseCarton(Command[CartonNow]):
    """Say that a carton was looked into, and that its books are right."""

    carton: Code
    reason: Reason


class OpenPallet(Command[PalletNow]):
    """Begin a pallet for cartons of an order."""

    order: Name


class PutOnPallet(Command[PalletNow]):
    """Put a closed carton on a pallet."""

    pallet: Code
    carton: Code


class TakeOffPallet(Command[PalletNow]):
    """Take a carton off its pallet."""

    carton: Code
    reason: Reason


class ClosePallet(Command[PalletNow]):
    """Close a pallet that stays short."""

    pallet: Code
    reason: Words
    expected_cartons: int | None = Field(None, ge=0)


class Recalled(Answer):
    """Cartons whose firmware is no longer to be given to hubs."""

    lines: tuple[str, ...]
    """One for each release, for people: its cartons and pallets by code."""
    cartons: tuple[str, ...]
    pallets: tuple[str, ...]


class Recall(Question[Recalled]):
    """Ask which packed cartons hold a release that was withdrawn since."""
