"""Retained messages as a board of latest values: what a topic says now, never what it said before."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from math import inf


class RetainedStates:
    """Latest value a topic. Set by anyone on the event loop, taken by one publisher."""

    def __init__(self, gather_seconds: float = 0.0) -> None:
        """What changes within `gather_seconds` of the last taking waits until these are over, and is taken together."""
        self._gather_seconds = gather_seconds
        self._taken_at = -inf
        self._hurry = asyncio.Event()
        """Somebody waits until all is sent."""
        self._payloads: dict[str, bytes] = {}
        self._changed: set[str] = set()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        """The taker has sent all that it took, and waits for more."""

    def set(self, topic: str, payload: bytes) -> None:
        """Say this on the topic from now on. Values that come faster than they are sent replace each other."""
        if self._payloads.get(topic) != payload:
            self._payloads[topic] = payload
            self.send_again(topic)

    def send_all_again(self) -> None:
        """Count every topic as changed: a broker that was away may have forgotten them."""
        self._changed.update(self._payloads)
        if self._changed:
            self._wake.set()
            self._idle.clear()

    def send_again(self, topic: str) -> None:
        """Count a topic as changed: another value was said on it meanwhile."""
        self._changed.add(topic)
        self._wake.set()
        self._idle.clear()

    def take_back(self, topic: str) -> None:
        """Have what was retained on a topic on which nothing is said any more taken away, once."""
        if topic not in self._payloads:
            self.send_again(topic)

    async def changes(self) -> dict[str, bytes]:
        """Wait until a topic has changed since the last call, then return the latest value of each that has.

        Without bytes: nothing is to be retained there any more (MQTT 3.1.1, 3.3.1.3).
        """
        if not self._wake.is_set():
            self._idle.set()
        await self._wake.wait()
        await self._gather()
        self._wake.clear()
        self._idle.clear()
        changed, self._changed = self._changed, set()
        return {topic: self._payloads.get(topic, b"") for topic in changed}

    async def _gather(self) -> None:
        clock = asyncio.get_running_loop().time
        if (left := self._taken_at + self._gather_seconds - clock()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._hurry.wait()
        self._taken_at = clock()

    async def all_sent(self) -> None:
        """Return once the taker of the changes has sent them all and waits for more. From now on none is held back."""
        self._hurry.set()
        await self._idle.wait()
