"""The bench at the desk: how it is, and what is decided about slots and jigs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from station.bench.controller import Controller
from station.bench.duty import Duty
from station.bench.jig import Jig, ResetRefused
from station.bench.view import BenchView, BrokerView, ScanView
from station.descriptors import allowed
from station.desk.act import Act
from station.desk.bench_requests import BenchNews, BenchStatus, EnableSlot, ResetJig, Status, Stop, Watch
from station.desk.desk import Followers, Handlers
from station.desk.people_requests import SomebodyOnDuty
from station.desk.refusals import Conflict, NotFound, Unavailable
from station.desk.request import Done
from station.domain.actor import Actor
from station.domain.interlock import Notice
from station.domain.slot_name import SlotName
from station.domain.slot_view import SlotView
from station.version import station_version

_WATCH_SECONDS: Final = 0.1
"""Between two answers to one who watches: as often as an eye follows."""

_Besides = tuple[BrokerView, tuple[Notice, ...], tuple[ScanView, ...], tuple[SomebodyOnDuty, ...]]
"""What is told besides the slots."""


@dataclass(frozen=True, slots=True)
class BenchDesk:
    """Answers what is asked about a running bench."""

    controller: Controller
    jigs: Mapping[str, Jig]
    view: BenchView
    duty: Duty
    badge_prefix: str | None
    language: str
    """Of what people at the bench read: a client shows it so."""
    stop: Callable[[Actor], None]

    def handlers(self) -> Handlers:
        """Return what it answers once."""
        return {
            Status: self._status,
            Stop: self._stop,
            EnableSlot: self._enable_slot,
            ResetJig: self._reset_jig,
        }

    def followers(self) -> Followers:
        """Return what it answers again and again."""
        return {Watch: self._watch}

    async def _status(self, _: Status, __: Act) -> BenchStatus:
        return BenchStatus(
            slots=self.view.slots(),
            broker=self.view.broker,
            faults=self.view.faults(),
            scans=self.view.scans(),
            people=self._people(),
            badge_prefix=self.badge_prefix,
            language=self.language,
            descriptors_allowed=allowed(),
            version=station_version(),
        )

    async def _watch(self, _: Watch, __: Act) -> AsyncGenerator[BenchNews, None]:
        """Tell every slot, then each that changed, and the last of all at the end.

        Who is slow misses what was in between, never what is.
        """
        view, told = self.view, dict[SlotName, SlotView]()
        told_besides: _Besides | None = None

        def besides() -> _Besides:
            return view.broker, view.faults(), view.scans(), self._people()

        def news() -> dict[SlotName, SlotView]:
            return {slot.place: slot for slot in view.slots() if told.get(slot.place) is not slot}

        def is_news() -> bool:
            return besides() != told_besides or bool(news())

        while is_news() or not view.ended:
            await view.changes.until(lambda: is_news() or view.ended)
            told_besides, changed = besides(), news()
            told.update(changed)
            broker, faults, scans, people = told_besides
            yield BenchNews(
                slots=tuple(changed.values()),
                broker=broker,
                faults=faults,
                scans=scans,
                people=people,
                language=self.language,
            )
            await asyncio.sleep(_WATCH_SECONDS)

    def _people(self) -> tuple[SomebodyOnDuty, ...]:
        return tuple(
            SomebodyOnDuty(jig=each.jig, pseudonym=each.pseudonym, since=each.since)
            for each in self.duty.everybody()
        )

    async def _stop(self, _: Stop, act: Act) -> Done:
        await act.recording(Done()).append()  # before the journal is closed
        self.stop(act.actor)
        return Done()

    async def _enable_slot(self, request: EnableSlot, act: Act) -> Done:
        place = SlotName(jig=request.jig, slot=request.slot)
        slot = self.controller.slot(place)
        if slot is None:
            raise NotFound(f"there is no {place} on this bench")
        latch = slot.latch
        why = None if latch.why is None else latch.why.reason
        if request.expected_why not in {None, why}:
            now = "in use" if why is None else f"out of use for another reason ({why})"
            raise Conflict(f"{place} is {now}: look again, then decide anew", place=str(place), why=why)
        await latch.enable(act.actor, act.recording(Done()).append)
        return Done()

    async def _reset_jig(self, request: ResetJig, act: Act) -> Done:
        jig = self.jigs.get(request.jig)
        if jig is None:
            raise NotFound(f"{request.jig} has no board on this bench")
        try:
            await jig.reset(act.actor, act.recording(Done()).append)
        except ResetRefused as error:
            raise Unavailable(str(error)) from error
        return Done()
