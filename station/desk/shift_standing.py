"""How the start of a shift stands, from the journal alone: also while no daemon runs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from station.bench.settings import ShiftSettings
from station.bench.start_of_shift import StartOfShift
from station.bench.view import BenchView
from station.desk.standing_requests import CheckItem, GoldenHubRow, ShiftToday, SlotCheck
from station.domain.slot_name import SlotName
from station.records.facts.golden import PastCheck, golden_checks, golden_hubs
from station.records.facts.shift import newest_check_list
from station.records.reader import JournalReader


def standing_of_shift(
    settings: ShiftSettings, places: Iterable[SlotName], journal: JournalReader, now: datetime
) -> ShiftToday:
    """Say what is due today, how each slot's newest golden check went, and which slots are suspect."""
    every = tuple(places)
    hubs, checks = journal.ask(golden_hubs), journal.ask(golden_checks)
    newest = journal.ask(newest_check_list)
    start = StartOfShift(settings, every, BenchView(iter(every)), lambda: now)
    start.recall(hubs, checks, newest)
    signed, suspects = start.list_is_signed(), start.suspects()
    last = {each.ended.place: each for each in checks}
    day = settings.days.of(now)
    return ShiftToday(
        day=day,
        began=settings.days.beginning(day),
        check_list=tuple(CheckItem(what=each.what, until=each.until) for each in settings.check_list),
        list_wanted=settings.check_list_signed,
        signed=signed,
        signed_by=newest[1].actor.pseudonym if newest is not None and signed else None,
        golden_wanted=settings.golden_check,
        golden=tuple(
            GoldenHubRow(chf=hub.chf, gpf=hub.gpf, enrolled=hub.enrolled, as_it_was=hub.unended is None)
            for hub in hubs
        ),
        slots=tuple(
            _slot(place, last.get(place), suspects.get(place), today=start.is_checked(place))
            for place in every
        ),
    )


def _slot(place: SlotName, last: PastCheck | None, suspect: str | None, *, today: bool) -> SlotCheck:
    ended = None if last is None else last.ended
    return SlotCheck(
        place=place,
        checked=None if last is None else last.utc,
        today=today,
        passed=None if ended is None else ended.passed,
        detail=None if ended is None else ended.detail,
        seconds=None if ended is None else ended.write_seconds,
        retries=None if ended is None else ended.retries,
        milliamperes=None if ended is None else ended.milliamperes,
        suspect=suspect,
    )
