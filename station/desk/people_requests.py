"""People: signed on and off, and PINs that may be tried again."""

from __future__ import annotations

from pydantic import AwareDatetime, BaseModel, ConfigDict

from station.desk.request import Answer, Command, Done, Name
from station.domain.slot_name import SlotName


class SomebodyOnDuty(BaseModel):
    """Somebody who is signed on."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    jig: str | None
    """None for the bench."""
    pseudonym: str
    since: AwareDatetime


class ExpectedPerson(BaseModel):
    """Who works at a jig, as whoever decided saw it: somebody, or nobody."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    pseudonym: Name | None


class StillOpen(BaseModel):
    """What is taken over: a slot that is not empty, or the place that a hub left before its result."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    place: SlotName
    line: str


class TakenOver(Answer):
    """Somebody is signed on."""

    line: str
    pseudonym: str
    jig: str | None
    before: str | None
    """Who worked there until now."""
    open: tuple[StillOpen, ...]
    also_at: tuple[str | None, ...]
    """Where else the same person is signed on; None is the bench."""


class SignOn(Command[TakenOver]):
    """Work at a jig from now on, or at the bench: whoever proves who they are with this request."""

    jig: Name | None = None
    expected: ExpectedPerson | None = None


class Left(Answer):
    """Somebody is signed on no more."""

    line: str
    pseudonym: str


class SignOff(Command[Left]):
    """Have nobody work at a jig from now on, or at the bench."""

    jig: Name | None = None
    expected: ExpectedPerson | None = None


class LiftPinLock(Command[Done]):
    """Let a person's PIN be tried again at once."""

    pseudonym: Name
