"""The people at the desk: who works where, what is taken over, and PINs that were wrong too often."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from station.bench.display import EXPECTING
from station.bench.duty import Duty
from station.bench.view import BenchView
from station.desk.act import Act
from station.desk.desk import Handlers
from station.desk.jigs import require_jig
from station.desk.people_requests import (
    ExpectedPerson,
    Left,
    LiftPinLock,
    SignOff,
    SignOn,
    StillOpen,
    TakenOver,
)
from station.desk.refusals import Conflict, NotAllowed, NotFound
from station.desk.request import Done
from station.domain.phase import SlotPhase
from station.records.expectations import WorksAt
from station.records.facts.history import OpenAttempt
from station.records.facts.people import PinLockLifted, SignedOff, SignedOn, WhySignedOff, at
from station.records.journal import Journal
from station.sentences import Sentences
from station.texts.texts import ENGLISH

_NOTHING_SITS: Final = EXPECTING | {SlotPhase.STARTING, SlotPhase.UNATTENDED}
"""Phases of a slot in which nothing is known to sit."""


@dataclass(frozen=True, slots=True)
class PeopleDesk:
    """Answers what is asked about people."""

    journal: Journal
    duty: Duty
    view: BenchView
    jigs: Collection[str]

    def handlers(self) -> Handlers:
        """Return what it answers."""
        return {SignOn: self._sign_on, SignOff: self._sign_off, LiftPinLock: self._lift_pin_lock}

    async def _sign_on(self, request: SignOn, act: Act) -> TakenOver:
        jig, pseudonym = request.jig, act.actor.pseudonym
        self._require(jig)
        if act.proof is None or pseudonym is None:
            raise NotAllowed("who signs on shows it: scan your badge, or give your name and PIN")
        unfinished = await self.journal.open_attempts()
        # No await from here to the append: who is relieved is held against the journal there.
        before = self.duty.at(jig)
        still_open = tuple(self._still_open(jig, unfinished))
        also_at = tuple(
            each.jig for each in self.duty.everybody() if each.pseudonym == pseudonym and each.jig != jig
        )
        answer = TakenOver(
            line=_line(pseudonym, jig, before, len(still_open), also_at),
            pseudonym=pseudonym,
            jig=jig,
            before=before,
            open=still_open,
            also_at=also_at,
        )
        await act.recording(answer).append(
            _expectation(jig, request.expected, before),
            SignedOn(jig=jig, actor=act.actor, proof=act.proof),
        )
        return answer

    async def _sign_off(self, request: SignOff, act: Act) -> Left:
        jig = request.jig
        self._require(jig)
        here = self.duty.exactly_at(jig)
        if here is None:
            raise Conflict(f"nobody is signed on {at(jig)}")
        answer = Left(line=f"{here.pseudonym} is signed off {at(jig)}", pseudonym=here.pseudonym)
        await act.recording(answer).append(
            _expectation(jig, request.expected, here.pseudonym),
            SignedOff(jig=jig, pseudonym=here.pseudonym, why=WhySignedOff.ASKED, actor=act.actor),
        )
        return answer

    async def _lift_pin_lock(self, request: LiftPinLock, act: Act) -> Done:
        if await self.journal.wrong_pins(request.pseudonym) is None:
            raise NotFound(f"no wrong PIN counts against {request.pseudonym}")
        await act.recording(Done()).append(PinLockLifted(pseudonym=request.pseudonym, actor=act.actor))
        return Done()

    def _require(self, jig: str | None) -> None:
        if jig is not None:
            require_jig(jig, self.jigs)

    def _still_open(self, jig: str | None, unfinished: Iterable[OpenAttempt]) -> Iterator[StillOpen]:
        """Yield each slot of a jig, or of all, that is not empty, and each hub that left one before its result."""
        shown, in_english = set(), Sentences(ENGLISH)
        for slot in self.view.slots():
            if jig in {None, slot.place.jig} and slot.phase not in _NOTHING_SITS:
                shown.add(slot.chf)
                yield StillOpen(place=slot.place, line=in_english.line(slot))
        for attempt in unfinished:
            hub = attempt.hub
            if jig in {None, attempt.place.jig} and hub is not None and hub.device_id not in shown:
                line = f"{attempt.place}: find {hub.ids}, which has no result yet, and seat it in any slot"
                yield StillOpen(place=attempt.place, line=line)


def _line(
    pseudonym: str, jig: str | None, before: str | None, still_open: int, also_at: Collection[str | None]
) -> str:
    elsewhere = "".join(f", and {at(each)}" for each in also_at)
    if before == pseudonym:
        return f"{pseudonym} was signed on already, and is so anew {at(jig)}{elsewhere}"
    over = "" if before is None else f", taking over from {before}"
    hubs = "" if not still_open else f"; open here: {still_open}, see what the slots say"
    return f"{pseudonym} is signed on {at(jig)}{elsewhere}{over}{hubs}"


def _expectation(jig: str | None, expected: ExpectedPerson | None, seen: str | None) -> WorksAt:
    """What whoever asks took for given, else what was told of it here."""
    return WorksAt(jig, seen if expected is None else expected.pseudonym)
