"""What the bench looks like right now: one latest value a slot, for screens, lamps and retained messages.

Lossy by design. The journal holds what happened; this holds only what is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, computed_field

from firmware_catalog.identity import Eui64
from station.bench.changes import Changes
from station.bench.next_step import to_do
from station.bench.phase import SlotPhase
from station.domain.outcome import Code, Disposition, Outcome, Stage
from station.domain.slot_name import SlotName
from station.domain.to_do import ToDo


class SlotView(BaseModel):
    """One slot at one moment."""

    # What is derived is told, too, and derived again by who reads it.
    model_config = ConfigDict(frozen=True, extra="ignore")

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
    order: str | None = Field(
        None, description="the work order of the hub's attempt, or else the one that the jig works on"
    )
    recorded: AwareDatetime | None = Field(None, description="when the result that is shown was recorded")
    due: AwareDatetime | None = Field(
        None,
        description="when the hub's result is due, as this bench's last visits went; null where nobody knows",
    )
    since: AwareDatetime = Field(
        default_factory=lambda: datetime.now(UTC), description="when the phase began, of this hub"
    )
    revision: int = Field(0, ge=0, description="of the bench: each view that is shown has a greater one")

    @computed_field  # type: ignore[prop-decorator]  # as pydantic documents it
    @property
    def to_do(self) -> ToDo:
        """What a person does here next, as one word."""
        return to_do(self.phase, self.code, self.disposition)


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
        self._told = {place: SlotView(place=place) for place in places}
        """What each slot told of itself."""
        self._slots = dict(self._told)
        self._revision = 0
        self._alarms: dict[str, str] = {}
        self._orders: dict[str, str | None] = {}
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
        """Replace what a slot tells of itself. What is known of its jig is added."""
        self._told[view.place] = view
        self._renew(view)

    def _renew(self, view: SlotView) -> None:
        former, jig = self._slots[view.place], view.place.jig
        goes_on = (former.phase, former.chf) == (view.phase, view.chf)
        self._revision += 1
        shown = view.model_copy(
            update={
                "alarm": self._alarms.get(jig),
                "order": view.order or self._orders.get(jig),
                "since": former.since if goes_on else view.since,
                "revision": self._revision,
            }
        )
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
        self._renew_all_of(jig)

    def set_order(self, jig: str, order: str | None) -> None:
        """Show on a jig's slots which order it works on, or that it works on none."""
        self._orders[jig] = order
        self._renew_all_of(jig)

    def _renew_all_of(self, jig: str) -> None:
        for place, view in self._told.items():
            if place.jig == jig:
                self._renew(view)

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
