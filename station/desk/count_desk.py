"""Counts at the desk, read from the reports beside whoever writes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from station.desk.act import Act
from station.desk.count_requests import CountResults, FaultCount, ResultCount, ResultsCounted
from station.desk.desk import Handlers
from station.desk.looks import Looks
from station.desk.refusals import Unavailable
from station.domain.outcome import Code, Outcome, Stage
from station.reports.errors import ReportError
from station.reports.reader import open_reports

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CountDesk:
    """Answers from one folder of reports."""

    looks: Looks
    reports_folder: Path

    def handlers(self) -> Handlers:
        """Return what it answers."""
        return {CountResults: self._count}

    async def _count(self, _: CountResults, __: Act) -> ResultsCounted:
        try:
            return await self.looks.apart("counts", partial(_counted, self.reports_folder))
        except ReportError as error:
            raise Unavailable(str(error)) from error


def _counted(folder: Path) -> ResultsCounted:
    with open_reports(folder) as reports:
        return ResultsCounted(
            as_of=None if reports.as_of is None else _EPOCH + timedelta(microseconds=reports.as_of),
            results=tuple(
                ResultCount(
                    jig=each.jig,
                    slot=each.slot,
                    outcome=Outcome(each.outcome),
                    results=each.results,
                    work_seconds=each.work_seconds,
                )
                for each in reports.results_counted()
            ),
            faults=tuple(
                FaultCount(stage=Stage(each.stage), code=Code(each.code), results=each.results)
                for each in reports.faults_counted()
            ),
        )
