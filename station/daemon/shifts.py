"""Sign-ons end by themselves: after so long as no shift lasts, and where nobody stands behind the pseudonym any more.

A restart ends none: at ten in the morning the same people are still there, and in the evening nobody is
(docs/decisions/0036-a-sign-on-outlives-a-restart-and-ends-with-its-time.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, NoReturn

import structlog

from drivers.threads import apart
from station.bench.duty import Duty
from station.bench.settings import PeopleSettings
from station.domain.shift_day import SLACK
from station.people.operators import Operators, OperatorsUnreadable
from station.records.errors import EventRefused
from station.records.facts.people import OnDuty, SignedOff, WhySignedOff
from station.records.journal import Journal
from station.settings import StationSettings

_LOOK_SECONDS: Final = 60.0
"""Between two looks at the clock: nothing tells when somebody sets it."""

Now = Callable[[], datetime]

_log = structlog.stdlib.get_logger()


def utc_now() -> datetime:
    """Read the clock by which shifts end."""
    return datetime.now(UTC)


async def recall_duty(journal: Journal, settings: StationSettings, now: Now = utc_now) -> tuple[OnDuty, ...]:
    """Return who is still signed on when a station starts, having signed off who cannot be there any more."""
    found = await journal.signed_on()
    if not found:
        return ()
    known = None
    try:
        known = (await apart("operators", Operators(settings.operators_file).people)).keys()
    except (OperatorsUnreadable, OSError) as error:
        _log.warning("nobody can say who is signed on", reason=str(error))
    for each in found:
        if known is not None and each.pseudonym not in known:
            await _sign_off(journal, each, WhySignedOff.ERASED)
        elif _left(each, settings.people, now()) <= timedelta():
            await _sign_off(journal, each, WhySignedOff.TIME_OVER)
    return await journal.signed_on()


async def keep_ends(journal: Journal, duty: Duty, settings: PeopleSettings, now: Now = utc_now) -> NoReturn:
    """Sign everybody off whose time is over, until cancelled. Hubs in work go on. Raises JournalError."""
    while True:
        await duty.until_somebody()
        for each in duty.everybody():
            if _left(each, settings, now()) <= timedelta():
                await _sign_off(journal, each, WhySignedOff.TIME_OVER)
        left = min((_left(each, settings, now()) for each in duty.everybody()), default=timedelta())
        await asyncio.sleep(min(max(left.total_seconds(), 0.0), _LOOK_SECONDS))


def _left(each: OnDuty, settings: PeopleSettings, now: datetime) -> timedelta:
    """For how long somebody is still signed on. Not at all if it was in the future: nobody can say how long it has been."""
    if each.since > now + SLACK:
        return timedelta()
    return each.since + timedelta(hours=settings.sign_on_hours) - now


async def _sign_off(journal: Journal, each: OnDuty, why: WhySignedOff) -> None:
    try:
        await journal.append(SignedOff(jig=each.jig, pseudonym=each.pseudonym, why=why))
    except EventRefused:
        return  # they signed off, or somebody else on, in that very moment
    _log.info("signed off", pseudonym=each.pseudonym, jig=each.jig, why=why.value)
