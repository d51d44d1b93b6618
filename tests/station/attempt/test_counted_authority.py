"""What a hub may be given as its unlock answer: its own, once it is counted, and never the third wrong one."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from benches.attempt_samples import CHF, GPF, MODEL, hub
from drivers.errors import AnotherHub, UnlockAuthorityFailed
from drivers.hub import UnlockChallenge
from firmware_catalog.identity import DeviceModel
from station.attempt.authorise import Rejected
from station.attempt.counted_authority import CountedAuthority
from station.attempt.parts import NotPermitted, StageFault
from station.domain.outcome import Code
from station.records.facts.events import Event
from station.records.facts.unlocks import UnlockAnswerDue, UnlockAnswerVoid

CHALLENGE = UnlockChallenge(CHF, bytes(16), MODEL)
SIGNATURE = bytes(64)


class Desk:
    """A key, the count of wrong answers and the journal of one hub, and what happens to them while a key signs."""

    name = "key"

    def __init__(self, signature: bytes = SIGNATURE) -> None:
        self.signature = signature
        self.signed: list[UnlockChallenge] = []
        self.recorded: list[Event] = []
        self.wrong = 0
        self.wrong_while_signing = 0
        self.refused_while_signing: Rejected | None = None
        self.authority = CountedAuthority(
            self,
            due=UnlockAnswerDue(attempt=7, chf=CHF),
            void=UnlockAnswerVoid(attempt=7, chf=CHF),
            hub=hub(),
            journal=self,
            wrong_answers=self,
            refusal=self.refusal,
        )
        self._refused: Rejected | None = None

    async def sign(self, challenge: UnlockChallenge) -> bytes:
        assert not self.recorded, "an answer that nobody has is not counted"
        self.signed.append(challenge)
        self.wrong += self.wrong_while_signing
        self._refused = self.refused_while_signing
        return self.signature

    async def of(self, chf: object) -> int:
        assert chf == CHF
        return self.wrong

    async def append(self, *events: Event) -> None:
        assert not self.authority.counted, "counted is what is on record"
        self.recorded += events

    async def refusal(self) -> Rejected | None:
        return self._refused


def test_an_answer_is_on_record_before_it_is_handed_over() -> None:
    desk = Desk()
    assert asyncio.run(desk.authority.sign(CHALLENGE)) == SIGNATURE
    assert desk.recorded == [UnlockAnswerDue(attempt=7, chf=CHF)]
    assert desk.authority.counted


@pytest.mark.parametrize(
    "challenge",
    [replace(CHALLENGE, device_id=GPF), replace(CHALLENGE, model=DeviceModel("0B6B", "00000002"))],
    ids=["another CHF", "another model"],
)
def test_another_hubs_challenge_is_neither_signed_nor_counted(challenge: UnlockChallenge) -> None:
    desk = Desk()
    with pytest.raises(AnotherHub):
        asyncio.run(desk.authority.sign(challenge))
    assert (desk.signed, desk.recorded, desk.authority.counted) == ([], [], False)


def test_wrong_answers_that_are_counted_while_a_key_signs_keep_the_third_from_being_given() -> None:
    desk = Desk()
    desk.wrong, desk.wrong_while_signing = 1, 1
    with pytest.raises(StageFault) as raised:
        asyncio.run(desk.authority.sign(CHALLENGE))
    assert raised.value.code is Code.UNLOCK_REFUSED
    assert desk.authority.fault is raised.value
    assert (desk.recorded, desk.authority.counted) == ([], False)


def test_what_forbids_the_hub_while_a_key_signs_keeps_its_answer_from_being_given() -> None:
    desk = Desk()
    desk.refused_while_signing = Rejected(Code.NO_OPEN_ORDER)
    with pytest.raises(NotPermitted):
        asyncio.run(desk.authority.sign(CHALLENGE))
    assert isinstance(desk.authority.fault, NotPermitted)
    assert (desk.recorded, desk.authority.counted) == ([], False)


def test_what_is_no_signature_is_not_counted() -> None:
    desk = Desk(bytes(63))
    with pytest.raises(UnlockAuthorityFailed):
        asyncio.run(desk.authority.sign(CHALLENGE))
    assert (desk.recorded, desk.authority.counted) == ([], False)
