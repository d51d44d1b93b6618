"""What a report is made of: rows that follow from the journal's events. Times in UTC are microseconds since 1970."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple


class Use(StrEnum):
    """What a slot's time went into; of several that hold at once, the first."""

    WORK = "work"
    """An attempt goes on here."""
    DOWN = "down"
    """The station does not run."""
    STOPPED = "stopped"
    """The jig's emergency stop was pressed, and no person has reset the jig since."""
    OUT_OF_USE = "out_of_use"
    """The slot waits to be enabled."""
    AWAY = "away"
    """The hub left before its result, or the bench ended work on it: it has to be found, or taken up."""
    NO_ORDER = "no_order"
    """The jig has no open order."""
    HANDS = "hands"
    """A hub can be seated: its result taken, the next one fetched, seated and booted."""


class Result(NamedTuple):
    """An attempt that ended."""

    sequence: int
    """Of the row with the result."""
    attempt: int
    """Sequence of its opening."""
    jig: str
    slot: int
    work_order: str | None
    hub: str | None
    """CHF id, or what the label of a hub says that did not tell."""
    model: str | None
    """Manufacturer and model, joined by a stroke."""
    kind: str | None
    """`hub`, or the type of a bridge; None of what never said what it is, and whose order is not known."""
    number: int
    """1 for the first attempt on this hub in this order."""
    outcome: str
    stage: str
    code: str | None
    firmware_before: str | None
    firmware_target: str | None
    firmware_read_back: str | None
    station_version: str
    opened: int
    closed: int
    seconds: float
    """From its opening to its result."""
    work_seconds: float
    """Of them, those in which it went on: a hub may have been away."""
    hands_seconds: float | None
    """From the result before, in the slot where it began, to its seating, or else its opening; None where more than hands came
    between."""
    boot_seconds: float | None
    """From its seating, which a board tells, until it said who it is."""


class StageRun(NamedTuple):
    """One try of one stage."""

    attempt: int
    sequence: int
    """Of its end."""
    step: int
    stage: str
    seconds: float
    code: str | None
    """None if it was done."""


class SlotTime(NamedTuple):
    """A time in which one thing held for one slot. A slot's times follow each other without a gap."""

    jig: str
    slot: int
    sequence: int
    """Of the row from which on it held."""
    use: Use
    work_order: str | None
    """The attempt's while it is worked on, else the jig's."""
    attempt: int | None
    began: int
    seconds: float


class StationRun(NamedTuple):
    """A time in which the station ran."""

    sequence: int
    """Of its start."""
    began: int
    seconds: float


LOST: Final = "lost"
"""How a visit ended whose hub left its slot before its result."""
MOVED: Final = "moved"
"""How one ended of which nobody saw the end: the hub was next seen in another slot."""
WHOLE_JIG: Final = 0
"""Stands for a slot's number where a service is the whole jig's."""


class Visit(NamedTuple):
    """A hub's stay in a slot, from its recognition to its result there, or until it left."""

    sequence: int
    """Of the row with which it began."""
    attempt: int
    jig: str
    slot: int
    hub: str | None
    """As a result has it."""
    began: int
    ending: str
    """An outcome, `LOST` or `MOVED`."""
    retried: bool
    """A stage that had failed here was tried again here."""


class Wear(NamedTuple):
    """Insertions that a slot bore."""

    jig: str
    slot: int
    sequence: int
    """Of the row that tells of them."""
    insertions: int


class Service(NamedTuple):
    """A part of a slot that is new, or a check of a jig that was done."""

    sequence: int
    jig: str
    slot: int
    """`WHOLE_JIG` for what is no slot's."""
    what: str
    at: int
    actor: str | None


class JournalPart(NamedTuple):
    """From which row on the journal has an identity: its first, or that with which it was made again from a backup."""

    sequence: int
    journal: str
    began: int
    before: int | None
    """The newest fact before it, which the backup still had; what came between is in no journal that is at hand."""


Row = Result | StageRun | SlotTime | StationRun | Visit | Wear | Service | JournalPart
