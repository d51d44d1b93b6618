"""A daemon at work inside a test: what its slots show, and a way to wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from benches import desk_client
from benches.station_bench import Bench, give_order
from station.daemon.assembly import Daemon
from station.domain.outcome import Outcome
from station.domain.phase import SlotPhase
from station.domain.slot_name import SlotName
from station.domain.slot_view import SlotView
from station.records.chain import RecordedEvent
from station.records.facts.events import Event
from station.records.facts.orders import order_lines
from station.records.reader import JournalReader
from station.settings import StationSettings


class RunningDaemon:
    """What a test does with a daemon."""

    def __init__(self, settings: StationSettings) -> None:
        self.settings = settings
        self.seen: list[SlotView] = []
        self._changed = asyncio.Event()
        self.daemon = Daemon(settings, on_view=self._see)
        self.task = asyncio.create_task(self.daemon.run())

    def _see(self, view: SlotView) -> None:
        self.seen.append(view)
        self._changed.set()

    def view(self, place: SlotName) -> SlotView:
        return self.daemon.view.of(place)

    async def until(self, place: SlotName, *phases: SlotPhase, seconds: float = 60) -> SlotView:
        """Return what a slot shows once it is in one of these phases; fail if the daemon ends before."""
        try:
            async with asyncio.timeout(seconds):
                while (view := self.view(place)).phase not in phases:
                    await self._next_change()
        except TimeoutError:
            raise AssertionError(f"{self.view(place)!r} after {seconds} s, wanted {phases}") from None
        return view

    async def until_that(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        """Return as soon as what the slots show, or showed, fulfils the condition."""
        async with asyncio.timeout(seconds):
            while not condition():
                await self._next_change()

    async def _next_change(self) -> None:
        self._changed.clear()
        changed = asyncio.ensure_future(self._changed.wait())
        try:
            await asyncio.wait((changed, self.task), return_when=asyncio.FIRST_COMPLETED)
        finally:
            changed.cancel()
            with suppress(asyncio.CancelledError):
                await changed
        if self.task.done():
            raise AssertionError(f"the daemon ended: {self.task.exception()!r}")

    async def ask(self, what: str, **fields: Any) -> dict[str, Any]:
        return await desk_client.ask(self.settings.state_directory, what, **fields)

    async def stopped(self) -> None:
        """Ask the daemon to stop and wait until it has."""
        self.daemon.stop()
        async with asyncio.timeout(60):
            await self.task


@asynccontextmanager
async def starting_daemon(settings: StationSettings) -> AsyncIterator[RunningDaemon]:
    """Run a daemon while the block lasts; it may end by itself."""
    running = RunningDaemon(settings)
    try:
        yield running
    finally:
        running.task.cancel()
        await asyncio.gather(running.task, return_exceptions=True)


@asynccontextmanager
async def running_daemon(settings: StationSettings) -> AsyncIterator[RunningDaemon]:
    """Run a daemon while the block lasts and stop it in good order."""
    async with starting_daemon(settings) as running:
        yield running
        await running.stopped()


@asynccontextmanager
async def working(bench: Bench, settings: StationSettings, hubs: int = 1) -> AsyncIterator[tuple[Any, ...]]:
    """Order so many hubs and run a daemon that works on them; yield it, and then them."""
    ordered = [bench.hub() for _ in range(hubs)]
    await give_order(settings, *ordered)
    async with running_daemon(settings) as station:
        yield station, *ordered


def outcomes(settings: StationSettings, order: str = "WO-1") -> dict[str, Outcome | None]:
    """Read from the journal what became of each hub of an order."""
    with JournalReader(settings.journal_folder) as journal:
        return {str(state.line.device_id): state.outcome for state in journal.ask(order_lines, order)}


def events_of(settings: StationSettings, kind: type[Event]) -> list[Any]:
    """Read every event of a kind from the journal."""
    with JournalReader(settings.journal_folder) as journal:
        found: list[RecordedEvent] = list(journal.events())
    return [recorded.event for recorded in found if isinstance(recorded.event, kind)]
