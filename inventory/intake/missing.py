"""What has not come of what stations have told: the alarm, and what to do about it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select

from inventory.database.tables import counts, gaps, messages, results
from inventory.intake.numbering import Span, before_and_between
from station.messages.result import RESULT

_OF: Final = {RESULT.kind: ""}
"""How the command at the station is told which kind is meant: results are its default."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Numbers of one station that have not come."""

    source: str
    kind: str
    first: int
    last: int
    journal: str | None
    """The identity that has numbers on both sides of them; None for those before the first, or between two."""
    since: datetime | None
    """When that was seen; None for the same."""

    @property
    def command(self) -> str:
        """What to run at that station."""
        option = _OF.get(self.kind, f" --message {self.kind}")
        return f"reflash journal republish {self.first} {self.last}{option}"

    @property
    def line(self) -> str:
        """What is missing, where, and what to do."""
        what = (
            f"{self.kind} {self.first}"
            if self.first == self.last
            else f"{self.kind}s {self.first} to {self.last}"
        )
        return f"{what} of {self.source} never came; there, run: {self.command}"


def missing_of(connection: Connection, work_order: str, kinds: Collection[str]) -> Missing | None:
    """Return the first that has not come of these kinds from a station that worked on an order; None if nothing is missing."""
    worked_on = (
        select(messages.c.source)
        .distinct()
        .join(results, results.c.message == messages.c.id)
        .where(results.c.work_order == work_order)
    )
    sources = set(connection.scalars(worked_on))
    return next((each for each in missing(connection) if each.source in sources and each.kind in kinds), None)


def missing(connection: Connection) -> Sequence[Missing]:
    """Return all that has not come, station by station."""
    spans: defaultdict[tuple[str, str], list[Span]] = defaultdict(list)
    for source, kind, lowest, highest in connection.execute(
        select(counts.c.source, counts.c.kind, counts.c.lowest, counts.c.highest)
    ):
        spans[source, kind].append(Span(lowest, highest))
    found = [
        Missing(source, kind, first, last, None, None)
        for (source, kind), known in spans.items()
        for first, last in before_and_between(known)
    ]
    columns = (gaps.c.source, gaps.c.kind, gaps.c.first, gaps.c.last, gaps.c.journal, gaps.c.since)
    found += [Missing(*row) for row in connection.execute(select(*columns))]
    return sorted(found, key=lambda each: (each.source, each.kind, each.first, each.journal or ""))
