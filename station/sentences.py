"""From what is to what people read: the sentences of a bench, in one language. Nothing reads them again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from station.bench.shown import RESULT_PHASES
from station.bench.view import ScanView
from station.domain.interlock import Interlock
from station.domain.label import told_apart
from station.domain.reason import Reason
from station.domain.slot_view import SlotView
from station.domain.statement import Statement
from station.domain.to_do import ToDo
from station.texts.results import Said, fitting, line, ways_to_say
from station.texts.scans import scan_line
from station.texts.texts import Texts


class Sentences:
    """Says what slots show, what keeps hubs from being begun with, and what is wrong with the station."""

    def __init__(self, texts: Texts) -> None:
        self.texts: Final = texts

    def line(self, view: SlotView) -> str:
        """Say what a slot shows, in one line that the slot's name leads."""
        return line(self.texts, view.place, self.of_slot(view))

    def of_slot(self, view: SlotView) -> Said:
        """Say what a slot shows, and what to do there."""
        if view.phase not in RESULT_PHASES or view.outcome is None:
            do = self._do(view)
            ways: Iterator[Said] = (Said(what, do) for what in self._ways(view))
            # What another part says ends with what to do.
            return fitting(self.texts, view.place, ways, cut=False)
        details = view.details
        ways = ways_to_say(
            self.texts.of(view.family),
            view.outcome,
            view.code,
            view.disposition,
            detail=details.detail,
            unsettled=details.unsettled,
            times=details.times,
        )
        return fitting(self.texts, view.place, ways)

    def _ways(self, view: SlotView) -> Iterator[str]:
        yield self._what(view)
        details = view.details
        if view.reason is Reason.LABEL_OF_ANOTHER and details.label and details.own:
            label, own = told_apart(details.label, details.own)
            yield self.texts.of(view.family).say("line", "label_apart", label=label, own=own)

    def _what(self, view: SlotView) -> str:
        say = self.texts.of(view.family).say
        values = {"hub": view.chf, "jig": view.place.jig, **view.details.given()}
        if view.stage is not None:
            values["stage"] = say("stage", view.stage)
        what = say("what", view.reason, **values)
        if view.percent is not None:
            what = say("line", "percent", what=what, percent=view.percent)
        if view.silent_seconds is not None:
            what = say("line", "silent", what=what, seconds=view.silent_seconds)
        return what

    def _do(self, view: SlotView) -> str:
        if view.details.advice is not None:
            return view.details.advice
        say = self.texts.of(view.family).say
        who = say("line", "hub", hub=view.chf) if view.chf else say("line", "the_hub")
        place = {"jig": view.place.jig, "slot": view.place.slot}
        key = view.reason if self.texts.has("do", view.reason) else view.to_do
        do = say("do", key, who=who, **{"hub": view.chf, **place, **view.details.given()})
        left = None if view.due is None else (view.due - datetime.now(UTC)).total_seconds()
        if key is not ToDo.WAIT or left is None or left < 1:
            return do
        return say("line", "left", do=do, left=f"{int(left) // 60}:{int(left) % 60:02}")

    def interlock(self, interlock: Interlock) -> str:
        """Say what keeps hubs from being begun with, and what to do about it; where, stands beside it."""
        said = self.notice(interlock)
        return (
            said
            if interlock.slot is None
            else self.texts.say("line", "of_slot", slot=interlock.slot, what=said)
        )

    def orders(self, slots: Iterable[SlotView]) -> dict[str, str]:
        """Say of each jig that works on an order on which, and how far it is."""
        found = {slot.place.jig: slot.jig_order for slot in slots if slot.jig_order is not None}
        return {
            jig: self.texts.say(
                "line", "order_not_all" if order.not_done else "order", jig=jig, **order.model_dump()
            )
            for jig, order in found.items()
        }

    def scan(self, scan: ScanView) -> str:
        """Say what became of a scan: when, by this computer's clock, and where it was scanned."""
        at, what = scan.at.astimezone().strftime("%H:%M:%S"), scan_line(self.texts, scan.said)
        return self.texts.say("line", "scan", at=at, scanner=scan.scanner, what=what)

    def notice(self, notice: Statement) -> str:
        """Say what is the matter, and what to do about it."""
        say, values = self.texts.say, notice.details.given()
        if isinstance(notice, Interlock):
            values = {"jig": notice.jig, "slot": notice.slot, **values}
        what = say("what", notice.reason, **values)
        do = say("do", notice.reason, **values) if self.texts.has("do", notice.reason) else ""
        key = "interlock" if isinstance(notice, Interlock) else "notice"
        return say("line", key, what=what, do=do) if do else what
