"""Doing several things at once until one is done."""

from __future__ import annotations

import asyncio

import pytest

from station.bench.changes import first_of


async def after(event: asyncio.Event, answer: str) -> str:
    await event.wait()
    return answer


async def fails_when_ended() -> str:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        raise OSError("could not be written") from None
    return ""


async def test_the_first_that_is_done_counts_and_of_two_the_one_named_first() -> None:
    now, never = asyncio.Event(), asyncio.Event()
    now.set()
    assert await first_of(after(never, "never"), after(now, "done")) == "done"
    assert await first_of(after(now, "one"), after(now, "two")) == "one"


async def test_what_fails_while_it_is_ended_is_not_forgotten() -> None:
    now = asyncio.Event()
    now.set()
    with pytest.raises(OSError, match="could not be written"):
        await first_of(after(now, "done"), fails_when_ended())


async def test_whoever_is_cancelled_meanwhile_ends_them_all() -> None:
    ended = asyncio.Event()

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    waiting = asyncio.create_task(first_of(waits(), waits()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended.is_set()
