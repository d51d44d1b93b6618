"""What one slot shows: the one place that composes its views, but for those of results."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from drivers.hub import DeviceIdentity
from firmware_catalog.devices import gpf_of
from firmware_catalog.identity import Eui64
from station.attempt.parts import Progress
from station.bench.jig_inputs import Awaits
from station.bench.outlook import Outlook
from station.bench.view import BenchView
from station.domain.hub_facts import DeviceFacts
from station.domain.phase import SlotPhase
from station.domain.reason import Reason
from station.domain.slot_name import SlotName
from station.domain.slot_view import SlotView
from station.domain.statement import Details

EXPECTING: Final = frozenset({SlotPhase.EMPTY, SlotPhase.FIND_HUB})
"""Phases of a slot in which nothing sits: they follow the outlook."""

UNKNOWN_HUB: Final = frozenset({SlotPhase.SEATED, SlotPhase.BOOTING})
"""Phases of a slot in which a hub sits that has not said who it is."""

UNSURE: Final = frozenset({SlotPhase.STARTING, SlotPhase.LOOKING})
"""Phases of a slot of which nobody has said yet whether anything sits in it."""

_AWAITING: Final = {
    Awaits.LID: (SlotPhase.SEATED, Reason.LID_AWAITED),
    Awaits.START: (SlotPhase.SEATED, Reason.START_AWAITED),
    Awaits.BOOT: (SlotPhase.BOOTING, Reason.BOOTING),
}


class SlotDisplay:
    """One slot's part of the bench's view."""

    def __init__(self, place: SlotName, view: BenchView, outlook: Outlook) -> None:
        self.place: Final = place
        self._view = view
        self._outlook = outlook
        self._lost: tuple[Eui64, Reason] | None = None
        outlook.listen(self._outlook_changed)

    @property
    def now(self) -> SlotView:
        """What the slot shows."""
        return self._view.of(self.place)

    @property
    def phase(self) -> SlotPhase:
        """Which phase it shows."""
        return self.now.phase

    def put(self, view: SlotView) -> None:
        """Show a view that others composed, unless it is shown already."""
        ours = {
            "interlocks": view.interlocks,
            "order": view.order,
            "jig_order": view.jig_order,
            "since": view.since,
            "revision": view.revision,
        }
        if self.now.model_copy(update=ours) != view:
            self._view.show(view)

    def show(
        self,
        phase: SlotPhase,
        reason: Reason,
        hub: DeviceIdentity | DeviceFacts | None = None,
        details: Details = Details(),  # noqa: B008 - frozen
    ) -> None:
        """Show a phase, and why it is so."""
        self._view.show(
            SlotView(
                place=self.place,
                phase=phase,
                reason=reason,
                details=details,
                chf=hub.device_id if hub else None,
                gpf=gpf_of(hub.ids) if hub else None,
            )
        )

    def lost(self, hub: DeviceIdentity, why: Reason) -> None:
        """Learn how an attempt came to be left open: for as long as its hub is looked for here, that is told too."""
        self._lost = hub.device_id, why

    def empty(self) -> None:
        """Show that nothing sits here, and what is expected."""
        sought = self._outlook.sought(self.place)
        why = Reason.NO_RESULT_YET
        if sought is not None and self._lost and self._lost[0] == sought.device_id:
            why = self._lost[1]
        self._view.show(self._outlook.empty(self.place, why))

    def seat(self, awaits: Awaits | None) -> None:
        """Show what a hub that sits here waits for, or that nothing is known to sit here."""
        if awaits is None:
            self.empty()
            return
        phase, reason = _AWAITING[awaits]
        if (self.phase, self.now.reason) != (phase, reason):
            self.show(phase, reason)

    def looking(self, hub: DeviceIdentity, why: Reason = Reason.LOOKING) -> None:
        """Show nothing that is not known now, while the hub is asked again."""
        self.show(SlotPhase.LOOKING, why, hub)

    def progress(
        self,
        progress: Progress,
        *,
        mislabelled: bool,
        due: datetime | None,
        silent_seconds: int | None = None,
    ) -> None:
        """Show how far a hub at work is, and for how long it has not answered where that is worth telling."""
        stage, flash = progress.position.stage, progress.flash
        percent = 100 * flash.sent // flash.size if flash is not None else None
        now, reason = self.now, Reason.MISLABELLED if mislabelled else Reason.WORKING
        shown = (now.phase, now.reason, now.stage, now.percent, now.silent_seconds)
        if shown == (SlotPhase.WORKING, reason, stage, percent, silent_seconds):
            return
        self._view.show(
            SlotView(
                place=self.place,
                phase=SlotPhase.WORKING,
                reason=reason,
                chf=now.chf,
                gpf=now.gpf,
                order=self._outlook.order_at(self.place),
                due=due,
                stage=stage,
                percent=percent,
                silent_seconds=silent_seconds,
            )
        )

    def _outlook_changed(self) -> None:
        if self.phase in EXPECTING:
            self.empty()
