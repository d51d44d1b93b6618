"""What of each jig is due, and overdue."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from station.records.moments import utc_from_microseconds
from station.reports.reader import Reports
from station.reports.rows import WHOLE_JIG
from station.upkeep.settings import ServiceSettings

_DUE_SHARE: Final = 0.9
"""Of its insertions, from which on a part is due: time to order one."""
_DUE_DAYS: Final = 14
"""So long before its last good day something is due: time to make a date for it."""


class Jig(Protocol):
    """What has to be known of a jig."""

    @property
    def name(self) -> str:
        """What is written on it."""
        ...

    @property
    def slots(self) -> Mapping[int, str]:
        """Its slots, by number."""
        ...

    @property
    def service(self) -> tuple[ServiceSettings, ...]:
        """What has to be replaced or checked."""
        ...


class Due(StrEnum):
    """How it stands with a part or a check."""

    GOOD = "good"
    DUE = "due"
    OVERDUE = "overdue"
    UNKNOWN = "unknown"
    """Nobody has recorded yet when it was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceState:
    """One part of one slot, or one check of a jig."""

    jig: str
    slot: int | None
    what: str
    due: Due
    insertions: int | None
    """Borne since it was new, at least; None for what time decides."""
    limit: int | None
    by_board: bool | None
    """Whether the board's counter says so; else visits of hubs."""
    until: date | None
    """Its last good day; None for what use decides, and where nobody knows."""
    serviced: datetime | None
    """When it was last recorded as new or done."""
    actor: str | None

    @property
    def detail(self) -> str:
        """Say it in words that follow the jig's name."""
        if self.limit is not None:
            return f"{self.what} of slot {self.slot}: {self.insertions:,} of {self.limit:,} insertions"
        if self.until is None:
            return f"{self.what}: nobody has recorded yet when it was done"
        return f"{self.what}: {'ended' if self.due is Due.OVERDUE else 'ends'} with {self.until.isoformat()}"

    @property
    def line(self) -> str:
        """Say it in words."""
        return f"{self.jig}: {self.detail}"


def service_states(reports: Reports, jigs: Iterable[Jig], today: date) -> Iterator[ServiceState]:
    """Yield each, in the order of the configuration. `today` is the bench's."""
    for jig in jigs:
        for item in jig.service:
            if item.insertions is not None:
                for slot in sorted(jig.slots):
                    yield _part(reports, jig.name, slot, item.what, item.insertions)
            else:
                yield _check(reports, jig.name, item, today)


def _part(reports: Reports, jig: str, slot: int, what: str, limit: int) -> ServiceState:
    serviced = reports.serviced(jig, what, slot)
    borne = reports.insertions(jig, slot, 0 if serviced is None else serviced.sequence)
    due = Due.OVERDUE if borne >= limit else Due.DUE if borne >= _DUE_SHARE * limit else Due.GOOD
    return ServiceState(
        jig=jig,
        slot=slot,
        what=what,
        due=due,
        insertions=borne,
        limit=limit,
        by_board=reports.counted_by_board(jig),
        until=None,
        serviced=None if serviced is None else utc_from_microseconds(serviced.at),
        actor=None if serviced is None else serviced.actor,
    )


def _check(reports: Reports, jig: str, item: ServiceSettings, today: date) -> ServiceState:
    serviced = reports.serviced(jig, item.what, WHOLE_JIG) if item.days is not None else None
    at = None if serviced is None else utc_from_microseconds(serviced.at)
    until = item.until
    if item.days is not None and at is not None:
        until = at.astimezone().date() + timedelta(days=item.days)
    return ServiceState(
        jig=jig,
        slot=None,
        what=item.what,
        due=_due(until, today),
        insertions=None,
        limit=None,
        by_board=None,
        until=until,
        serviced=at,
        actor=None if serviced is None else serviced.actor,
    )


def _due(until: date | None, today: date) -> Due:
    if until is None:
        return Due.UNKNOWN
    if today > until:
        return Due.OVERDUE
    return Due.DUE if today > until - timedelta(days=_DUE_DAYS) else Due.GOOD
