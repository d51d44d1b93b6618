"""Whether a slot is in use: taken out of it, it stays out until a person on record puts it back, over every restart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime

import structlog

from station.attempt.failure import may_be_the_slot
from station.attempt.parts import EventSink
from station.domain.actor import Actor
from station.domain.interlock import Interlock
from station.domain.outcome import Outcome
from station.domain.slot_name import SlotName
from station.domain.statement import Statement
from station.records.errors import JournalHeldUp
from station.records.facts.attempts import AttemptClosed
from station.records.facts.bench import SlotEnabled, SlotFailure, SlotOutOfUse, SlotTakenOutOfUse
from station.records.facts.events import Event

_log = structlog.stdlib.get_logger()


class Latch:
    """One slot's. What is told here is in the journal, or will be before anything else happens in the slot."""

    def __init__(
        self,
        place: SlotName,
        journal: EventSink,
        show: Callable[[Iterable[Interlock]], None] = lambda _: None,
    ) -> None:
        """`show` shows what keeps hubs from being begun with here."""
        self._place = place
        self._journal = journal
        self._show = show
        self._enabled = asyncio.Event()
        self._enabled.set()
        self._recorded = True
        self._failed: set[object] = set()
        self.why: Statement | None = None
        """Why the slot is out of use; None while it is in use."""

    def recall(self, out_of_use: SlotOutOfUse | None, failures: Iterable[SlotFailure]) -> None:
        """Begin with what the journal holds of the slot."""
        for failure in failures:
            if failure.code is not None and may_be_the_slot(failure.code):
                self._failed.add(failure.hub or object())
        if out_of_use is not None:
            self._latch(out_of_use.why, out_of_use.since)

    @property
    def in_use(self) -> bool:
        """Whether hubs are begun with."""
        return self.why is None

    @property
    def failures(self) -> int:
        """How many different hubs have failed since the last that passed. One that nobody can name is another each time."""
        return len(self._failed)

    def count(self, result: AttemptClosed) -> None:
        """Take a result of the slot in."""
        if result.outcome is Outcome.PASSED:
            self._failed.clear()
        elif result.outcome is Outcome.FAILED and result.code is not None and may_be_the_slot(result.code):
            self._failed.add(result.chf or result.scanned_id or object())

    def take_out_of_use(self, why: Statement) -> None:
        """Take the slot out of use from now on, whether that can be recorded or not."""
        self._recorded = False
        self._latch(why, datetime.now(UTC))
        _log.error("slot out of use", why=str(why.reason), **why.details.given())

    def _latch(self, why: Statement, since: datetime) -> None:
        self.why = why
        self._enabled.clear()
        where = {"jig": self._place.jig, "slot": self._place.slot}
        self._show([Interlock(reason=why.reason, details=why.details, since=since, **where)])

    async def record(self) -> None:
        """Record what was not yet recorded, if the journal has room; it is tried again with each call."""
        if self._recorded or self.why is None:
            return
        try:
            await self._journal.append(SlotTakenOutOfUse(place=self._place, why=self.why))
        except JournalHeldUp as error:
            _log.error("that the slot is out of use is not recorded yet", reason=str(error))
        else:
            self._recorded = True

    async def until_in_use(self, retry_seconds: float) -> None:
        """Wait until a person has put the slot back into use."""
        while not self._enabled.is_set():
            await self.record()
            try:
                async with asyncio.timeout(None if self._recorded else retry_seconds):
                    await self._enabled.wait()
            except TimeoutError:
                continue

    async def enable(self, actor: Actor | None, record: Callable[[Event], Awaitable[object]]) -> None:
        """Put the slot back into use, and begin to count anew, once `record` has made that durable.

        Raises what that raises, and changes nothing then.
        """
        why = self.why
        await record(SlotEnabled(place=self._place, actor=actor))
        if self.why is not why:
            return  # taken out of use anew meanwhile, for a reason that nobody has seen yet
        self._failed.clear()
        self.why, self._recorded = None, True
        self._show([])
        self._enabled.set()
