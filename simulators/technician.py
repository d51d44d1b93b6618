"""The person at one jig: takes finished hubs out and puts the next ones in, at a person's pace."""

from __future__ import annotations

import asyncio
from collections import deque

from simulators.hub import Hub
from simulators.slot import Slot


class Technician:
    """Works through a jig's queue. Each slot is loaded on its own; hands are quick enough for all of them."""

    def __init__(self, handling_seconds: float, tasks: asyncio.TaskGroup) -> None:
        self.queue: deque[Hub] = deque()
        self.done: list[Hub] = []
        """Hubs taken out, in order."""
        self._handling_seconds = handling_seconds
        self._tasks = tasks
        self._loading: set[asyncio.Task[None]] = set()

    def swap(self, slot: Slot) -> Hub | None:
        """Take the slot's hub out now and put the next one in after the handling time; return that next one.

        Raises SlotError when the slot is empty.
        """
        self.done.append(slot.unseat())
        if not self.queue:
            return None
        hub = self.queue.popleft()
        task = self._tasks.create_task(self._load(slot, hub), name=f"loading {slot.name}")
        self._loading.add(task)
        task.add_done_callback(self._loading.discard)
        return hub

    def close(self) -> None:
        """Go home, with whatever is in hand."""
        for task in self._loading:
            task.cancel()

    async def _load(self, slot: Slot, hub: Hub) -> None:
        await asyncio.sleep(self._handling_seconds)
        if slot.is_occupied:
            self.queue.appendleft(hub)  # someone else was quicker
        else:
            slot.seat(hub)
