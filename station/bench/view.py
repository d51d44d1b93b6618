"""What the bench looks like right now: one latest value a slot, for screens, lamps and retained messages.

Lossy by design. The journal holds what happened; this holds only what is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from firmware_catalog.identity import Eui64
from station.bench.changes import Changes
from station.domain.outcome import Code, Disposition, Outcome, Stage
from station.domain.slot_name import SlotName


class SlotPhase(StrEnum):
    """What a slot is doing, in the words of the screen."""

    STARTING = "starting"
    NO_PORT = "no_port"
    EMPTY = "empty"
    SEATED = "seated"
    """A hub sits there, and somebody has to start its jig: close the lid, press start."""
    BOOTING = "booting"
    """A hub has been given power and has not yet said who it is."""
    WORKING = "working"
    PASSED = "passed"
    ALREADY_CURRENT = "already_current"
    REJECTED = "rejected"
    FAILED = "failed"
    PASSED_BEFORE = "passed_before"
    """The hub came again after it had passed in its order, and is as it was left."""
    PUT_ASIDE = "put_aside"
    """The hub passed, but the label scanned for it is another's: it must not go home as it is."""
    RESEAT = "reseat"
    """Something sits in the slot, and the board doubts that it sits well."""
    LOOKING = "looking"
    """Something may have happened to the hub unseen: nothing is said of it until it has been asked again."""
    FIND_HUB = "find_hub"
    EMERGENCY_STOP = "emergency_stop"
    OUT_OF_USE = "out_of_use"
    STOPPED = "stopped"


class SlotView(BaseModel):
    """One slot at one moment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    place: SlotName
    phase: SlotPhase = SlotPhase.STARTING
    line: str = Field("starting", description="the operator's line: what is, and what to do next")
    chf: Eui64 | None = None
    gpf: Eui64 | None = None
    stage: Stage | None = None
    percent: int | None = Field(None, ge=0, le=100, description="of the image being written")
    silent_seconds: int | None = Field(
        None, ge=0, description="for how long the hub being written has not answered; null while it does"
    )
    outcome: Outcome | None = None
    code: Code | None = None
    disposition: Disposition | None = None
    alarm: str | None = Field(None, description="what is wrong with the jig as a whole")
    since: AwareDatetime = Field(
        default_factory=lambda: datetime.now(UTC), description="when the phase began"
    )


@dataclass(frozen=True, slots=True)
class BrokerView:
    """How the station stands with its broker at one moment."""

    state: str
    """`connected`, `waiting` or `refused`."""
    line: str
    """What is, and what to do where somebody has to do something."""


@dataclass(frozen=True, slots=True)
class ScanView:
    """What was answered to the last scan of a jig's own scanner."""

    jig: str
    line: str
    refused: bool
    at: str = field(default_factory=lambda: datetime.now().astimezone().strftime("%H:%M:%S"))
    """The bench's own clock, for people."""

    def __str__(self) -> str:
        return f"{self.at} scanner of {self.jig}: {self.line}"


ViewListener = Callable[[SlotView], None]


class BenchView:
    """The latest view of every slot. Listeners are called on the event loop and must return at once."""

    def __init__(self, places: Iterator[SlotName]) -> None:
        self._slots = {place: SlotView(place=place) for place in places}
        self._alarms: dict[str, str] = {}
        self._faults: dict[str, str] = {}
        self._scans: dict[str, ScanView] = {}
        self._listeners: list[ViewListener] = []
        self.ended = False
        """Nothing changes here any more: the station has stopped."""
        self.changes = Changes()
        """Told whenever anything here has changed."""
        self.broker = BrokerView("waiting", "broker: not asked yet")
        """How the station stands with its broker."""

    def listen(self, listener: ViewListener) -> None:
        """Hear each new view from now on."""
        self._listeners.append(listener)

    def show(self, view: SlotView) -> None:
        """Replace a slot's view. The jig's alarm stays on it."""
        alarm = self._alarms.get(view.place.jig)
        shown = view if view.alarm == alarm else view.model_copy(update={"alarm": alarm})
        self._slots[view.place] = shown
        for listener in self._listeners:
            listener(shown)
        self.changes.tell()

    def set_broker(self, broker: BrokerView) -> None:
        """Show how the station stands with its broker."""
        self.broker = broker
        self.changes.tell()

    def set_alarm(self, jig: str, alarm: str | None) -> None:
        """Show an alarm on every slot of a jig, or take it away."""
        if self._alarms.get(jig) == alarm:
            return
        if alarm is None:
            del self._alarms[jig]
        else:
            self._alarms[jig] = alarm
        for view in self.slots():
            if view.place.jig == jig:
                self.show(view)

    def set_fault(self, source: str, line: str | None) -> None:
        """Show what is wrong with a part of the station itself, or that it is so no more."""
        if self._faults.get(source) == line:
            return
        if line is None:
            del self._faults[source]
        else:
            self._faults[source] = line
        self.changes.tell()

    def show_scan(self, scan: ScanView) -> None:
        """Show what became of a scan, until the next one of that scanner."""
        self._scans[scan.jig] = scan
        self.changes.tell()

    def scans(self) -> tuple[ScanView, ...]:
        """Return what was answered to the last scan of each scanner."""
        return tuple(self._scans.values())

    def faults(self) -> tuple[str, ...]:
        """Return a line for each part of the station that is not as it should be."""
        return tuple(self._faults.values())

    def end(self) -> None:
        """Learn that what stands here is the last."""
        self.ended = True
        self.changes.tell()

    def of(self, place: SlotName) -> SlotView:
        """Return what a slot looks like now."""
        return self._slots[place]

    def slots(self) -> tuple[SlotView, ...]:
        """Return every slot, in the order of the configuration."""
        return tuple(self._slots.values())
