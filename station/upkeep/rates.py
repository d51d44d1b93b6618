"""Slots held against the others of the same days: which of them fail, try again, lose their hubs or are slow more often. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import chain
from statistics import median
from typing import Final, NamedTuple

from station.reports.figures import Span
from station.reports.reader import HubDay, Pace, Reports, Wanted
from station.upkeep.exact import at_least

COMPARED_DAYS: Final = 28
"""So many days back slots are held against each other, unless somebody asks for others: what was mended counts no more."""
_DAY: Final = 86_400_000_000
"""Microseconds."""
NAMED_BELOW: Final = 0.01
"""A slot is named where chance alone would do as much in fewer than so many of all cases."""
HUBS_TO_NAME: Final = 5
"""And only once it was so with so many different hubs: fewer are those hubs' own doing as likely."""


SLOW: Final = 1.05
"""A hub was slow that was worked on for so many times the median of its kind, in all slots of that day."""


class Measure(StrEnum):
    """What is counted."""

    FAILURES = "failures"
    RETRIES = "retries"
    """A stage that had failed was tried again, in the same visit."""
    RESEATS = "reseats"
    """The hub left its slot before its result: taken out, or its contacts lost."""
    SLOW = "slow"
    """It passed, and took longer than others of its kind did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How one slot fared by one measure. A hub counts once a day and slot."""

    jig: str
    slot: int
    measure: Measure
    hubs: int
    """Different hubs with which it was so."""
    marked: int
    """Hubs by the day with which it was so, of `seen`."""
    seen: int
    others_marked: int
    """The same of all other slots, on the days on which this one had hubs."""
    others_seen: int
    chance: float | None
    """That chance alone makes it so many here or more; None where there is nothing to hold it against."""

    @property
    def named(self) -> bool:
        """Whether the slot has to be looked at."""
        return self.hubs >= HUBS_TO_NAME and self.chance is not None and self.chance < NAMED_BELOW

    @property
    def line(self) -> str:
        """Say it in words."""
        others = f"{_percent(self.others_marked, self.others_seen)} of the other slots' on the same days"
        chance = "" if self.chance is None else f" (chance alone: {100 * self.chance:.2g}%)"
        return (
            f"{self.jig} slot {self.slot}: {_WHAT[self.measure]} {self.marked} of {self.seen} hubs"
            f" ({_percent(self.marked, self.seen)}), {others}{chance}"
        )


_WHAT: Final = {
    Measure.FAILURES: "failed",
    Measure.RETRIES: "was retried with",
    Measure.RESEATS: "lost before their result",
    Measure.SLOW: "was slow with",
}


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}%" if whole else "none"


@dataclass(slots=True)
class _Days:
    """Of one slot, or of all: how many hubs on each day, and with how many of them it was so."""

    seen: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    marked: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    def take(self, day: str, *, marked: bool) -> None:
        self.seen[day] += 1
        self.marked[day] += marked


def compared(reports: Reports, days: int) -> tuple[Rate, ...]:
    """Hold slots against each other over so many days up to the newest fact."""
    newest = reports.as_of or 0
    return compared_within(reports, Wanted(), Span(newest - days * _DAY, newest + 1))


def compared_within(reports: Reports, wanted: Wanted, span: Span) -> tuple[Rate, ...]:
    """Hold slots against each other over a span; those of all jigs, whichever is wanted."""
    of_all = replace(wanted, jig=None)
    rates = slot_rates(reports.hub_days(of_all, span), reports.paces(of_all, span))
    return tuple(rate for rate in rates if wanted.jig in {None, rate.jig})


def slot_rates(hub_days: Iterable[HubDay], paces: Iterable[Pace] = ()) -> tuple[Rate, ...]:
    """Reckon every measure of every slot that had hubs."""
    slots: defaultdict[tuple[str, int, Measure], _Days] = defaultdict(_Days)
    together: defaultdict[Measure, _Days] = defaultdict(_Days)
    hubs: defaultdict[tuple[str, int, Measure], set[str]] = defaultdict(set)
    for each, measure, marked in chain(_measured(hub_days), _slow(paces)):
        key = each.jig, each.slot, measure
        slots[key].take(each.day, marked=marked)
        together[measure].take(each.day, marked=marked)
        if marked:
            hubs[key].add(each.hub)
    return tuple(
        _rate(key, slots[key], together[key[2]], len(hubs[key]))
        for key in sorted(slots, key=lambda key: (key[0], key[1], list(Measure).index(key[2])))
    )


class _Where(NamedTuple):
    day: str
    jig: str
    slot: int
    hub: str


def _measured(hub_days: Iterable[HubDay]) -> Iterator[tuple[_Where, Measure, bool]]:
    for each in hub_days:
        where = _Where(each.day, each.jig, each.slot, each.hub)
        yield where, Measure.RESEATS, bool(each.lost)
        if each.finished:
            yield where, Measure.FAILURES, bool(each.failed)
            yield where, Measure.RETRIES, bool(each.retried)


def _slow(paces: Iterable[Pace]) -> Iterator[tuple[_Where, Measure, bool]]:
    of_kinds: defaultdict[tuple[str, str], list[Pace]] = defaultdict(list)
    for pace in paces:
        of_kinds[pace.day, pace.kind].append(pace)
    marked: defaultdict[_Where, bool] = defaultdict(bool)
    for alike in of_kinds.values():
        limit = SLOW * median(pace.seconds for pace in alike)
        for pace in alike:
            marked[_Where(pace.day, pace.jig, pace.slot, pace.hub)] |= pace.seconds > limit
    for where, slow in marked.items():
        yield where, Measure.SLOW, slow


def _rate(key: tuple[str, int, Measure], own: _Days, together: _Days, hubs: int) -> Rate:
    jig, slot, measure = key
    seen, marked = sum(own.seen.values()), sum(own.marked.values())
    all_seen = sum(together.seen[day] for day in own.seen)
    all_marked = sum(together.marked[day] for day in own.seen)
    return Rate(
        jig=jig,
        slot=slot,
        measure=measure,
        hubs=hubs,
        marked=marked,
        seen=seen,
        others_marked=all_marked - marked,
        others_seen=all_seen - seen,
        chance=None if all_seen == seen else at_least(marked, seen, all_marked, all_seen),
    )
