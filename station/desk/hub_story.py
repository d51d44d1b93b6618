"""A hub's whole story, from what the journal holds of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple

from firmware_catalog.identity import Eui64
from station.bench.labels import ScanUnreadable, kind_of, read_scan
from station.desk.refusals import Invalid, NotFound
from station.domain.label import ScannedLabel
from station.records.chain import RecordedEvent
from station.records.facts.attempts import (
    AttemptClosed,
    AttemptInterrupted,
    AttemptOpened,
    AttemptResumed,
    HubLost,
)
from station.records.reader import HubLife, JournalReader

SIX: Final = 6
"""Hex digits by which people tell hubs apart."""


class Told(NamedTuple):
    """One thing that happened."""

    at: datetime
    line: str


def find_hubs(
    journal: JournalReader, text: str, badge_prefix: str | None
) -> tuple[tuple[Eui64, HubLife], ...]:
    """Return the hubs that an id, a label or its last six digits mean. Raises Invalid, NotFound.

    What begins as badges do, or may be one that was garbled, is shown in no refusal.
    """
    lives = [(device, journal.life_of(device)) for device in _devices(journal, text, badge_prefix)]
    found = tuple((device, life) for device, life in lives if life.lines or life.events or life.places)
    if not found:
        raise NotFound("no order lists this hub, and it was never seen here: look at its label again")
    return found


def where_now(life: HubLife) -> str:
    """Say where it is."""
    stands = [placing for placing in life.places if placing.left is None]
    if stands:
        return str(stands[-1].stand)
    return "in no place" if life.events else "never seen"


def moments(life: HubLife) -> list[Told]:
    """Tell what happened to it, oldest first."""
    return sorted(_moments(life), key=lambda each: each.at)


def _devices(journal: JournalReader, text: str, badge_prefix: str | None) -> list[Eui64]:
    digits = "".join(each for each in text if each.isalnum())
    if len(digits) == SIX and all(each in "0123456789ABCDEF" for each in digits.upper()):
        return [chf for chf, _ in journal.hubs_ending_in(digits.upper())]
    try:
        label = read_scan(text, badge_prefix=badge_prefix)
    except ScanUnreadable as error:
        raise Invalid(str(error)) from error
    if not isinstance(label, ScannedLabel):
        raise Invalid(f"{kind_of(label)}, not a hub's id or label")
    return [label.device_id]


def _moments(life: HubLife) -> Iterator[Told]:
    for recorded in life.events:
        if (what := _happened(recorded)) is not None:
            yield Told(recorded.utc, what)
    for placing in life.places:
        by = f" by {placing.actor}" if placing.actor else ""
        why = f" ({placing.reason})" if placing.reason else ""
        yield Told(placing.placed, f"put {placing.stand}{by}{why}")
        if placing.left is not None:
            yield Told(placing.left, f"no more {placing.stand}: {placing.left_for}")


def _happened(recorded: RecordedEvent) -> str | None:
    match recorded.event:
        case AttemptOpened(place=place, order=order):
            return f"seen in {place}, order {order}" if order else f"seen in {place}, on no order"
        case AttemptResumed(place=place):
            return f"seen again in {place}"
        case HubLost(stage=stage):
            return f"left its slot during {stage}"
        case AttemptInterrupted(code=code):
            return f"work on it was broken off: {code.replace('_', ' ')}"
        case AttemptClosed(message=message):
            return message
        case _:
            return None
