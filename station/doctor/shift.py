"""Which slots drift, by their golden checks, and which golden hubs are not known to be as they were."""

from __future__ import annotations

from station.bench.drift import drift
from station.doctor.report import Finding, ok, warning
from station.records.errors import JournalError
from station.records.facts.golden import golden_checks, golden_hubs
from station.records.reader import JournalReader
from station.records.segments import segment_paths
from station.settings import StationSettings


def check_shift(settings: StationSettings) -> list[Finding]:
    """Ask the journal. Says nothing of a bench without golden hubs."""
    if not segment_paths(settings.journal_folder):
        return []
    try:
        with JournalReader(settings.journal_folder) as journal:
            hubs, checks = journal.ask(golden_hubs), journal.ask(golden_checks)
    except JournalError:
        return []  # whoever looks at the journal itself says so
    found = [
        warning("golden hubs", f"a check with {each.chf} has not ended", "seat it again, in any slot")
        for each in hubs
        if each.unended is not None
    ]
    for place, _ in settings.places():
        why = drift([each.ended for each in checks if each.ended.place == place])
        if why is not None:
            found.append(
                warning("slots", f"{place} is suspect: {why}", "look at its contacts, before it fails hubs")
            )
    return found or ([ok("golden hubs", f"{len(hubs)}, and no slot drifts")] if hubs else [])
