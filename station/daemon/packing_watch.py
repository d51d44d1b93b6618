"""What is wrong with packed hubs, said on every screen: cartons that are held, and releases withdrawn after packing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import NoReturn

import structlog

from drivers.threads import apart
from firmware_catalog.catalog import Catalog
from firmware_catalog.errors import CatalogError
from firmware_catalog.identity import FirmwareVersion
from station.bench.view import BenchView
from station.catalogue.withdrawn import withdrawn
from station.desk.pallet_desk import recall_lines
from station.domain.reason import Reason
from station.domain.statement import Statement
from station.records.chain import RecordedEvent
from station.records.facts.attempts import AttemptOpened, AttemptResumed
from station.records.facts.packed import Carton, RecalledCarton, cartons_here, held_cartons, recalled_cartons
from station.records.facts.packing import (
    CartonHeld,
    CartonPutOnPallet,
    CartonReleased,
    CartonsRecalled,
    HubPlaced,
    RecallEnded,
)
from station.records.journal import Journal

_SHOWN = 3
"""So many held cartons are told with their reason, and so many that are recalled by their codes."""

_log = structlog.stdlib.get_logger()


class PackingWatch:
    """Looks again whenever hubs were packed or seen in slots, and when the catalogue was renewed."""

    def __init__(
        self, journal: Journal, view: BenchView, catalogue: Callable[[], Catalog], look: asyncio.Event
    ) -> None:
        """`look` is set by whoever knows that the catalogue may say something else now."""
        self._journal = journal
        self._view = view
        self._catalogue = catalogue
        self._look = look
        self._told: dict[str, str | None] = {}
        self._packed: dict[int, Carton] = {}
        """Every carton there ever was, by number."""
        self._heard = False
        """It was the journal that had something to tell, not the catalogue."""

    async def run(self) -> NoReturn:
        """Say what is, until cancelled."""
        unsubscribe = self._journal.subscribe(self._hear)
        try:
            while True:
                self._look.clear()
                heard, self._heard = self._heard, False
                # Of orders that are over nothing changes any more; which releases stand may.
                cartons = await (self._journal.ask(cartons_here) if heard else self._journal.cartons())
                self._packed.update((carton.number, carton) for carton in cartons)
                self._say("held cartons", await self._held())
                await self._say_what_is_recalled()
                await self._look.wait()
        finally:
            unsubscribe()

    def _hear(self, recorded: RecordedEvent) -> None:
        if isinstance(
            recorded.event,
            AttemptOpened | AttemptResumed | HubPlaced | CartonHeld | CartonReleased | CartonPutOnPallet,
        ):
            self._heard = True
            self._look.set()

    async def _held(self) -> str | None:
        held = await self._journal.ask(held_cartons)
        if not held:
            return None
        why = "; ".join(f"carton {carton.code} is held ({carton.held})" for carton in held[:_SHOWN])
        more = f"; and {len(held) - _SHOWN} more" if len(held) > _SHOWN else ""
        return f"{why}{more}: a supervisor counts it, then releases it (reflash cartons release)"

    async def _say_what_is_recalled(self) -> None:
        packed = tuple(carton for carton in self._packed.values() if carton.contents is not None)
        try:
            recalled = await apart("recall", partial(withdrawn, self._catalogue(), packed)) if packed else ()
        except CatalogError:
            return  # says so itself; what was said of cartons stands
        self._say("recall", "; ".join(recall_lines(recalled, _SHOWN)) or None)
        await self._record(recalled)

    async def _record(self, recalled: Iterable[RecalledCarton]) -> None:
        """Let it be known upstream, once, which cartons are recalled, and which are no longer."""
        before = await self._journal.ask(recalled_cartons)
        found = tuple(recalled)
        now = {each.carton.number for each in found}
        by_release: dict[tuple[str, str, FirmwareVersion], list[int]] = {}
        for each in sorted(found, key=lambda each: each.carton.number):
            if each.carton.number not in before:
                release = each.model.manufacturer, each.model.model, each.firmware
                by_release.setdefault(release, []).append(each.carton.number)
        events: list[CartonsRecalled | RecallEnded] = [
            CartonsRecalled(manufacturer=manufacturer, model=model, firmware=firmware, cartons=tuple(cartons))
            for (manufacturer, model, firmware), cartons in by_release.items()
        ]
        if over := before - now:
            events.append(RecallEnded(cartons=tuple(sorted(over))))
        if events:
            await self._journal.append(*events)

    def _say(self, source: str, line: str | None) -> None:
        if line != self._told.get(source):
            self._told[source] = line
            if line is not None:
                _log.error(source, line=line)
        self._view.set_fault(source, None if line is None else Statement.of(Reason.PACKED_AMISS, detail=line))
