"""Blocking work in a thread of its own, under a deadline, that ends soon after its caller is cancelled."""

from __future__ import annotations

import asyncio
import ctypes
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from drivers.errors import HubAction, NoAnswer

T = TypeVar("T")

_PR_SET_TIMERSLACK: Final = 29
"""Linux's `linux/prctl.h`."""

_NOTICE_SECONDS: Final = 0.1
"""How late a cancellation may be noticed between two transfers."""


class WorkCancelled(Exception):
    """The caller no longer wants the work. Never reaches a caller."""


class Work:
    """One piece of blocking work, as the thread that does it sees it."""

    def __init__(self, place: str, action: HubAction, seconds: float, *, writes: bool = False) -> None:
        self.place = place
        self.action = action
        self.writes = writes
        """Whether the hub's state is unknown if the work breaks off."""
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Make the next `check` or `pause` the last."""
        self._cancelled.set()

    def check(self) -> None:
        """Raise WorkCancelled when cancelled, NoAnswer past the deadline."""
        if self._cancelled.is_set():
            raise WorkCancelled
        if time.monotonic() > self._deadline:
            raise NoAnswer(
                f"the hub at {self.place} was not done in {self._seconds:g} s",
                action=self.action,
                state_known=not self.writes,
                advice="seat it anew",
            )

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than until the deadline or a cancellation. Raises as `check` does."""
        until = min(time.monotonic() + seconds, self._deadline)
        while True:
            self.check()
            left = until - time.monotonic()
            if left <= 0:
                return
            # Sleeping is cheaper and keener than waiting for an event with a timeout.
            time.sleep(min(left, _NOTICE_SECONDS))


class Worker:
    """One thread, which does one piece of work at a time."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name, initializer=_wake_on_time)

    async def run(self, work: Work, function: Callable[[Work], T]) -> T:
        """Return what the function returns in the thread.

        When the caller is cancelled, wait until the function has noticed: at most one transfer's timeout.
        """
        future = asyncio.get_running_loop().run_in_executor(self._executor, function, work)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            work.cancel()
            while not future.done():
                try:
                    await asyncio.wait([future])
                except asyncio.CancelledError:
                    continue  # the thread must be idle before anyone uses its device again
            if not future.cancelled():
                future.exception()  # known: the work was given up
            raise

    def close(self) -> None:
        """End the thread. Nothing runs in it any more, so this does not wait."""
        self._executor.shutdown()


def _wake_on_time() -> None:
    """Have the calling thread's sleeps end when they are due.

    Linux may let them end 50 µs late otherwise, to save power: a hub that asks for 2 ms a block would lose 2%.
    """
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, ctypes.c_ulong(1))
