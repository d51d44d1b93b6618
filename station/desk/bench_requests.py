"""The bench: how it is, and what a supervisor decides about slots and jigs."""

from __future__ import annotations

from pydantic import Field

from station.bench.view import BrokerView, ScanView
from station.desk.people_requests import SomebodyOnDuty
from station.desk.request import Answer, Command, Done, Following, Name, Question
from station.domain.interlock import Notice
from station.domain.reason import Reason
from station.domain.slot_view import SlotView


class BenchNews(Answer):
    """Slots that changed, and all that is not a slot's."""

    slots: tuple[SlotView, ...]
    broker: BrokerView
    faults: tuple[Notice, ...]
    """What is wrong with each part of the station that is not as it should be."""
    language: str = "en"
    """Of what people at the bench read (`StationSettings.language`)."""
    scans: tuple[ScanView, ...]
    """What was answered to the last scan of each jig's own scanner."""
    people: tuple[SomebodyOnDuty, ...] = ()
    """Who is signed on where."""


class BenchStatus(BenchNews):
    """Every slot, and the station itself."""

    badge_prefix: str | None
    """What the code of each badge begins with."""
    descriptors_allowed: int
    version: str


class Status(Question[BenchStatus]):
    """Ask how everything is."""


class Watch(Following[BenchNews]):
    """Every slot, then each that changed, and the last of all at the end."""


class Stop(Command[Done]):
    """Begin no more hubs, and end."""


class EnableSlot(Command[Done]):
    """Put a slot back into use that was taken out of it."""

    jig: Name
    slot: int = Field(ge=1)
    expected_why: Reason | None = None
    """Why it is out of use, as whoever decided saw it: another reason is another decision."""


class ResetJig(Command[Done]):
    """Let a jig work again after its emergency stop was released."""

    jig: Name
