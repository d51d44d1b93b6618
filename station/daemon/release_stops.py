"""The release gate at work: primed from the journal, told of every result, its stops recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, NoReturn

import structlog

from firmware_catalog.catalog import Catalog
from station.attempt.release_gate import GateThresholds, ReleaseGate, ReleaseKey
from station.records.chain import RecordedEvent
from station.records.errors import JournalHeldUp
from station.records.facts.releases import ReleaseStopped
from station.records.journal import Journal
from station.settings import StationSettings

_AGAIN_SECONDS: Final = 5.0
"""Between two tries to record what the journal has no room for."""

_log = structlog.stdlib.get_logger()


class ReleaseStops:
    """Stops releases that fail hub after hub, whether that can be recorded just now or not."""

    def __init__(self, journal: Journal, gate: ReleaseGate) -> None:
        self.gate = gate
        self._journal = journal
        self._due: asyncio.Queue[ReleaseStopped] = asyncio.Queue()

    @classmethod
    async def recall(
        cls, journal: Journal, catalogue: Callable[[], Catalog], settings: Callable[[], StationSettings]
    ) -> ReleaseStops:
        """Begin with what the journal holds: which releases are stopped, and how hubs fared with the others."""
        stopped = await journal.stopped_releases()
        for release in stopped:
            _log.error(
                "release stopped", model=str(release.model), version=str(release.version), why=release.why
            )

        def thresholds() -> GateThresholds:
            limits = settings().thresholds
            return GateThresholds(limits.release_last_hubs, limits.release_failed_hubs)

        gate = ReleaseGate(
            (ReleaseKey(release.model, release.version) for release in stopped), catalogue, thresholds
        )
        stops = cls(journal, gate)
        for stop in gate.recall(await journal.release_results()):
            stops._stop(stop)
        journal.subscribe(stops._hear)
        return stops

    async def keep_recording(self) -> NoReturn:
        """Record each stop, until cancelled. Raises JournalError for anything but a lack of room."""
        while True:
            stop = await self._due.get()
            while True:
                try:
                    await self._journal.append(stop)
                    break
                except JournalHeldUp:
                    await asyncio.sleep(_AGAIN_SECONDS)

    def _hear(self, recorded: RecordedEvent) -> None:
        stop = self.gate.hear(recorded.event)
        if stop is not None:
            self._stop(stop)

    def _stop(self, stop: ReleaseStopped) -> None:
        _log.error("release stopped", model=f"{stop.manufacturer}/{stop.model}", why=stop.why)
        self.gate.hear(stop)
        self._due.put_nowait(stop)
