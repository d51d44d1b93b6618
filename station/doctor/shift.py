"""What is due before the first hub of the day, which slots drift, and which golden hubs are not known to be as they were."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from station.bench.start_of_shift import StartOfShift, utc_now
from station.bench.view import BenchView
from station.doctor.report import Finding, ok, warning
from station.records.errors import JournalError
from station.records.facts.golden import golden_checks, golden_hubs
from station.records.facts.shift import newest_check_list
from station.records.reader import JournalReader
from station.records.segments import segment_paths
from station.settings import StationSettings


def check_shift(settings: StationSettings) -> list[Finding]:
    """Ask the journal. Says nothing of a bench that has no golden hubs and asks for nothing before a shift."""
    if not segment_paths(settings.journal_folder):
        return []
    try:
        with JournalReader(settings.journal_folder) as journal:
            hubs, checks = journal.ask(golden_hubs), journal.ask(golden_checks)
            signed = journal.ask(newest_check_list)
    except JournalError:
        return []  # whoever looks at the journal itself says so
    now = utc_now()
    places = [place for place, _ in settings.places()]
    start = StartOfShift(settings.shift, places, BenchView(iter(places)), lambda: now)
    start.recall((), checks, signed)
    found = [
        warning("golden hubs", f"a check with {each.chf} has not ended", "seat it again, in any slot")
        for each in hubs
        if each.unended is not None
    ]
    found += [
        warning("slots", f"{place} is suspect: {why}", "look at its contacts, before it fails hubs")
        for place, why in start.suspects().items()
    ]
    found += _due(settings, start, now)
    return found or ([ok("golden hubs", f"{len(hubs)}, and no slot drifts")] if hubs else [])


def _due(settings: StationSettings, start: StartOfShift, now: datetime) -> Iterator[Finding]:
    shift = settings.shift
    today = shift.days.of(now)
    for item in shift.check_list:
        if item.until is not None and item.until < today:
            what = f"the last good day of {item.what} was {item.until.isoformat()}"
            yield warning("check list", what, "have it renewed, and write the new day into the configuration")
    if shift.check_list_signed != "off" and not start.list_is_signed():
        yield warning("check list", "it is not signed for today", "look at each item: reflash shift sign")
    due = [str(place) for place, _ in settings.places() if not start.is_checked(place)]
    if shift.golden_check != "off" and due:
        yield warning("golden checks", f"due today in {', '.join(due)}", "seat a golden hub there")
