"""What one slot shows: the one place that composes its views, but for those of results."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from drivers.hub import HubIdentity
from firmware_catalog.identity import Eui64
from station.attempt.parts import Progress
from station.bench.jig_inputs import Awaits
from station.bench.outlook import Outlook
from station.bench.phase import SlotPhase
from station.bench.view import BenchView, SlotView
from station.domain.hub_facts import HubFacts
from station.domain.slot_name import SlotName

EXPECTING: Final = frozenset({SlotPhase.EMPTY, SlotPhase.FIND_HUB})
"""Phases of a slot in which nothing sits: they follow the outlook."""

UNKNOWN_HUB: Final = frozenset({SlotPhase.SEATED, SlotPhase.BOOTING})
"""Phases of a slot in which a hub sits that has not said who it is."""


class SlotDisplay:
    """One slot's part of the bench's view."""

    def __init__(self, place: SlotName, view: BenchView, outlook: Outlook) -> None:
        self.place: Final = place
        self._view = view
        self._outlook = outlook
        self._lost: tuple[Eui64, str] | None = None
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
            "alarm": view.alarm,
            "order": view.order,
            "since": view.since,
            "revision": view.revision,
        }
        if self.now.model_copy(update=ours) != view:
            self._view.show(view)

    def show(self, phase: SlotPhase, line: str, hub: HubIdentity | HubFacts | None = None) -> None:
        """Show a phase with its line, which is told after the slot's name."""
        self._view.show(
            SlotView(
                place=self.place,
                phase=phase,
                line=f"{self.place}: {line}",
                chf=hub.chf if hub else None,
                gpf=hub.gpf if hub else None,
            )
        )

    def lost(self, hub: HubIdentity, why: str) -> None:
        """Learn how an attempt came to be left open: for as long as its hub is looked for here, that is told too."""
        self._lost = hub.chf, why

    def empty(self) -> None:
        """Show that nothing sits here, and what is expected."""
        sought = self._outlook.sought(self.place)
        why = self._lost[1] if sought is not None and self._lost and self._lost[0] == sought.chf else None
        self._view.show(self._outlook.empty(self.place, why))

    def seat(self, awaits: Awaits | None) -> None:
        """Show what a hub that sits here waits for, or that nothing is known to sit here."""
        if awaits is None:
            self.empty()
            return
        phase, line = SlotPhase.SEATED, f"a hub is seated; {awaits}"
        if awaits is Awaits.BOOT:
            phase, line = SlotPhase.BOOTING, "a hub is booting; leave it in"
        if (self.phase, self.now.line) != (phase, f"{self.place}: {line}"):
            self.show(phase, line)

    def looking(self, hub: HubIdentity, why: str = "looking again who sits here; leave it in") -> None:
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
        now = self.now
        shown = (now.phase, now.stage, now.percent, now.silent_seconds)
        if shown == (SlotPhase.WORKING, stage, percent, silent_seconds):
            return
        line = f"{self.place}: {stage}"
        if percent is not None:
            line += f" {percent}%"
        if silent_seconds is not None:
            line += f"; no answer for {silent_seconds} s"
        line += "; its label is another hub's: put it aside afterwards" if mislabelled else "; leave it in"
        self._view.show(
            SlotView(
                place=self.place,
                phase=SlotPhase.WORKING,
                line=line,
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
