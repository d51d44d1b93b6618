"""Whether something of a jig is overdue, and whether a slot fares worse than the others of the same days."""

from __future__ import annotations

from datetime import date

from station.doctor.report import Finding, ok, warning
from station.records.segments import segment_paths
from station.reports.errors import ReportError
from station.reports.reader import open_reports
from station.settings import StationSettings
from station.upkeep.rates import COMPARED_DAYS, compared
from station.upkeep.service import Due, service_states


def check_upkeep(settings: StationSettings) -> list[Finding]:
    """Ask the reports, as they are. Says nothing where nothing was ever to be seen to."""
    if not segment_paths(settings.journal_folder):
        return []
    try:
        with open_reports(settings.reports_folder) as reports:
            states = list(service_states(reports, settings.jigs, date.today()))  # noqa: DTZ011 - the bench's day
            rates = compared(reports, COMPARED_DAYS)
    except ReportError as error:
        return [warning("upkeep", str(error))]
    found = [
        warning("upkeep", state.line, f"see: reflash jigs upkeep; then: reflash jigs serviced {state.jig}")
        for state in states
        if state.due in {Due.OVERDUE, Due.UNKNOWN}
    ]
    found += [warning("upkeep", rate.line, "look at its contacts") for rate in rates if rate.named]
    return found or ([ok("upkeep", "nothing is overdue")] if states else [])
