"""What the entry point of the group `pytest11` names: sums the suite up at the end of a run.

Kept small, because pytest imports it in every run of whoever has the station installed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pytest import TerminalReporter, TestReport  # noqa: PT013 - for its types alone

REPORTED_AS: Final = "driver conformance"
"""The property of a test's report that names the driver."""


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Say for each driver how much of the contract was shown, and what was not, and why."""
    shown: defaultdict[str, Counter[str]] = defaultdict(Counter)
    missing: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for outcome in ("passed", "failed", "skipped"):
        for report in terminalreporter.stats.get(outcome, ()):
            driver = dict(report.user_properties).get(REPORTED_AS)
            if driver is None:
                continue
            shown[driver][outcome] += 1
            if outcome == "skipped":
                missing[driver][_reason(report)] += 1
    if not shown:
        return
    terminalreporter.section("driver conformance")
    for driver, counts in shown.items():
        terminalreporter.line(
            f"{driver}: {counts['passed']} checks passed, {counts['failed']} failed, "
            f"{counts['skipped']} could not be made"
        )
        for reason, count in missing[driver].items():
            terminalreporter.line(f"  {count} not made: {reason}")


def _reason(report: TestReport) -> str:
    _, _, why = report.longrepr if isinstance(report.longrepr, tuple) else ("", 0, str(report.longrepr))
    return why.removeprefix("Skipped: ")
