"""What the daemon answers on its control socket, besides work orders."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from pydantic import BaseModel

from firmware_catalog.identity import Eui64, FirmwareVersion, IdentityError
from station.bench.controller import Controller
from station.bench.jig import Jig, ResetRefused
from station.bench.labels import ScanRefused
from station.bench.scans import BenchScans
from station.bench.slot import Slot
from station.bench.view import BenchView, BrokerView, ScanView, SlotView
from station.control import ControlError, Handler, Request, RequestWrong, Stream
from station.descriptors import allowed
from station.domain.actor import Actor
from station.domain.label import ScannedLabel
from station.domain.slot_name import Place
from station.records.facts.releases import ReleaseResumed
from station.records.facts.results import ResultsRepublished
from station.records.journal import Journal
from station.version import station_version

_WATCH_SECONDS: Final = 0.1
"""Between two answers to one who watches: as often as an eye follows."""


@dataclass(frozen=True, slots=True)
class DaemonRequests:
    """The parts of a running daemon that requests are about."""

    journal: Journal
    controller: Controller
    jigs: Mapping[str, Jig]
    view: BenchView
    scans: BenchScans
    stop: Callable[[], None]

    def handlers(self) -> dict[str, Handler]:
        """Return the requests it answers, by name."""
        return {
            "status": self._status,
            "stop": self._stop,
            "enable_slot": self._enable_slot,
            "reset_jig": self._reset_jig,
            "scan_label": self._scan_label,
            "take_back_label": self._take_back_label,
            "republish": self._republish,
            "resume_release": self._resume_release,
        }

    def desk_handlers(self) -> dict[str, Handler]:
        """Return those for people who may look and scan, and nothing else."""
        mine = self.handlers()
        return {name: mine[name] for name in ("status", "scan_label", "take_back_label")}

    def streams(self) -> dict[str, Stream]:
        """Return the requests that are answered again and again, by name."""
        return {"watch": self._watch}

    async def _status(self, _: Request) -> Mapping[str, Any]:
        return {
            "slots": _as_json(self.view.slots()),
            "broker": asdict(self.view.broker),
            "faults": self.view.faults(),
            "scans": [asdict(scan) for scan in self.view.scans()],
            "descriptors_allowed": allowed(),
            "version": station_version(),
        }

    async def _watch(self, _: Request) -> AsyncGenerator[Mapping[str, Any], None]:
        """Tell every slot, then each that changed, and the last of all at the end.

        Who is slow misses what was in between, never what is.
        """
        view, told = self.view, dict[Place, SlotView]()
        told_besides: object = None

        def besides() -> tuple[BrokerView, tuple[str, ...], tuple[ScanView, ...]]:
            return view.broker, view.faults(), view.scans()

        def news() -> dict[Place, SlotView]:
            return {slot.place: slot for slot in view.slots() if told.get(slot.place) is not slot}

        def is_news() -> bool:
            return besides() != told_besides or bool(news())

        while is_news() or not view.ended:
            await view.changes.until(lambda: is_news() or view.ended)
            told_besides, changed = besides(), news()
            told.update(changed)
            broker, faults, scans = besides()
            yield {
                "slots": _as_json(changed.values()),
                "broker": asdict(broker),
                "faults": faults,
                "scans": [asdict(scan) for scan in scans],
            }
            await asyncio.sleep(_WATCH_SECONDS)

    async def _stop(self, _: Request) -> Mapping[str, Any]:
        self.stop()
        return {}

    async def _enable_slot(self, request: Request) -> Mapping[str, Any]:
        await self._slot(request).latch.enable(_actor(request))
        return {}

    async def _reset_jig(self, request: Request) -> Mapping[str, Any]:
        jig = self.jigs.get(request["jig"])
        if jig is None:
            raise RequestWrong(f"{request['jig']} has no board on this bench")
        try:
            await jig.reset(_actor(request))
        except ResetRefused as error:
            raise ControlError(str(error)) from error
        return {}

    async def _scan_label(self, request: Request) -> Mapping[str, Any]:
        scan = _Scan.model_validate(request)
        if (label := scan.label()) is None:
            raise RequestWrong("the label's id is missing")
        return await _answered(self.scans.take(scan.jig, scan.slot, label))

    async def _take_back_label(self, request: Request) -> Mapping[str, Any]:
        scan = _Scan.model_validate(request)
        return await _answered(self.scans.take_back(scan.jig, scan.slot, scan.label()))

    async def _republish(self, request: Request) -> Mapping[str, Any]:
        await self.journal.append(ResultsRepublished(first=request["first"], last=request["last"]))
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
        except IdentityError as error:
            raise RequestWrong(str(error)) from error
        return {}

    def _slot(self, request: Request) -> Slot:
        place = Place(jig=request["jig"], slot=request["slot"])
        slot = self.controller.slot(place)
        if slot is None:
            raise RequestWrong(f"there is no {place} on this bench")
        return slot


class _Scan(BaseModel):
    """A label scanned at a jig, for a slot or for whichever is meant."""

    jig: str
    slot: int | None = None
    id: str | None = None
    role: Literal["CHF", "GPF"] | None = None

    def label(self) -> ScannedLabel | None:
        """Read the label's id. Raises RequestWrong for what is none."""
        try:
            return None if self.id is None else ScannedLabel(Eui64.parse(self.id), self.role)
        except IdentityError as error:
            raise RequestWrong(str(error)) from error


async def _answered(scanning: Awaitable[str]) -> Mapping[str, Any]:
    try:
        return {"line": await scanning}
    except ScanRefused as refusal:
        raise ControlError(str(refusal)) from refusal


def _actor(request: Request) -> Actor | None:
    return None if request.get("actor") is None else Actor.model_validate(request["actor"])


def _as_json(views: Iterable[SlotView]) -> list[dict[str, Any]]:
    return [view.model_dump(mode="json") for view in views]
