"""What the bench is and how it is, from its daemon where one runs, else from its files: what `reflash status` shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from drivers.threads import apart
from station.control.client import ControlError, NoDaemon, ask_daemon
from station.desk.bench_requests import BenchStatus, Status
from station.desk.health_requests import HealthShown, ShowHealth
from station.desk.refusals import Refused
from station.doctor.daemon import judge_status
from station.doctor.health import judge_health
from station.doctor.report import Finding, Verdict, fault
from station.doctor.shift import check_shift
from station.doctor.upkeep import check_upkeep
from station.health.health import Health
from station.health.looking import look_at_files
from station.settings import StationSettings

WORST_FIRST: Final = (Verdict.FAULT, Verdict.WARNING, Verdict.OK)


class Daemon(StrEnum):
    """Who said it."""

    RUNS = "runs"
    NONE = "none"
    """None runs: the files say it."""
    SILENT = "silent"
    """One runs and does not answer: the files say it."""


@dataclass(frozen=True, slots=True)
class Overview:
    """What could be learned, and from whom."""

    daemon: Daemon
    health: Health
    uptime_seconds: float | None
    """None where no daemon told it."""
    status: BenchStatus | None
    findings: tuple[Finding, ...]

    @property
    def worst(self) -> Verdict:
        """The worst that was found."""
        found = {each.verdict for each in self.findings}
        return next((each for each in WORST_FIRST if each in found), Verdict.OK)

    def as_json(self) -> dict[str, Any]:
        """Return it for a script."""
        slots = () if self.status is None else self.status.slots
        return {
            "daemon": self.daemon,
            "uptime_seconds": self.uptime_seconds,
            "worst": self.worst,
            "broker": None if self.status is None else self.status.broker.state,
            "slots": [
                {
                    "jig": slot.place.jig,
                    "slot": slot.place.slot,
                    "phase": slot.phase.value,
                    "to_do": slot.to_do.value,
                }
                for slot in slots
            ],
            "findings": [finding.as_json() for finding in self.findings],
            **self.health.model_dump(mode="json"),
        }


async def look_over(place: Path, settings: StationSettings | None) -> Overview:
    """Ask the daemon of this state directory or socket; with the station's settings look at its files where none answers.

    Raises ControlError and Refused where neither is possible.
    """
    try:
        told = await ask_daemon(place, Status())
        shown = await ask_daemon(place, ShowHealth())
    except (ControlError, Refused) as error:
        if settings is None:
            raise
        daemon = Daemon.NONE if isinstance(error, NoDaemon) else Daemon.SILENT
        health = await apart("status", lambda: look_at_files(settings))
        due = await apart("status", lambda: tuple(_due(settings)))
        return Overview(daemon, health, None, None, (_no_answer(daemon, error), *judge_health(health), *due))
    due = () if settings is None else await apart("status", lambda: tuple(_due(settings)))
    return Overview(
        Daemon.RUNS, shown.health, shown.uptime_seconds, told, (*_told_by_daemon(told, shown), *due)
    )


def _no_answer(daemon: Daemon, error: Exception) -> Finding:
    if daemon is Daemon.NONE:
        return fault("daemon", "none runs: no hub is worked on", "start it: systemctl start reflash")
    return fault("daemon", str(error), "see: systemctl status reflash")


def _told_by_daemon(told: BenchStatus, shown: HealthShown) -> Iterator[Finding]:
    yield from judge_status(told)
    places = {str(slot.place) for slot in told.slots}
    # A slot that is out of use says itself why.
    yield from (each for each in judge_health(shown.health) if each.where not in places)


def _due(settings: StationSettings) -> Iterator[Finding]:
    """What the day and the jigs ask of people."""
    for each in (*check_shift(settings), *check_upkeep(settings)):
        if each.verdict is not Verdict.OK:
            yield each
