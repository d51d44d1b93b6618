"""What the daemon answers on its control socket, besides work orders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from firmware_catalog.identity import Eui64, FirmwareVersion, IdentityError
from station.attempt.authorise import ScannedLabel
from station.bench.controller import Controller
from station.bench.jig import Jig
from station.bench.labels import LabelDesk
from station.bench.slot import Slot
from station.bench.view import BenchView
from station.control import ControlError, Handler, Request
from station.records.errors import EventRefused
from station.records.events import Place, ReleaseResumed
from station.records.journal import Journal


@dataclass(frozen=True, slots=True)
class DaemonRequests:
    """The parts of a running daemon that requests are about."""

    journal: Journal
    controller: Controller
    jigs: Mapping[str, Jig]
    view: BenchView
    labels: LabelDesk
    stop: Callable[[], None]

    def handlers(self) -> dict[str, Handler]:
        """Return the requests it answers, by name."""
        return {
            "status": self._status,
            "stop": self._stop,
            "enable_slot": self._enable_slot,
            "reset_jig": self._reset_jig,
            "scan_label": self._scan_label,
            "republish": self._republish,
            "resume_release": self._resume_release,
        }

    async def _status(self, _: Request) -> Mapping[str, Any]:
        return {"slots": [view.model_dump(mode="json") for view in self.view.slots()]}

    async def _stop(self, _: Request) -> Mapping[str, Any]:
        self.stop()
        return {}

    async def _enable_slot(self, request: Request) -> Mapping[str, Any]:
        self._slot(request).enable()
        return {}

    async def _reset_jig(self, request: Request) -> Mapping[str, Any]:
        jig = self.jigs.get(request["jig"])
        if jig is None:
            raise ControlError(f"{request['jig']} has no board on this bench")
        jig.reset()
        return {}

    async def _scan_label(self, request: Request) -> Mapping[str, Any]:
        slot = self._slot(request)
        try:
            self.labels.put(slot.place, ScannedLabel(Eui64.parse(request["id"]), request.get("role")))
        except IdentityError as error:
            raise ControlError(str(error)) from error
        return {}

    async def _republish(self, request: Request) -> Mapping[str, Any]:
        try:
            await self.journal.republish(request["first"], request["last"])
        except EventRefused as error:
            raise ControlError(str(error)) from error
        return {}

    async def _resume_release(self, request: Request) -> Mapping[str, Any]:
        try:
            await self.journal.append(
                ReleaseResumed(
                    manufacturer=request["manufacturer"],
                    model=request["model"],
                    version=FirmwareVersion.parse(request["version"]),
                    reason=request["reason"],
                )
            )
        except (EventRefused, IdentityError) as error:
            raise ControlError(str(error)) from error
        return {}

    def _slot(self, request: Request) -> Slot:
        place = Place(jig=request["jig"], slot=request["slot"])
        slot = self.controller.slot(place)
        if slot is None:
            raise ControlError(f"there is no {place} on this bench")
        return slot
