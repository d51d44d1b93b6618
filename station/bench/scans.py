"""From a scanner's lines to the slots that they are about."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from station.attempt.authorise import ScannedLabel
from station.attempt.parts import EventSink
from station.bench.controller import Controller
from station.bench.display import EXPECTING, UNKNOWN_HUB
from station.bench.labels import ScanRefused, SlotCode, read_scan
from station.bench.outlook import Outlook
from station.bench.slot import Slot
from station.bench.view import BenchView
from station.records.errors import JournalFailed
from station.records.events import Place

TakeLabel = Callable[[str, int | None, ScannedLabel], Awaitable[str]]
"""Takes a label scanned at a jig, for a slot or for whichever is meant; answers with a line or ScanRefused."""


class ScanSession:
    """Follows one scanner: the code of a slot chooses the slot of the next label."""

    def __init__(self, jig: str | None, take: TakeLabel) -> None:
        """Prepare; `jig` is where the scanner belongs, or None for one that serves several jigs."""
        self._own_jig = jig
        self._take = take
        self._chosen: SlotCode | None = None

    async def read(self, text: str) -> str | None:
        """Take one line; return what to say about it, None for an empty one. Raises ScanRefused."""
        if not text.strip():
            return None
        scan = read_scan(text)
        chosen, self._chosen = self._chosen, None
        if isinstance(scan, SlotCode):
            jig = scan.jig or self._own_jig
            if jig is None:
                raise ScanRefused(f"slot {scan.slot} of which jig? Scan a code such as jig1/{scan.slot}")
            self._chosen = SlotCode(jig, scan.slot)
            return f"{Place(jig=jig, slot=scan.slot)}: scan its hub's label"
        jig = chosen.jig if chosen else self._own_jig
        if jig is None:
            raise ScanRefused("this label is for which slot? Scan the slot's code first, such as jig1/3")
        return await self._take(jig, chosen.slot if chosen else None, scan)


class BenchScans:
    """Brings labels to slots, and into the journal first: neither a label that waits nor a late one may be forgotten."""

    def __init__(self, controller: Controller, view: BenchView, outlook: Outlook, journal: EventSink) -> None:
        self._controller = controller
        self._view = view
        self._outlook = outlook
        self._journal = journal

    async def take(self, jig: str, slot: int | None, label: ScannedLabel) -> str:
        """Give a label to its slot, and return what it means there. Raises ScanRefused.

        Without a slot it goes to the hub of that id if it sits on the jig, and else waits for it at the first
        empty slot that no other label waits at: the operator is told to seat it there.
        """
        chosen = self._slot(jig, slot, label)
        if (scanned := chosen.scanned(label)) is not None:
            try:
                await self._journal.append(scanned)
            except JournalFailed as error:
                raise ScanRefused(f"{chosen.place}: {error}; scan the label again then") from error
        return chosen.scan(label)

    def _slot(self, jig: str, number: int | None, label: ScannedLabel) -> Slot:
        views = [view for view in self._view.slots() if view.place.jig == jig]
        if not views:
            raise ScanRefused(f"there is no jig {jig} on this bench")
        if number is not None:
            place: Place | None = Place(jig=jig, slot=number)
        else:
            seated = (view.place for view in views if label.device_id in {view.chf, view.gpf})
            empty = (
                view.place
                for view in views
                if view.phase in EXPECTING | UNKNOWN_HUB
                and self._outlook.label_at(view.place) in {None, label}
            )
            place = next(seated, None) or next(empty, None)
        slot = self._controller.slot(place) if place is not None else None
        if slot is None:
            wrong = "no slot is empty: scan a slot's code first" if place is None else f"there is no {place}"
            raise ScanRefused(f"{jig}: {wrong}")
        return slot
