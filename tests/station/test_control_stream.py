"""Streams on the control socket: answers until the client leaves, whoever else is asking."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from station.control import ControlError, NoDaemon, ask_daemon, follow_daemon, serve_control


class Source:
    """Counts for whoever asks, and knows who listens."""

    def __init__(self) -> None:
        self.listeners = 0
        self.left = asyncio.Event()
        self.next = asyncio.Semaphore(0)

    async def count(self, request: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        self.listeners += 1
        try:
            for number in range(request["first"], request["last"]):
                await self.next.acquire()
                yield {"number": number}
        finally:
            self.listeners -= 1
            self.left.set()


async def echo(request: dict[str, Any]) -> dict[str, Any]:
    return {"said": request["say"]}


def test_a_stream_answers_as_things_happen_and_others_are_answered_meanwhile(tmp_path: Path) -> None:
    async def work() -> None:
        source = Source()
        async with (
            serve_control(tmp_path, {"echo": echo}, {"count": source.count}),
            follow_daemon(tmp_path, {"do": "count", "first": 3, "last": 5}) as answers,
        ):
            for number in (3, 4):
                assert (await ask_daemon(tmp_path, {"do": "echo", "say": number})) == {"said": number}
                source.next.release()
                assert await anext(answers) == {"number": number}
            assert [answer async for answer in answers] == [], "the stream is over"

    asyncio.run(work())


def test_a_client_that_leaves_ends_its_stream_although_nothing_happens(tmp_path: Path) -> None:
    async def work() -> None:
        source = Source()
        async with serve_control(tmp_path, {}, {"count": source.count}), asyncio.timeout(60):
            async with follow_daemon(tmp_path, {"do": "count", "first": 0, "last": 9}) as answers:
                source.next.release()
                await anext(answers)
                assert source.listeners == 1
            await source.left.wait()
            assert source.listeners == 0

    asyncio.run(work())


def test_a_daemon_that_ends_ends_its_streams(tmp_path: Path) -> None:
    async def work() -> None:
        source = Source()
        async with asyncio.timeout(60):
            async with serve_control(tmp_path, {}, {"count": source.count}):
                following = follow_daemon(tmp_path, {"do": "count", "first": 0, "last": 9})
                answers = await following.__aenter__()
                source.next.release()
                await anext(answers)
            assert [answer async for answer in answers] == []
            await following.__aexit__(None, None, None)

    asyncio.run(work())


def test_a_stream_that_is_not_there_is_refused_like_any_request(tmp_path: Path) -> None:
    async def follow(what: str) -> None:
        async with follow_daemon(tmp_path, {"do": what}) as answers:
            await anext(answers)

    async def work() -> None:
        with pytest.raises(NoDaemon):
            await follow("count")
        async with serve_control(tmp_path, {"echo": echo}, {"count": Source().count}):
            with pytest.raises(ControlError, match="no such request; the daemon knows: count, echo"):
                await follow("other")

    asyncio.run(work())
