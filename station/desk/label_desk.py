"""Labels at the desk: from a scanner, wherever it is plugged in, to the slot that the label is about."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from station.bench.duty import Duty
from station.bench.labels import Badge, LabelMeaning, NoSuchSlot, ScanNotKept, ScanRefused
from station.bench.scans import BenchScans
from station.bench.view import ScanView
from station.desk.act import Act, Proof
from station.desk.desk import Handlers
from station.desk.label_requests import ScanAnswer, ScanLabel, TakeBackLabel
from station.desk.people_requests import SignOff, SignOn
from station.desk.refusals import Conflict, NotFound, Refused, Unavailable
from station.desk.request import Answer, Request
from station.domain.label import ScannedLabel
from station.domain.reason import Reason
from station.domain.scan_said import ScanCode, ScanSaid
from station.domain.statement import Statement
from station.records.facts.events import Event
from station.sentences import Sentences
from station.texts.texts import ENGLISH

_KINDS: Final[Mapping[type[ScanRefused], type[Refused]]] = {NoSuchSlot: NotFound, ScanNotKept: Unavailable}
A = TypeVar("A", bound=Answer)


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


class Ask(Protocol):
    """Brings a request to the desk, from next to it or through a socket."""

    async def __call__(self, request: Request[A], /, *, proof: Proof | None = None) -> A:
        """Return the answer. Raises Refused."""
        ...


class ScansAtDesk:
    """Where a scanner's labels go: to the desk. Raises ScanRefused for what is refused there, and for what disagrees."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def take(self, jig: str, slot: int | None, label: ScannedLabel) -> ScanSaid:
        """Give a label to its slot, or to the one that expects it."""
        return await self._said(ScanLabel(jig=jig, slot=slot, id=label.device_id, role=label.role))

    async def take_back(self, jig: str, slot: int | None, label: ScannedLabel | None) -> ScanSaid:
        """Let a label wait no more."""
        device, role = (None, None) if label is None else (label.device_id, label.role)
        return await self._said(TakeBackLabel(jig=jig, slot=slot, id=device, role=role))

    async def sign_on(self, jig: str | None, badge: Badge) -> ScanSaid:
        """Have whoever has this badge work at a jig, or at the bench."""
        return ScanSaid.words((await self._answer(SignOn(jig=jig), badge)).line)

    async def sign_off(self, jig: str | None) -> ScanSaid:
        """Have nobody work there any more."""
        return ScanSaid.words((await self._answer(SignOff(jig=jig))).line)

    async def _said(self, request: Request[ScanAnswer]) -> ScanSaid:
        answer = await self._answer(request)
        if answer.said.code is ScanCode.DISAGREES:
            raise ScanRefused(answer.said)
        return answer.said

    async def _answer(self, request: Request[A], proof: Proof | None = None) -> A:
        try:
            return await self._ask(request, proof=proof)
        except Refused as refused:
            said = refused.facts.get("scan")
            raise ScanRefused(
                ScanSaid.words(str(refused)) if said is None else ScanSaid.model_validate(said)
            ) from refused
