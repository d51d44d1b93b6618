"""Labels at the desk: from a scanner, wherever it is plugged in, to the slot that the label is about."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from station.bench.duty import Duty
from station.bench.labels import Badge, LabelMeaning, NoSuchSlot, ScanNotKept, ScanRefused
from station.bench.scans import BenchScans
from station.desk.act import Act, Proof
from station.desk.desk import Handlers
from station.desk.label_requests import ScanAnswer, ScanLabel, TakeBackLabel
from station.desk.people_requests import SignOff, SignOn
from station.desk.refusals import Conflict, NotFound, Refused, Unavailable
from station.desk.request import Answer, Request
from station.domain.label import ScannedLabel
from station.records.facts.events import Event

A = TypeVar("A", bound=Answer)


@dataclass(frozen=True, slots=True)
class LabelDesk:
    """Answers what is asked about labels."""

    scans: BenchScans
    duty: Duty

    def handlers(self) -> Handlers:
        """Return what it answers."""
        return {ScanLabel: self._scan, TakeBackLabel: self._take_back}

    async def _scan(self, request: ScanLabel, act: Act) -> ScanAnswer:
        def answer(meaning: LabelMeaning) -> ScanAnswer:
            return ScanAnswer(line=meaning.line, disagrees=meaning.disagrees)

        async def record(event: Event, meaning: LabelMeaning) -> None:
            await act.recording(answer(meaning)).append(event)

        if (nobody := self.duty.nobody_at(request.jig)) is not None:
            raise Conflict(nobody, jig=request.jig)
        take = self.scans.take(request.jig, request.slot, request.label, act.actor, record)
        return answer(await _refused_as(take))

    async def _take_back(self, request: TakeBackLabel, act: Act) -> ScanAnswer:
        async def record(event: Event, line: str) -> None:
            await act.recording(ScanAnswer(line=line)).append(event)

        take_back = self.scans.take_back(request.jig, request.slot, request.label, act.actor, record)
        return ScanAnswer(line=await _refused_as(take_back))


T = TypeVar("T")


async def _refused_as(scanning: Awaitable[T]) -> T:
    try:
        return await scanning
    except NoSuchSlot as error:
        raise NotFound(str(error)) from error
    except ScanNotKept as error:
        raise Unavailable(str(error)) from error
    except ScanRefused as error:
        raise Conflict(str(error)) from error


class Ask(Protocol):
    """Brings a request to the desk, from next to it or through a socket."""

    async def __call__(self, request: Request[A], /, *, proof: Proof | None = None) -> A:
        """Return the answer. Raises Refused."""
        ...


class ScansAtDesk:
    """Where a scanner's labels go: to the desk. Raises ScanRefused for what is refused there, and for what disagrees."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def take(self, jig: str, slot: int | None, label: ScannedLabel) -> str:
        """Give a label to its slot, or to the one that expects it."""
        return await self._line(ScanLabel(jig=jig, slot=slot, id=label.device_id, role=label.role))

    async def take_back(self, jig: str, slot: int | None, label: ScannedLabel | None) -> str:
        """Let a label wait no more."""
        device, role = (None, None) if label is None else (label.device_id, label.role)
        return await self._line(TakeBackLabel(jig=jig, slot=slot, id=device, role=role))

    async def sign_on(self, jig: str | None, badge: Badge) -> str:
        """Have whoever has this badge work at a jig, or at the bench."""
        return (await self._answer(SignOn(jig=jig), badge)).line

    async def sign_off(self, jig: str | None) -> str:
        """Have nobody work there any more."""
        return (await self._answer(SignOff(jig=jig))).line

    async def _line(self, request: Request[ScanAnswer]) -> str:
        answer = await self._answer(request)
        if answer.disagrees:
            raise ScanRefused(answer.line)
        return answer.line

    async def _answer(self, request: Request[A], proof: Proof | None = None) -> A:
        try:
            return await self._ask(request, proof=proof)
        except Refused as refused:
            raise ScanRefused(str(refused)) from refused
