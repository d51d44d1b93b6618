"""Whether anything sits in a slot, as far as that is known now: by its switch, or by its link where there is none. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from firmware_catalog.identity import Eui64
from station.bench.display import EXPECTING
from station.domain.slot_name import SlotName
from station.domain.slot_view import SlotView


@dataclass(frozen=True, slots=True)
class Empty:
    """Nothing sits there."""

    place: SlotName
    by: Literal["switch", "link"]
    """What says so."""


@dataclass(frozen=True, slots=True)
class Seated:
    """Something sits there."""

    place: SlotName
    hub: Eui64 | None
    """CHF id; None where it has not said who it is."""

    def __str__(self) -> str:
        what = "something" if self.hub is None else f"hub {self.hub}"
        return f"{what} sits in {self.place}"


class Doubt(StrEnum):
    """Why nobody can say whether a slot is empty."""

    LOOKING = "it is being looked who sits there"
    SWITCH = "its board does not tell, or is contradicted"
    SILENCE = "a hub may be booting there"
    NOT_LISTENED_TO = "nobody listens to its link"


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody can say."""

    place: SlotName
    why: Doubt
    silent_seconds: float | None = None
    """How long its link has to be silent until that tells, where it will."""

    def __str__(self) -> str:
        tells = "" if self.silent_seconds is None else f"; {self.silent_seconds:g} s of silence will tell"
        return f"{self.place} is not known to be empty ({self.why}{tells})"


Occupancy = Empty | Seated | Unknown


def occupancy(
    shown: SlotView,
    *,
    present: bool | None,
    closed: bool | None,
    has_switch: bool,
    answered: bool,
    silent: bool,
    boot_seconds: float,
) -> Occupancy:
    """Say what is known of a slot that shows this.

    `present` is what is believed of it, from looks that were taken before anybody asked; `closed`, what its switch said when
    it was asked for this, None where it does not answer: only both together say that it is empty. `answered` is whether a hub has said there who it is and has not been found gone since. `silent` is whether the link
    has been listened to for as long as a hub takes to boot, which is `boot_seconds`, is still, and nothing has answered.
    """
    place = shown.place
    if answered and present is False:
        return Unknown(place, Doubt.LOOKING)
    if present or answered:
        return Seated(place, shown.chf)
    if has_switch:
        if present is None or closed is None:
            return Unknown(place, Doubt.SWITCH)
        return Seated(place, None) if closed else Empty(place, "switch")
    if shown.phase in EXPECTING:
        return Empty(place, "link") if silent else Unknown(place, Doubt.SILENCE, boot_seconds)
    if shown.outcome is not None:
        return Seated(place, shown.chf)
    return Unknown(place, Doubt.NOT_LISTENED_TO)
