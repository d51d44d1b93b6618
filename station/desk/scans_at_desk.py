"""A scanner's labels on their way to the desk, from next to it or through a socket."""

from __future__ import annotations

from typing import Protocol, TypeVar

from station.bench.labels import Badge, ScanRefused
from station.desk.act import Proof
from station.desk.label_requests import ScanAnswer, ScanLabel, TakeBackLabel
from station.desk.people_requests import SignOff, SignOn
from station.desk.refusals import Refused
from station.desk.request import Answer, Request
from station.domain.label import ScannedLabel
from station.domain.scan_said import ScanCode, ScanSaid

A = TypeVar("A", bound=Answer)


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
