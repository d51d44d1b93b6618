"""All slots of all jigs under one roof: started together, stopped together, none able to disturb another."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from station.bench.slot import Slot
from station.domain.slot_name import SlotName
from station.records.chain import RecordedEvent
from station.records.facts.order_revisions import OrderRevised


class Controller:
    """Runs the slots of a bench."""

    def __init__(self, slots: Iterable[Slot]) -> None:
        self._slots = {slot.place: slot for slot in slots}

    def slot(self, place: SlotName) -> Slot | None:
        """Return one slot, or None where the bench has no such place."""
        return self._slots.get(place)

    def slots(self) -> tuple[Slot, ...]:
        """Return every slot."""
        return tuple(self._slots.values())

    def of_jig(self, jig: str) -> tuple[Slot, ...]:
        """Return the slots of one jig."""
        return tuple(slot for slot in self._slots.values() if slot.place.jig == jig)

    def hear(self, recorded: RecordedEvent) -> None:
        """Take a recorded fact in: a hub that is shown as one that goes home may have been withdrawn from its order."""
        if isinstance(recorded.event, OrderRevised):
            for slot in self._slots.values():
                slot.withdraw(recorded.event.order, recorded.event.withdrawn)

    def look_at_releases(self) -> None:
        """Learn that the catalogue may say something else now: what is shown as one that goes home may not any more."""
        for slot in self._slots.values():
            slot.look_at_release()

    async def run(self) -> None:
        """Serve all slots until every one has finished. A journal failure ends them all, as an ExceptionGroup."""
        async with asyncio.TaskGroup() as group:
            for slot in self._slots.values():
                group.create_task(slot.run(), name=str(slot.place))

    def finish(self) -> None:
        """Let each running attempt end and begin no other; `run` returns when the last one has."""
        for slot in self._slots.values():
            slot.finish_after_this_hub()
