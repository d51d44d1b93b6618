"""Says once of each gap that stays: what never came, and the command that sends it again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from inventory.intake.missing import Missing
from inventory.moments import Clock

_log: Final = structlog.get_logger()


class GapAlarm:
    """Looks when something has come, and when a gap has been open for long enough. `run` it."""

    def __init__(
        self, ask: Callable[[], Coroutine[Any, Any, list[Missing]]], patience: timedelta, clock: Clock
    ) -> None:
        """`ask` returns what is missing now."""
        self._ask = ask
        self._patience = patience
        self._clock = clock
        self._come = asyncio.Event()
        self._come.set()
        self._said: set[Missing] = set()
        self._first_seen: dict[Missing, datetime] = {}

    def something_came(self) -> None:
        """Have it look again. Call it on the event loop."""
        self._come.set()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self._come.wait()
            self._come.clear()
            due = self._tell(await self._ask())
            if due is not None:
                try:
                    async with asyncio.timeout(max(0.0, (due - self._clock()).total_seconds())):
                        await self._come.wait()
                except TimeoutError:
                    self._come.set()

    def _tell(self, missing: list[Missing]) -> datetime | None:
        """Say what has been missing for long enough, and return when the next will have been."""
        now = self._clock()
        self._said &= set(missing)
        self._first_seen = {each: each.since or self._first_seen.get(each, now) for each in missing}
        due = None
        for each, since in self._first_seen.items():
            if each in self._said:
                continue
            if since + self._patience <= now:
                _log.error("messages are missing", line=each.line)
                self._said.add(each)
            else:
                due = min(due or since + self._patience, since + self._patience)
        return due
