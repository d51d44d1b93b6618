"""Who somebody is, by name and PIN or by badge: asked anew each time, so that whoever was erased is nobody at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, Protocol

from drivers.threads import apart
from station.domain.actor import PersonRole
from station.domain.pin import is_pin, lock_after
from station.people.bearers import Bearers, ProgramRole, StillCarried, digest_of
from station.people.operators import Operators, Person
from station.people.standing import StandsAsThen
from station.records.expectations import Expectation
from station.records.facts.events import Event
from station.records.facts.people import PinAccepted, PinRefused, TriedFrom, WrongPins

_NO_SECONDS: Final = 0.5
"""So long it takes to say no to a name and PIN, whatever the reason."""
_NO: Final = (
    "this is not somebody's name and PIN, or it was wrong here too often: try again, scan your badge, or wait (1 to 60 min); "
    "a supervisor can look at what is known (People, or reflash operators list), and lift the wait"
)
"""The same for every reason: whoever guesses is not told whom there is."""


class NotProven(Exception):
    """It is not known who this is. One line, without what was given."""


class PinJournal(Protocol):
    """What must be remembered of wrong PINs, over restarts too."""

    async def append(self, *events: Event) -> object:
        """Make the events durable."""
        ...

    async def tried_from(self, pseudonym: str, place: str | None) -> TriedFrom:
        """Return what counts against a person's PIN at a place."""
        ...


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody who has shown who they are."""

    pseudonym: str
    role: PersonRole | ProgramRole
    """What they may decide: with a badge or a session no more than a technician, for whoever holds it need not be its owner."""
    still: Expectation = field(compare=False, repr=False)
    """That this is so, for the append of what they do."""


class Identification:
    """Asks the list of operators; one proof at a time, so that PINs tried side by side count one after the other."""

    def __init__(
        self,
        operators: Operators,
        bearers: Bearers,
        journal: PinJournal,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._operators = operators
        self._bearers = bearers
        self._journal = journal
        self._now = now
        self._proving = asyncio.Lock()

    async def by_pin(self, name: str, pin: str, where: str, network: str | None = None) -> Known:
        """Return who has this name, or pseudonym, and this PIN. Each wrong one is recorded before that is said.

        `network` is where it comes from, if not from the bench itself. Wrong ones from where a person's PIN was right before
        count there alone; those from everywhere else count together, and lock it there.

        Raises NotProven, after the same time and in the same words whatever is wrong; OperatorsUnreadable, OSError and
        JournalError.
        """
        loop = asyncio.get_running_loop()
        async with self._proving:
            until = loop.time() + _NO_SECONDS
            found = await apart("operators", partial(self._operators.find, name))
            place = (
                None if network is None else await apart("operators", partial(self._operators.place, network))
            )
            if await self._is_proven(found, pin, where, place):
                assert found is not None  # noqa: S101 - nobody proves to be nobody
                return await self._as_of_now(found[0])
        await asyncio.sleep(until - loop.time())
        raise NotProven(_NO)

    async def _is_proven(
        self, found: tuple[str, Person] | None, pin: str, where: str, place: str | None
    ) -> bool:
        """Try a PIN, unless it is locked there; what there is none of to try is tried all the same, for its time."""
        pseudonym, person = found or (None, None)
        tried = None if pseudonym is None else await self._journal.tried_from(pseudonym, place)
        is_locked = tried is not None and self._is_locked(tried.wrong)
        kept = None if person is None or is_locked else person.pin
        is_right = await apart("PIN", partial(is_pin, pin, kept))
        if pseudonym is None or tried is None or kept is None:
            return False
        if not is_right:
            await self._journal.append(PinRefused(pseudonym=pseudonym, where=where[:64], place=place))
        elif tried.wrong is not None or not tried.known:
            await self._journal.append(PinAccepted(pseudonym=pseudonym, place=place))
        return is_right

    def _is_locked(self, wrong: WrongPins | None) -> bool:
        if wrong is None:
            return False
        # A clock that was set back makes no lock longer than it was.
        lock = lock_after(wrong.wrong)
        return min(wrong.latest + lock - self._now(), lock) > timedelta()

    async def by_badge(self, code: str) -> Known:
        """Return whose badge has this code. Raises NotProven, OperatorsUnreadable and OSError."""
        async with self._proving:
            found = await apart("badge", partial(self._operators.whose_badge, code))
        if found is None:
            raise NotProven(
                "this badge is nobody's here (never given out, taken away, or its holder erased); have it given: "
                "reflash operators badge"
            )
        pseudonym, person = found
        return Known(pseudonym, PersonRole.TECHNICIAN, StandsAsThen(self._operators, pseudonym, person))

    async def by_bearer(self, secret: str) -> Known:
        """Return whose session or token it is. Raises NotProven, BearersUnreadable, OperatorsUnreadable and OSError."""
        digest = digest_of(secret)
        holder = await apart("bearer", partial(self._bearers.holder, digest, self._now()))
        if holder is None:
            raise NotProven("this session has ended, or this token was revoked: sign on again")
        role = PersonRole.TECHNICIAN if holder.is_person else holder.role
        return Known(holder.pseudonym, role, StillCarried(self._bearers, digest, holder))

    async def _as_of_now(self, pseudonym: str) -> Known:
        """Ask again: a hash takes its time, and meanwhile people are erased and roles changed."""
        person = (await apart("operators", self._operators.people)).get(pseudonym)
        if person is None:
            raise NotProven(f"{pseudonym} stands for nobody here any more")
        return Known(pseudonym, person.role, StandsAsThen(self._operators, pseudonym, person))
