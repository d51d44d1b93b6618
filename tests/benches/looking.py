"""Waiting for what tells of no change by itself: a file, a simulated board, what another thread or process counts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(looks_right: Callable[[], object]) -> None:
    """Look again and again. Gives up after a minute. Where an event tells, wait for that instead."""
    async with asyncio.timeout(60):
        while not looks_right():  # noqa: ASYNC110 - as said
            await asyncio.sleep(0.005)
