"""Labels at the desk: from a scanner, wherever it is plugged in, to the slot that the label is about."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from station.bench.duty import Duty
from station.bench.labels import LabelMeaning, NoSuchSlot, ScanNotKept, ScanRefused
from station.bench.scans import BenchScans
from station.bench.view import ScanView
from station.desk.act import Act
from station.desk.desk import Handlers
from station.desk.label_requests import ScanAnswer, ScanLabel, TakeBackLabel
from station.desk.refusals import Conflict, NotFound, Refused, Unavailable
from station.domain.reason import Reason
from station.domain.scan_said import ScanCode, ScanSaid
from station.domain.statement import Statement
from station.records.facts.events import Event
from station.sentences import Sentences
from station.texts.texts import ENGLISH

_KINDS: Final[Mapping[type[ScanRefused], type[Refused]]] = {NoSuchSlot: NotFound, ScanNotKept: Unavailable}


@dataclass(frozen=True, slots=True)
class LabelDesk:
    """Answers what is asked about labels."""

    scans: BenchScans
    duty: Duty
    show: Callable[[ScanView], None]
    """Shows what was answered, to everybody."""

    def handlers(self) -> Handlers:
        """Return what it answers."""
        return {ScanLabel: self._scan, TakeBackLabel: self._take_back}

    async def _scan(self, request: ScanLabel, act: Act) -> ScanAnswer:
        async def record(event: Event, meaning: LabelMeaning) -> None:
            await act.recording(ScanAnswer(said=meaning.said)).append(event)

        async def take() -> ScanSaid:
            if self.duty.nobody_at(request.jig):
                nobody = Statement.of(Reason.UNATTENDED, jig=request.jig)
                raise ScanRefused(ScanSaid.words(Sentences(ENGLISH).notice(nobody)))
            return (await self.scans.take(request.jig, request.slot, request.label, act.actor, record)).said

        return await self._told(take(), request.jig, act)

    async def _take_back(self, request: TakeBackLabel, act: Act) -> ScanAnswer:
        async def record(event: Event, said: ScanSaid) -> None:
            await act.recording(ScanAnswer(said=said)).append(event)

        take_back = self.scans.take_back(request.jig, request.slot, request.label, act.actor, record)
        return await self._told(take_back, request.jig, act)

    async def _told(self, scanning: Awaitable[ScanSaid], jig: str, act: Act) -> ScanAnswer:
        """Answer whoever scanned, and show everybody what."""
        scanner = act.actor.where or "desk"
        try:
            said = await scanning
        except ScanRefused as error:
            self.show(ScanView(scanner=scanner, jig=jig, said=error.said, refused=True))
            raise _KINDS.get(type(error), Conflict)(
                str(error), scan=error.said.model_dump(mode="json")
            ) from error
        self.show(ScanView(scanner=scanner, jig=jig, said=said, refused=said.code is ScanCode.DISAGREES))
        return ScanAnswer(said=said)
