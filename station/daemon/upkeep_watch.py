"""What of the jigs is overdue, said on every screen; and what their boards count, into the journal."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date
from functools import partial
from pathlib import Path
from typing import Final, NoReturn

import structlog

from drivers.threads import apart
from station.bench.jig import Jig as BoardedJig
from station.bench.view import BenchView
from station.domain.reason import Reason
from station.domain.statement import Statement
from station.places.settings import JigSettings
from station.records.chain import RecordedEvent
from station.records.errors import JournalHeldUp
from station.records.facts.upkeep import InsertionsCounted, JigServiced
from station.records.journal import Journal
from station.reports.errors import ReportError
from station.reports.reader import open_reports
from station.upkeep.service import Due, ServiceState, service_states

_PAUSE_SECONDS: Final = 600.0
"""Between two questions to the boards: so much of their counting is lost with a board that is exchanged."""
_SHOWN: Final = 3
"""So many of a jig's overdue parts are told."""

_log = structlog.stdlib.get_logger()


class UpkeepWatch:
    """Asks the boards every now and then, and looks what is overdue once the reports know of it."""

    def __init__(
        self,
        journal: Journal,
        settings: Iterable[JigSettings],
        jigs: Mapping[str, BoardedJig],
        reports: Path,
        view: BenchView,
        *,
        pause_seconds: float = _PAUSE_SECONDS,
    ) -> None:
        """`jigs` are those with a board, `reports` is the folder of the reports."""
        self._journal = journal
        self._settings = tuple(settings)
        self._jigs = jigs
        self._reports = reports
        self._view = view
        self._pause_seconds = pause_seconds
        self._wanted: int | None = 0
        """The newest fact of upkeep at which nobody has looked yet; None if somebody has looked at all."""
        self._up_to_date = asyncio.Event()

    def reports_are_up_to_date(self) -> None:
        """Learn that the reports have taken in what there was."""
        self._up_to_date.set()

    async def run(self) -> NoReturn:
        """Ask and look until cancelled."""
        unsubscribe = self._journal.subscribe(self._hear)
        try:
            async with asyncio.TaskGroup() as group:
                for name, jig in self._jigs.items():
                    group.create_task(self._keep_counting(jig), name=f"insertions of {name}")
                group.create_task(self._keep_looking(), name="upkeep")
        finally:
            unsubscribe()
        raise AssertionError("it goes on until it is cancelled")

    def _hear(self, recorded: RecordedEvent) -> None:
        if isinstance(recorded.event, InsertionsCounted | JigServiced):
            self._wanted = recorded.sequence

    async def _keep_counting(self, jig: BoardedJig) -> NoReturn:
        recorded = None
        while True:
            await jig.until_online()
            counted = await jig.insertions()
            if counted is not None and counted != recorded:
                with suppress(JournalHeldUp):  # the board still knows it the next time
                    await self._journal.append(counted)
                    recorded = counted
            await asyncio.sleep(self._pause_seconds)

    async def _keep_looking(self) -> NoReturn:
        loop = asyncio.get_running_loop()
        due = loop.time() + self._pause_seconds
        while True:
            try:
                async with asyncio.timeout_at(due):
                    await self._up_to_date.wait()
            except TimeoutError:
                self._wanted = self._wanted or 0  # visits went on, and days pass
            self._up_to_date.clear()
            if self._wanted is not None:
                await self._look(self._wanted)
                due = loop.time() + self._pause_seconds

    async def _look(self, wanted: int) -> None:
        try:
            known, overdue = await apart("upkeep", partial(self._overdue, date.today()))  # noqa: DTZ011 - the bench's day
        except ReportError as error:
            _log.warning(
                "upkeep not looked at", reason=str(error)
            )  # whoever keeps the reports says so on screens
            return
        if known < wanted:
            return  # that fact came after the reports had been brought up to date: they will be again
        if self._wanted == wanted:
            self._wanted = None
        for jig in self._settings:
            of_jig = [each.detail for each in overdue if each.jig == jig.name]
            more = f"; and {len(of_jig) - _SHOWN} more" if len(of_jig) > _SHOWN else ""
            detail = "; ".join(of_jig[:_SHOWN]) + more
            stated = Statement.of(Reason.UPKEEP_OVERDUE, jig=jig.name, detail=detail) if of_jig else None
            self._view.set_fault(f"upkeep of {jig.name}", stated)

    def _overdue(self, today: date) -> tuple[int, list[ServiceState]]:
        with open_reports(self._reports) as reports:
            states = service_states(reports, self._settings, today)
            return reports.cursor.sequence, [each for each in states if each.due is Due.OVERDUE]
