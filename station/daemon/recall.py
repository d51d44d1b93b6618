"""What a station that starts has to know of the time before."""

from __future__ import annotations

import structlog

from station.bench.controller import Controller
from station.records.facts.history import OpenAttempt
from station.records.journal import Journal

_log = structlog.stdlib.get_logger()


async def open_attempts(journal: Journal) -> tuple[OpenAttempt, ...]:
    """Return the attempts that have no result yet, having said which they are."""
    found = await journal.open_attempts()
    for attempt in found:
        who = attempt.hub.device_id if attempt.hub else attempt.scanned_id
        _log.warning("attempt open since before", attempt=attempt.attempt, chf=str(who))
    return found


async def recall_latches(journal: Journal, controller: Controller) -> None:
    """Leave out of use what was taken out of it, and go on counting the hubs that failed in each slot."""
    out_of_use = {slot.place: slot for slot in await journal.slots_out_of_use()}
    for slot in controller.slots():
        slot.latch.recall(out_of_use.get(slot.place), await journal.slot_failures(slot.place))
