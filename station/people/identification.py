"""Who somebody is, by name and PIN or by badge: asked anew each time, so that whoever was erased is nobody at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

from drivers.threads import apart
from station.domain.actor import PersonRole
from station.domain.pin import WRONG_PINS, is_pin, lock_after
from station.people.bearers import Bearers, ProgramRole, StillCarried, digest_of
from station.people.operators import Operators
from station.people.standing import StandsAsThen
from station.records.expectations import Expectation
from station.records.facts.events import Event
from station.records.facts.people import PinAccepted, PinRefused, WrongPins


class NotProven(Exception):
    """It is not known who this is. One line, without what was given."""


class PinLocked(NotProven):
    """A person's PIN was wrong too often, and is not tried now. One line."""


class PinJournal(Protocol):
    """What must be remembered of wrong PINs, over restarts too."""

    async def append(self, *events: Event) -> object:
        """Make the events durable."""
        ...

    async def wrong_pins(self, pseudonym: str) -> WrongPins | None:
        """Return what counts against a person's PIN."""
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

    async def by_pin(self, name: str, pin: str, where: str) -> Known:
        """Return who has this name, or pseudonym, and this PIN. Each wrong one is recorded before that is said.

        Raises PinLocked, NotProven, OperatorsUnreadable, OSError and JournalError.
        """
        async with self._proving:
            found = await apart("operators", partial(self._operators.find, name))
            if found is None:
                raise NotProven(
                    "nobody is known by this name, or two are: give it as `reflash operators list` shows it, or the pseudonym"
                )
            pseudonym, person = found
            if person.pin is None:
                raise NotProven(
                    f"{pseudonym} has no PIN: give one on the station's PC (reflash operators pin {pseudonym})"
                )
            before = await self._journal.wrong_pins(pseudonym)
            if before is not None and (lock := lock_after(before.wrong)):
                # A clock that was set back makes no lock longer than it was.
                left = min(before.latest + lock - self._now(), lock)
                if left > timedelta():
                    raise PinLocked(_locked(pseudonym, left))
            if not await apart("PIN", partial(is_pin, pin, person.pin)):
                await self._journal.append(PinRefused(pseudonym=pseudonym, where=where[:64]))
                wrong = 1 + (before.wrong if before else 0)
                if lock := lock_after(wrong):
                    raise PinLocked(_locked(pseudonym, lock))
                raise NotProven(
                    f"this is not the PIN of {pseudonym} ({wrong} of {WRONG_PINS} tries); try it again"
                )
            if before is not None:
                await self._journal.append(PinAccepted(pseudonym=pseudonym))
            return await self._as_of_now(pseudonym)

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


def _locked(pseudonym: str, left: timedelta) -> str:
    minutes = -(-int(left.total_seconds()) // 60)
    return (
        f"the PIN of {pseudonym} was wrong too often and is not tried for {minutes} min; wait, or have a supervisor "
        f"lift it (reflash operators unlock {pseudonym})"
    )
