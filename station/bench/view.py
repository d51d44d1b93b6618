"""What the bench looks like right now: one latest value a slot, for screens, lamps and retained messages.

Lossy by design. The journal holds what happened; this holds only what is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from station.bench.changes import Changes
from station.domain.interlock import Interlock, Notice
from station.domain.jig_order import JigOrder
from station.domain.scan_said import ScanSaid
from station.domain.slot_name import SlotName
from station.domain.slot_view import SlotView
from station.domain.statement import Statement


@dataclass(frozen=True, slots=True)
class BrokerView:
    """How the station stands with its broker at one moment."""

    state: str
    """`connected`, `waiting` or `refused`."""
    line: str
    """What is, and what to do where somebody has to do something."""


class ScanView(BaseModel):
    """What was answered to the last scan of a scanner, wherever it is plugged in."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    scanner: str
    """Where it was scanned: `scanner of jig1`, `terminal`, `desk`."""
    jig: str | None
    """Whose people it concerns; None where nobody knows."""
    said: ScanSaid
    refused: bool
    at: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))


ViewListener = Callable[[SlotView], None]


class BenchView:
    """The latest view of every slot. Listeners are called on the event loop and must return at once."""

    def __init__(self, places: Iterator[SlotName]) -> None:
        self._told = {place: SlotView(place=place) for place in places}
        """What each slot told of itself."""
        self._slots = dict(self._told)
        self._revision = 0
        self._interlocks: dict[str, tuple[Interlock, ...]] = {}
        self._orders: dict[str, JigOrder | None] = {}
        self._faults: dict[str, Notice] = {}
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
        former, on_jig = self._slots[view.place], self._orders.get(view.place.jig)
        goes_on = (former.phase, former.chf) == (view.phase, view.chf)
        self._revision += 1
        shown = view.model_copy(
            update={
                "interlocks": tuple(each for each in self.interlocks() if each.reaches(view.place)),
                "order": view.order or (on_jig and on_jig.order),
                "jig_order": on_jig,
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

    def set_interlocks(self, source: str, found: Iterable[Interlock]) -> None:
        """Show what one part of the bench knows to keep hubs from being begun with, or that it knows of nothing more.

        What is said anew of a cause is no new cause: it is so since it was said first.
        """
        former = self._interlocks.get(source, ())
        now = tuple(
            each.model_copy(update={"since": same.since})
            if (same := next((old for old in former if old.is_same(each)), None))
            else each
            for each in found
        )
        if now == former:
            return
        self._interlocks[source] = now
        for place, view in self._told.items():
            if any(each.reaches(place) for each in former + now):
                self._renew(view)

    def interlocks(self) -> tuple[Interlock, ...]:
        """Return each that there is, once, those of the station first."""
        found = [each for source in self._interlocks.values() for each in source]
        return tuple(sorted(found, key=lambda each: ("station", "jig", "slot").index(each.scope)))

    def set_order(self, jig: str, order: JigOrder | None) -> None:
        """Show on a jig's slots which order it works on and how far that is, or that it works on none."""
        if self._orders.get(jig) == order:
            return
        self._orders[jig] = order
        for place, view in self._told.items():
            if place.jig == jig:
                self._renew(view)

    def set_fault(self, source: str, fault: Statement | None) -> None:
        """Show what is wrong with a part of the station itself, or that it is so no more."""
        former = self._faults.get(source)
        if fault is None:
            if self._faults.pop(source, None) is None:
                return
        elif former is None or (former.reason, former.details) != (fault.reason, fault.details):
            self._faults[source] = Notice(reason=fault.reason, details=fault.details)
        else:
            return
        self.changes.tell()

    def show_scan(self, scan: ScanView) -> None:
        """Show what became of a scan, until the next one of that scanner."""
        self._scans[scan.scanner] = scan
        self.changes.tell()

    def scans(self) -> tuple[ScanView, ...]:
        """Return what was answered to the last scan of each scanner."""
        return tuple(self._scans.values())

    def faults(self) -> tuple[Notice, ...]:
        """Return what is wrong with each part of the station that is not as it should be."""
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
