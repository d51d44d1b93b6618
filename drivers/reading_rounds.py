"""Ports of one event loop that are read together, so that many answers cost one wake-up.

Waking up costs more than an answer itself: the loop's own turn, and caches that hold nothing of it any more. Whoever has
more under way than the line needs to stay busy can let what has arrived lie for a moment, while more arrives at other ports.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable
from typing import NamedTuple
from weakref import WeakKeyDictionary


class _Port(NamedTuple):
    seconds: float
    read: Callable[[], None]


class ReadingRounds:
    """Looks into its ports by one timer, as often as the least patient of them wants it; without a port, not at all."""

    def __init__(self) -> None:
        self._ports: dict[int, _Port] = {}
        self._poll = select.poll()
        self._seconds = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def join(self, descriptor: int, seconds: float, read: Callable[[], None]) -> None:
        """From now on call `read` at most about `seconds` after something has arrived, or has happened to the port."""
        self._ports[descriptor] = _Port(seconds, read)
        self._poll.register(descriptor, select.POLLIN)
        self._keep_pace()
        if self._timer is None:
            self._set_timer()
        elif self._timer.when() > asyncio.get_running_loop().time() + seconds:
            self._timer.cancel()
            self._set_timer()

    def leave(self, descriptor: int) -> None:
        """Look no more into this port, which has joined."""
        del self._ports[descriptor]
        self._poll.unregister(descriptor)
        self._keep_pace()
        if not self._ports and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _keep_pace(self) -> None:
        self._seconds = min((port.seconds for port in self._ports.values()), default=0.0)

    def _set_timer(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._look)

    def _look(self) -> None:
        self._set_timer()
        for descriptor, _ in self._poll.poll(0):
            # Who is told of one port may have another leave.
            if (port := self._ports.get(descriptor)) is not None:
                port.read()


_ROUNDS: WeakKeyDictionary[asyncio.AbstractEventLoop, ReadingRounds] = WeakKeyDictionary()


def reading_rounds() -> ReadingRounds:
    """Return those of the running loop."""
    return _ROUNDS.setdefault(asyncio.get_running_loop(), ReadingRounds())
