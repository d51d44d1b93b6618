"""The record at the desk: results sent again, and stopped releases that may go on."""

from __future__ import annotations

from station.desk.act import Act
from station.desk.desk import Handlers
from station.desk.record_requests import Republish, ResumeRelease
from station.desk.refusals import NotFound
from station.desk.request import Done
from station.records.errors import EventRefused
from station.records.facts.outbox import MessagesRepublished
from station.records.facts.releases import ReleaseResumed


class RecordDesk:
    """Answers what needs the journal alone."""

    def handlers(self) -> Handlers:
        """Return what it answers."""
        return {Republish: self._republish, ResumeRelease: self._resume_release}

    async def _republish(self, request: Republish, act: Act) -> Done:
        again = MessagesRepublished(
            message=request.message.value, first=request.first, last=request.last, actor=act.actor
        )
        try:
            await act.recording(Done()).append(again)
        except EventRefused as error:
            raise NotFound(str(error)) from error
        return Done()

    async def _resume_release(self, request: ResumeRelease, act: Act) -> Done:
        resumed = ReleaseResumed(
            manufacturer=request.manufacturer,
            model=request.model,
            version=request.version,
            reason=request.reason,
            actor=act.actor,
        )
        try:
            await act.recording(Done()).append(resumed)
        except EventRefused as error:
            raise NotFound(str(error)) from error
        return Done()
