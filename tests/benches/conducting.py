"""A conductor of attempts on the station's rig, without the daemon around it: one visit of a hub at a time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benches.station_bench import DRIVER_SETTINGS, Bench, StockHub, import_order, order_csv, slot
from drivers.hub import HubDriver
from drivers.smp.plugin import PLUGIN
from drivers.smp.settings import SmpSettings
from firmware_catalog.catalog import FolderCatalog
from station.attempt.conduct import Concluded, Conductor, StillSeated
from station.attempt.first_look import Visit
from station.attempt.parts import LeftOpen
from station.attempt.recovery_boot import RecoveryBoot
from station.attempt.workers import Workers
from station.domain.slot_name import SlotName
from station.records.facts.attempts import AttemptClosed
from station.records.facts.events import Event
from station.records.journal import Journal
from station.unlocking.counted_answers import CountedAnswers
from station.unlocking.key_file import KeyFileAuthority


@dataclass
class Conducting:
    """A conductor with a journal of its own, and what was journalled since it was opened."""

    bench: Bench
    journal: Journal
    conductor: Conductor
    events: list[Event] = field(default_factory=list)

    async def visit(
        self,
        place: SlotName,
        *faults: dict[str, Any],
        wrap: Callable[[HubDriver], HubDriver] = lambda driver: driver,
        **changes: Any,
    ) -> Concluded | LeftOpen | StillSeated:
        """Conduct one visit of the hub that sits in `place`; the faults are armed once it has booted."""
        driver = wrap(await PLUGIN.open(self.bench.port(place), SmpSettings(**DRIVER_SETTINGS)))
        try:
            async with asyncio.timeout(60):
                hub = await driver.wait_for_hub()
            for fault in faults:
                await self.bench.fault(place, **fault)
            facts: dict[str, Any] = {
                "place": place,
                "driver": driver,
                "hub": hub,
                "label": lambda: None,
                "seen_elsewhere": None,
                "present": lambda: None,
                "power_cycle": _cannot_switch_power,
                "leave_recovery": partial(RecoveryBoot().order, driver),
                "on_progress": lambda _: None,
            }
            return await self.conductor.conduct(Visit(**{**facts, **changes}))
        finally:
            await driver.close()

    async def result(self, place: SlotName, *faults: dict[str, Any], **changes: Any) -> AttemptClosed:
        """Conduct one visit to its result."""
        ending = await self.visit(place, *faults, **changes)
        assert isinstance(ending, Concluded), ending
        return ending.result

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


async def _cannot_switch_power() -> bool:
    return False


@contextlib.asynccontextmanager
async def conducting(
    bench: Bench, folder: Path, *, key: Path | None = None, beside: tuple[Path, ...] = (), **changes: Any
) -> AsyncIterator[Conducting]:
    """Open a journal in `folder` and conduct visits with it; `beside` are the station's other journals."""
    async with (
        Journal.open(folder, site="site", station="bench") as journal,
        CountedAnswers(journal, beside) as wrong_answers,
    ):
        catalogue = FolderCatalog.open(bench.catalogue)
        facts: dict[str, Any] = {
            "journal": journal,
            "catalogue": lambda: catalogue,
            "authority": KeyFileAuthority.load(key or bench.unlock_key),
            "wrong_answers": wrong_answers,
            "veto": lambda *_: None,
            "hindrance": lambda: None,
            "workers": Workers(lambda: "op-1"),
            "station_version": "0",
        }
        facts |= changes
        authority = facts.pop("authority")
        found = Conducting(bench, journal, Conductor(authority=lambda _: authority, **facts))
        unsubscribe = journal.subscribe(lambda recorded: found.events.append(recorded.event))
        yield found
        unsubscribe()


@contextlib.asynccontextmanager
async def ordered_hub(
    bench: Bench, folder: Path, firmware: str = "old", **changes: Any
) -> AsyncIterator[tuple[Conducting, StockHub]]:
    """Seat a hub in the first slot, on an order that its jig has, where visits are conducted."""
    hub = bench.hub(firmware)
    async with conducting(bench, folder, **changes) as at:
        await import_order(at.journal, order_csv(hub), "jig1")
        await bench.seat(hub, slot(1))
        yield at, hub
