"""Waiting for a condition that others bring about, without looking again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TypeVar

T = TypeVar("T")


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


async def first_of(*works: Coroutine[object, object, T]) -> T:
    """Do several things at once until one of them is done, and end the others; return or raise what came of it.

    Of several that are done at the same time the one named first counts. What another raises while it is ended, a
    failing journal say, is raised and not forgotten.
    """
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        first = next((task for task in tasks if task.done()), None)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
    if first is None:
        raise AssertionError("one was done")
    return first.result()
