"""Waiting, while no attempt runs, that ends at once when the station is to finish."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class FinishingError(Exception):
    """The slot was asked to finish while it waited for something."""


class Idling:
    """What one slot waits for, one thing at a time."""

    def __init__(self) -> None:
        self._finishing = asyncio.Event()
        self._waiting: asyncio.Task[Any] | None = None

    @property
    def is_finishing(self) -> bool:
        """Whether nothing is waited for any more."""
        return self._finishing.is_set()

    def finish(self) -> None:
        """Wait for nothing any more, and cut short what is waited for now."""
        self._finishing.set()
        if self._waiting is not None:
            self._waiting.cancel()

    async def wait(self, waiting: Coroutine[object, object, T]) -> T:
        """Wait for something that `finish` may cut short. Raises FinishingError then."""
        if self._finishing.is_set():
            waiting.close()
            raise FinishingError
        waiter = asyncio.create_task(waiting)
        self._waiting = waiter
        try:
            return await waiter
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._finishing.is_set() and task is not None and not task.cancelling():
                raise FinishingError from None
            raise
        finally:
            self._waiting = None
