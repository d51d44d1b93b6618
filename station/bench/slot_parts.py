"""What a slot is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from drivers.hub import DeviceIdentity, DriverPlugin
from station.attempt.conduct import Conductor
from station.attempt.golden_check import Draws, GoldenChecker
from station.bench.duty import Duty
from station.bench.live_hubs import LiveHubs
from station.bench.outlook import Outlook
from station.bench.pace import Pace
from station.bench.seat import Seat
from station.bench.start_of_shift import StartOfShift
from station.bench.view import BenchView
from station.domain.slot_name import SlotName
from station.domain.statement import Statement
from station.records.journal import Journal

ROOM_RETRY_SECONDS: Final = 5.0
"""Between two looks whether a full disk, or a full table of descriptors, has room again: nothing tells when it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotParts:
    """What a slot is made of."""

    place: SlotName
    port: str
    plugin: DriverPlugin
    driver_settings: BaseModel
    seat: Seat
    conductor: Conductor
    journal: Journal
    live_hubs: LiveHubs
    view: BenchView
    outlook: Outlook
    pace: Pace
    duty: Duty
    start_of_shift: StartOfShift
    golden_checker: GoldenChecker
    draws: Draws
    hindrance: Callable[[], Statement | None]
    """Why no hub may be begun with just now; None if one may."""
    runs_withdrawn: Callable[[DeviceIdentity], bool]
    """Whether what a hub runs is known to be withdrawn: it does not go home with it."""
    hubs_failing_in_a_row: Callable[[], int]
    """So many different hubs failing in a row take the slot out of use."""
    recognition_seconds: float
    """How long a hub that is seen to be seated may take to say who it is, its boot included."""
