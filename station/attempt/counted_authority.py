"""Unlock answers are counted before they are given: the reply of any may be lost, and a hub takes only three wrong ones."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from drivers.errors import AnotherHub, ChallengeVoid, DriverError, HubAction, UnlockAuthorityFailed
from drivers.hub import DeviceIdentity, HubDriver, UnlockChallenge
from station.attempt import failure
from station.attempt.authorise import Rejected
from station.attempt.parts import EventSink, NotPermitted, StageFault
from station.domain.outcome import Code
from station.records.facts.golden import GoldenAnswerDue, GoldenAnswerVoid
from station.records.facts.unlocks import UnlockAnswerDue, UnlockAnswerVoid
from station.unlocking.parts import NamedAuthority, WrongAnswers

_SIGNATURE_BYTES: Final = 64


class CountedAuthority:
    """An `UnlockAuthority` for one attempt's hub, before another one. Use once."""

    def __init__(
        self,
        authority: NamedAuthority,
        *,
        due: UnlockAnswerDue | GoldenAnswerDue,
        void: UnlockAnswerVoid | GoldenAnswerVoid,
        hub: DeviceIdentity,
        journal: EventSink,
        wrong_answers: WrongAnswers,
        refusal: Callable[[], Awaitable[Rejected | None]],
    ) -> None:
        """`due` is the fact that an answer is about to be given, `void` that it was not, or was not judged."""
        self._authority = authority
        self._due = due
        self._void = void
        self._hub = hub
        self._journal = journal
        self._wrong_answers = wrong_answers
        self._refusal = refusal
        self.counted = False
        """An answer was handed over, and stands in the journal as one that may be wrong."""
        self.fault: StageFault | None = None
        """Why none was, where it is neither the key's nor the hub's doing."""

    async def require_one_left(self) -> None:
        """Raise StageFault when the hub may not be given another answer, UnlockAuthorityFailed when nobody knows."""
        wrong = await self._wrong_answers.of(self._hub.device_id)
        if wrong >= failure.MAX_WRONG_UNLOCK_ANSWERS:
            raise StageFault(
                Code.UNLOCK_REFUSED,
                f"{wrong} answers were wrong, or may have been",
                final=True,
            )

    async def unlock(self, driver: HubDriver) -> None:
        """Have the driver unlock the hub with an answer of ours. Raises what it raises, and `fault` instead of that."""
        try:
            await driver.unlock(self._hub.device, self)
        except DriverError as error:
            # By either the driver says that no answer was given, or that none was judged.
            if self.counted and isinstance(error, ChallengeVoid | AnotherHub):
                await self._journal.append(self._void)
            if self.fault is not None:
                raise self.fault from None
            raise

    async def sign(self, challenge: UnlockChallenge) -> bytes:
        """Return the other authority's signature, once the answer is counted.

        Raises UnlockAuthorityFailed, AnotherHub for a challenge of another hub, and StageFault, which is kept as
        `fault`, when the hub may not be given an answer any more: signing takes its time.
        """
        if (challenge.device_id, challenge.model) != (self._hub.device_id, self._hub.model):
            raise AnotherHub(
                f"the challenge is hub {challenge.device_id}'s, not {self._hub.device_id}'s",
                action=HubAction.UNLOCK,
                state_known=True,
            )
        signature = await self._authority.sign(challenge)
        if len(signature) != _SIGNATURE_BYTES:
            raise UnlockAuthorityFailed(
                f"the unlock authority gave {len(signature)} bytes for {challenge.device_id}, {_SIGNATURE_BYTES} are needed",
                action=HubAction.UNLOCK,
                state_known=True,
            )
        try:
            await self.require_one_left()
            if (rejected := await self._refusal()) is not None:
                raise NotPermitted(rejected)
        except StageFault as fault:
            self.fault = fault
            raise
        await self._journal.append(self._due)
        self.counted = True
        return signature
