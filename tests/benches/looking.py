"""Waiting for what tells of no change by itself: a file, a simulated board, what another thread or process counts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def until(looks_right: Callable[[], object]) -> None:
    """Look again and again. Gives up after a minute. Where an event tells, wait for that instead."""
    async with asyncio.timeout(60):
        while not looks_right():  # noqa: ASYNC110 - as said
            await asyncio.sleep(0.005)


async def until_so(is_so: Callable[[], Awaitable[object]]) -> None:
    """Ask again and again, as `until` looks, where the answer has to be waited for: a rig's, a broker's, a program's."""
    async with asyncio.timeout(60):
        while not await is_so():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.02)
