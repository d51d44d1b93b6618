"""What an empty slot waits for: the hub whose label was scanned for it, or one that left before its result.

Derived from the journal and from nothing else: its tables at the start, then each fact after its commit. So it is
the same after a restart or a lost port, and gone everywhere the moment the hub was seen again. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from drivers.hub import DeviceIdentity
from firmware_catalog.devices import gpf_of
from station.domain.hub_facts import DeviceFacts
from station.domain.label import ScannedLabel
from station.domain.phase import SlotPhase
from station.domain.reason import Reason
from station.domain.slot_name import SlotName
from station.domain.slot_view import SlotView
from station.domain.statement import Details
from station.records.chain import RecordedEvent
from station.records.facts.attempts import AttemptClosed, AttemptOpened, AttemptResumed
from station.records.facts.bench import LabelScanned, LabelTakenBack, WaitingLabel
from station.records.facts.history import OpenAttempt


@dataclass(frozen=True, slots=True)
class _Open:
    """An attempt without a result: wherever its hub does not sit, it is looked for."""

    place: SlotName
    """Where the hub was last seen."""
    hub: DeviceFacts
    order: str | None


class Outlook:
    """Follows which labels wait for their hubs and which attempts for theirs."""

    def __init__(self) -> None:
        self._labels: dict[SlotName, ScannedLabel] = {}
        self._open: dict[int, _Open] = {}
        self._listeners: list[Callable[[], None]] = []

    def recall(self, labels: Iterable[WaitingLabel], attempts: Iterable[OpenAttempt]) -> None:
        """Begin with what the journal holds."""
        self._labels = {
            waiting.place: ScannedLabel(waiting.scanned_id, waiting.scanned_role) for waiting in labels
        }
        self._open = {
            attempt.attempt: _Open(attempt.place, attempt.hub, attempt.order)
            for attempt in attempts
            if attempt.hub is not None
        }
        self._tell()

    def listen(self, listener: Callable[[], None]) -> None:
        """Be called whenever anything here has changed."""
        self._listeners.append(listener)

    def hear(self, recorded: RecordedEvent) -> None:
        """Take a recorded fact in, as `station.records.projection` does."""
        match recorded.event:
            case LabelScanned(hub=None) as scan:
                label = ScannedLabel(scan.scanned_id, scan.scanned_role)
                # A second scan replaces the first, and a label waits at one slot.
                self._labels = {where: other for where, other in self._labels.items() if other != label}
                self._labels[scan.place] = label
            case LabelTakenBack() as back:
                self._labels.pop(back.place, None)
            case AttemptOpened() as opened:
                self._use_up(opened)
                if opened.hub is not None:
                    self._open[recorded.sequence] = _Open(opened.place, opened.hub, opened.order)
            case AttemptResumed() as resumed:
                self._use_up(resumed)
                if resumed.attempt in self._open:
                    self._open[resumed.attempt] = replace(self._open[resumed.attempt], place=resumed.place)
            case AttemptClosed() as closed:
                self._open.pop(closed.attempt, None)
            case _:
                return
        self._tell()

    def label_at(self, place: SlotName) -> ScannedLabel | None:
        """Return the label that waits for a hub in `place`."""
        return self._labels.get(place)

    def waits_at(self, label: ScannedLabel) -> SlotName | None:
        """Return where this label waits for its hub."""
        return next((place for place, other in self._labels.items() if other == label), None)

    def label_for(self, place: SlotName, hub: DeviceIdentity) -> ScannedLabel | None:
        """Return the label for the hub that said in `place` who it is.

        That is the one scanned for this slot or else the one that names it and was scanned for another: it was
        seated elsewhere than expected, and is no less itself.
        """
        if (waiting := self._labels.get(place)) is not None:
            return waiting
        return next((label for label in self._labels.values() if label.names(hub)), None)

    def sought(self, place: SlotName) -> DeviceFacts | None:
        """Return the hub that left `place` before its result and is expected nowhere else; the newest of several."""
        open_here = self._open_at(place)
        return None if open_here is None else open_here.hub

    def order_at(self, place: SlotName) -> str | None:
        """Return the order of the attempt that is open at `place`, the newest of several."""
        open_here = self._open_at(place)
        return None if open_here is None else open_here.order

    def empty(self, place: SlotName, why: Reason = Reason.NO_RESULT_YET) -> SlotView:
        """Return what a slot shows in which nothing sits; `why` its hub is looked for."""
        if (label := self._labels.get(place)) is not None:
            details = Details(label=label.device_id)
            return SlotView(place=place, phase=SlotPhase.EMPTY, reason=Reason.EXPECTED, details=details)
        if (sought := self._open_at(place)) is None:
            return SlotView(place=place, phase=SlotPhase.EMPTY, reason=Reason.EMPTY)
        hub = sought.hub
        return SlotView(
            place=place,
            phase=SlotPhase.FIND_HUB,
            reason=why,
            chf=hub.device_id,
            gpf=gpf_of(hub.ids),
            order=sought.order,
        )

    def _open_at(self, place: SlotName) -> _Open | None:
        here = [
            attempt
            for attempt in self._open.values()
            # Asked at each progress of each slot: numbers differ mostly, and are told apart much faster than names.
            if attempt.place.slot == place.slot
            and attempt.place == place
            and not any(label.names(attempt.hub) for label in self._labels.values())
        ]
        return here[-1] if here else None

    def _use_up(self, seen: AttemptOpened | AttemptResumed) -> None:
        """Let no label wait for the hub that was just seen: neither this slot's, nor its own at another."""
        self._labels = {
            where: label
            for where, label in self._labels.items()
            if where != seen.place and label.device_id != seen.scanned_id
        }

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()
