"""A journal with a publisher, for tests against real brokers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from benches.journal_samples import closed, opened
from station.publishing.publisher import Publisher
from station.publishing.retained import RetainedStates
from station.publishing.settings import MqttSettings
from station.publishing.status import Connection, PublisherStatus
from station.records.journal import Journal
from station.records.outgoing import OutgoingMessage


class Bench:
    """A journal with a publisher, and what it says of its broker."""

    def __init__(self, journal: Journal, settings: MqttSettings) -> None:
        self.journal = journal
        self.retained = RetainedStates()
        self.said: list[PublisherStatus] = []
        self._changed = asyncio.Condition()
        self._settings = settings
        self._task: asyncio.Task[None] | None = None
        journal.subscribe(lambda _: self._wake())

    def start(self) -> None:
        publisher = Publisher(self.journal, self._settings, self.retained, self._hear)
        self._task = asyncio.create_task(publisher.run())

    async def stop(self) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait((self._task,))

    @property
    def task(self) -> asyncio.Task[None]:
        assert self._task is not None
        return self._task

    def _hear(self, status: PublisherStatus) -> None:
        self.said.append(status)
        self._wake()

    def _wake(self) -> None:
        async def notify() -> None:
            async with self._changed:
                self._changed.notify_all()

        self._notifying = asyncio.ensure_future(notify())

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        async with self._changed:
            while not await condition():
                await self._changed.wait()

    async def until_said(self, connection: Connection) -> PublisherStatus:
        async def said() -> bool:
            return bool(self.said) and self.said[-1].connection is connection

        await self.until(said)
        return self.said[-1]

    async def until_ever_said(self, connection: Connection) -> PublisherStatus:
        """Return the first thing of this kind that was said, which may have been taken back since."""
        found: list[PublisherStatus] = []

        async def said() -> bool:
            found[:] = [status for status in self.said if status.connection is connection]
            return bool(found)

        await self.until(said)
        return found[0]

    async def until_empty(self) -> None:
        async def empty() -> bool:
            return await self.journal.outbox_size() == 0

        await self.until(empty)

    async def until_left(self, *numbers: int) -> list[OutgoingMessage]:
        """Wait until these results, by station sequence, are all that waits; return them."""
        left: list[OutgoingMessage] = []

        async def only_these() -> bool:
            left[:] = await self.journal.outbox_batch(999)
            return [result.number.number for result in left] == list(numbers)

        await self.until(only_these)
        return left

    async def results(self, *hubs: int) -> None:
        for hub in hubs:
            (attempt,) = await self.journal.append(opened(hub, slot=hub % 8 + 1, order=None))
            await self.journal.append(closed(attempt.sequence, hub, slot=hub % 8 + 1, order=None))


@asynccontextmanager
async def bench(
    folder: Path, port: int, *, site: str = "leeds", seconds: float = 60, **more: Any
) -> AsyncIterator[Bench]:
    settings = MqttSettings(port=port, **{"timeout_seconds": 2, "keepalive_seconds": 5, **more})
    async with asyncio.timeout(seconds), Journal.open(folder, site=site, station="bench-1") as journal:
        made = Bench(journal, settings)
        try:
            yield made
        finally:
            if made._task is not None:
                await made.stop()
            await asyncio.sleep(0)
