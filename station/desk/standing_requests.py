"""Questions about how the bench itself stands: what a shift begins with, jigs that wear, people, releases."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from firmware_catalog.identity import Eui64, FirmwareVersion
from station.desk.request import Answer, Name, Question
from station.domain.slot_name import SlotName

Wanted = Literal["off", "warn", "required"]
"""Whether somebody is told of what is not done, or no hub is begun with before."""


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class CheckItem(_Row):
    """One thing to look at."""

    what: str
    until: date | None
    """Its last good day."""


class GoldenHubRow(_Row):
    """A golden hub."""

    chf: Eui64
    gpf: Eui64
    enrolled: AwareDatetime
    as_it_was: bool
    """Whether no check with it is without its end."""


class SlotCheck(_Row):
    """How a slot's newest golden check went."""

    place: SlotName
    checked: AwareDatetime | None
    today: bool
    """Whether it was passed today."""
    passed: bool | None
    detail: str | None
    """Why it did not pass."""
    seconds: float | None
    """Of the write."""
    retries: int | None
    milliamperes: int | None
    suspect: str | None
    """In what it is unlike its own past."""


class ShiftToday(Answer):
    """What is to be done before the first hub of the day, and what was."""

    day: date
    began: AwareDatetime
    """When the shift day began."""
    check_list: tuple[CheckItem, ...]
    list_wanted: Wanted
    signed: bool
    signed_by: str | None
    golden_wanted: Wanted
    golden: tuple[GoldenHubRow, ...]
    slots: tuple[SlotCheck, ...]


class ShowShift(Question[ShiftToday]):
    """Ask how the start of the shift stands."""


class ServiceRow(_Row):
    """A part of a slot, or a check of a jig."""

    jig: str
    slot: int | None
    what: str
    due: Literal["good", "due", "overdue", "unknown"]
    line: str
    insertions: int | None
    limit: int | None
    until: date | None
    serviced: AwareDatetime | None
    actor: str | None
    written: bool
    """Whether its last good day stands in the configuration, so that nothing is recorded of it."""


class RateRow(_Row):
    """How a slot fared by one measure, held against the others."""

    jig: str
    slot: int
    measure: str
    marked: int
    seen: int
    named: bool
    """Whether it has to be looked at."""
    line: str


class WornSlot(_Row):
    """What a slot has borne."""

    jig: str
    slot: int
    insertions: int
    by_board: bool


class UpkeepShown(Answer):
    """How the jigs wear."""

    service: tuple[ServiceRow, ...]
    rates: tuple[RateRow, ...]
    slots: tuple[WornSlot, ...]


class ShowUpkeep(Question[UpkeepShown]):
    """Ask what is due of the jigs, and which slots fare worse than the others."""

    days: Annotated[int, Field(ge=1, le=36_500)] = 28
    """So many back, slots are held against each other."""


class PersonRow(_Row):
    """Somebody who works here, without their name."""

    pseudonym: str
    role: Literal["technician", "supervisor"]
    badge: bool
    pin: bool
    wrong_pins: int
    """Since the PIN was right."""
    latest_wrong: AwareDatetime | None


class PeopleListed(Answer):
    """People, by pseudonym."""

    people: tuple[PersonRow, ...]
    next: str | None = None
    """After which to ask for more; None where these were the last."""


class ListPeople(Question[PeopleListed]):
    """Ask who works here, and whose PIN was wrong."""

    after: Name | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class ReleaseRow(_Row):
    """A release of the catalogue in use."""

    manufacturer: str
    model: str
    version: FirmwareVersion
    status: Literal["production", "withdrawn"]
    permitted_from: str
    hardware: tuple[str, ...]
    size: int
    """Of its image, in bytes."""
    sha256: str
    notes: str
    stopped: str | None
    """Why no hub is given it, until somebody resumes it."""


class ReleasesListed(Answer):
    """The catalogue in use, the newest release of each model first."""

    hindrance: str | None
    """Why no hub is authorised by it now."""
    ends_soon: str | None
    releases: tuple[ReleaseRow, ...]
    next: str | None = None
    """`manufacturer/model/version` after which to ask for more; None where these were the last."""


class ListReleases(Question[ReleasesListed]):
    """Ask which firmware may be flashed on what."""

    after: Name | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100
