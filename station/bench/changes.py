"""Waiting for a condition that others bring about, without looking again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Changes:
    """Wakes those who wait for a condition."""

    def __init__(self) -> None:
        self._waiters: set[asyncio.Event] = set()

    def tell(self) -> None:
        """Have every waiter look again."""
        for waiter in self._waiters:
            waiter.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return as soon as the condition holds."""
        waiter = asyncio.Event()
        self._waiters.add(waiter)
        try:
            while not condition():
                await waiter.wait()
                waiter.clear()
        finally:
            self._waiters.discard(waiter)
