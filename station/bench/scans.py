"""From labels that were scanned to the slots that they are about."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from firmware_catalog.devices import Family
from station.bench.controller import Controller
from station.bench.display import EXPECTING, UNKNOWN_HUB
from station.bench.labels import (
    LabelMeaning,
    LabelRecord,
    NoSuchSlot,
    ScanNotKept,
    ScanRefused,
)
from station.bench.outlook import Outlook
from station.bench.slot import Slot
from station.bench.view import BenchView
from station.domain.actor import Actor
from station.domain.label import ScannedLabel
from station.domain.scan_said import ScanCode, ScanSaid
from station.domain.slot_name import SlotName
from station.records.errors import EventRefused, JournalFailed
from station.records.facts.bench import LabelTakenBack
from station.records.facts.events import Event


class BenchScans:
    """Brings labels to slots, and into the journal first: neither a label that waits nor a late one may be forgotten."""

    def __init__(self, controller: Controller, view: BenchView, outlook: Outlook) -> None:
        self._controller = controller
        self._view = view
        self._outlook = outlook

    async def take(
        self, jig: str, slot: int | None, label: ScannedLabel, actor: Actor, record: LabelRecord
    ) -> LabelMeaning:
        """Give a label to its slot, once `record` has made that durable; return what it means there. Raises ScanRefused.

        Without a slot it goes to the hub of that id if it sits on the jig, and else waits for it at the first
        empty slot that no other label waits at: the operator is told to seat it there.
        """
        chosen = self._slot(jig, slot, label)
        try:
            return await chosen.labels.take(label, actor, record)
        except JournalFailed as error:
            raise ScanNotKept(ScanSaid.at(chosen.place, ScanCode.NOT_KEPT, detail=str(error))) from error

    async def take_back(
        self,
        jig: str,
        slot: int | None,
        label: ScannedLabel | None,
        actor: Actor,
        record: Callable[[Event, ScanSaid], Awaitable[object]],
    ) -> ScanSaid:
        """Let a label wait no more: the one that waits at a slot, or this one, or this one if it waits at that slot.

        `record` makes that durable, with what is said of it. Raises ScanRefused.
        One that was held against a hub stays in that hub's record: there the hub's own label puts it right.
        """
        if slot is not None:
            place: SlotName | None = SlotName(jig=jig, slot=slot)
        else:
            place = None if label is None else self._outlook.waits_at(label)
        waiting = None if place is None else self._outlook.label_at(place)
        if slot is not None and label and waiting and waiting.device_id != label.device_id:
            raise ScanRefused(ScanSaid(code=ScanCode.OTHER_WAITS, jig=jig, slot=slot, label=label.device_id))
        if place is None or waiting is None:
            code = ScanCode.NONE_WAITS if label is None else ScanCode.WAITS_FOR_NONE
            device = None if label is None else label.device_id
            family = next((view.family for view in self._view.slots() if view.place.jig == jig), Family.HUB)
            at = {"jig": jig, "slot": place and place.slot, "family": family}
            raise ScanRefused(ScanSaid.model_validate({"code": code, **at, "label": device}))
        taken_back = LabelTakenBack(
            place=place, scanned_id=waiting.device_id, scanned_role=waiting.role, actor=actor
        )
        said = ScanSaid.at(place, ScanCode.WAITS_NO_MORE, label=waiting.device_id)
        try:
            await record(taken_back, said)
        except EventRefused as error:
            raise ScanRefused(ScanSaid.at(place, ScanCode.WORDS, detail=str(error))) from error
        except JournalFailed as error:
            raise ScanNotKept(ScanSaid.at(place, ScanCode.WORDS, detail=str(error))) from error
        return said

    def _slot(self, jig: str, number: int | None, label: ScannedLabel) -> Slot:
        views = [view for view in self._view.slots() if view.place.jig == jig]
        if not views:
            jigs = dict.fromkeys(view.place.jig for view in self._view.slots())
            raise NoSuchSlot(ScanSaid(code=ScanCode.NO_SUCH_JIG, named=jig, jigs=tuple(jigs)))
        if number is not None:
            place: SlotName | None = SlotName(jig=jig, slot=number)
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
            if place is not None:
                raise NoSuchSlot(ScanSaid(code=ScanCode.NO_SUCH_SLOT, jig=jig, number=place.slot))
            raise ScanRefused(ScanSaid(code=ScanCode.NONE_EMPTY, jig=jig))
        return slot
