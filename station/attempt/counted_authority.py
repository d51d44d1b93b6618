"""Unlock answers are counted before they are given: the reply of any may be lost, and a hub takes only three wrong ones.

docs/decisions says why answers in two journals are added up.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from drivers.errors import AnotherHub, HubAction, UnlockAuthorityFailed
from drivers.hub import HubIdentity, UnlockChallenge
from firmware_catalog.identity import Eui64
from station.attempt import failure
from station.attempt.authorise import Rejected
from station.attempt.parts import EventSink, NamedAuthority, NotPermitted, StageFault, WrongAnswers
from station.domain.outcome import Code
from station.records import queries
from station.records.errors import JournalError
from station.records.events import UnlockAnswerDue
from station.records.journal import Journal
from station.records.reader import JournalReader
from station.records.segments import segment_paths
from station.worker import Worker

BY_HAND_FOLDER: Final = "by-hand"
"""Folder, below the state directory, of the journal of what is flashed by hand."""

_SIGNATURE_BYTES: Final = 64
_CLOSING_SECONDS: Final = 1.0
_READING_SECONDS: Final = 15.0
"""How long another journal of the station may take to say how many answers it counts."""


class CountedAuthority:
    """An `UnlockAuthority` for one attempt's hub, before another one. Use once."""

    def __init__(
        self,
        authority: NamedAuthority,
        *,
        attempt: int,
        hub: HubIdentity,
        journal: EventSink,
        wrong_answers: WrongAnswers,
        refusal: Callable[[], Awaitable[Rejected | None]],
    ) -> None:
        self._authority = authority
        self._attempt = attempt
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
        wrong = await self._wrong_answers.of(self._hub.chf)
        if wrong >= failure.MAX_WRONG_UNLOCK_ANSWERS:
            raise StageFault(
                Code.UNLOCK_REFUSED,
                f"{wrong} answers were wrong or their replies lost; a third wrong one would lock it out",
                final=True,
            )

    async def sign(self, challenge: UnlockChallenge) -> bytes:
        """Return the other authority's signature, once the answer is counted.

        Raises UnlockAuthorityFailed, AnotherHub for a challenge of another hub, and StageFault, which is kept as
        `fault`, when the hub may not be given an answer any more: signing takes its time.
        """
        if (challenge.chf, challenge.model) != (self._hub.chf, self._hub.model):
            raise AnotherHub(
                f"the challenge is hub {challenge.chf}'s, not {self._hub.chf}'s",
                action=HubAction.UNLOCK,
                state_known=True,
            )
        signature = await self._authority.sign(challenge)
        if len(signature) != _SIGNATURE_BYTES:
            raise UnlockAuthorityFailed(
                f"the unlock authority gave {len(signature)} bytes for {challenge.chf}, {_SIGNATURE_BYTES} are needed",
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
        await self._journal.append(UnlockAnswerDue(attempt=self._attempt, chf=self._hub.chf))
        self.counted = True
        return signature


class CountedAnswers:
    """The answers that count against a hub in this process's journal and in the station's others.

    Used as a context, which ends the thread that reads the others.
    """

    def __init__(self, journal: Journal, others: Iterable[Path]) -> None:
        """`others` are the folders of the journals that other processes of this station write, made or not."""
        self._journal = journal
        self._others = tuple(others)
        self._worker = Worker("other journals")

    async def of(self, chf: Eui64) -> int:
        """Return how many there are. Raises UnlockAuthorityFailed when another journal cannot be read."""
        own = await self._journal.wrong_unlock_answers(chf)
        return own + sum([await self._in_other(folder, chf) for folder in self._others])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._worker.close(_CLOSING_SECONDS)

    async def _in_other(self, folder: Path, chf: Eui64) -> int:
        def read() -> int:
            if not segment_paths(folder):
                return 0
            with JournalReader(folder) as reader:
                return reader.ask(queries.wrong_unlock_answers, chf)

        try:
            return await self._worker.run(read, _READING_SECONDS)
        except (JournalError, TimeoutError) as error:
            why = str(error) or f"no answer after {_READING_SECONDS:g} s"
            raise UnlockAuthorityFailed(
                f"hub {chf} is given no answer, for wrong ones may be counted in {folder}, which cannot be read: {why}",
                action=HubAction.UNLOCK,
                state_known=True,
            ) from error
