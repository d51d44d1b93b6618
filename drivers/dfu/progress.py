"""Progress of a worker thread, told on the event loop, and no oftener than eyes can follow."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from drivers.hub import FlashProgress, ProgressListener

_SECONDS: Final = 0.2
"""Each telling wakes the event loop: of 24 hubs, a hundred times a second."""


def throttled(
    loop: asyncio.AbstractEventLoop, listener: ProgressListener, size: int
) -> Callable[[int], None]:
    """Return what a thread calls with the bytes sent so far; the listener hears of some of the calls."""
    next_time = 0.0

    def report(sent: int) -> None:
        nonlocal next_time
        now = time.monotonic()
        if now >= next_time:
            next_time = now + _SECONDS
            loop.call_soon_threadsafe(listener, FlashProgress(sent, size))

    return report
