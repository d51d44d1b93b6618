"""Asks a database that does not answer now again, until it does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog

from inventory.database.engine import DatabaseUnavailable
from inventory.pauses import pause_after

_log: Final = structlog.get_logger()
_T = TypeVar("_T")


async def until_answered(ask: Callable[[], Awaitable[_T]], meanwhile: str) -> _T:
    """Return the first answer; the log says `meanwhile` before each pause."""
    failures = 0
    while True:
        try:
            return await ask()
        except DatabaseUnavailable as error:
            wait = pause_after(failures)
            failures += 1
            _log.error(meanwhile, reason=str(error), again_in_seconds=round(wait, 1))
            await asyncio.sleep(wait)
