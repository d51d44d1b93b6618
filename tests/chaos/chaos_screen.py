"""Somebody who looks at the station's screen all the time, and writes down what it shows and when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from witness import Trace

from benches import desk_client

_LOOK_SECONDS = 0.05
"""Between two looks whether there is a screen."""


@asynccontextmanager
async def watched(state: Path, trace: Trace) -> AsyncIterator[None]:
    """Follow the screen of whatever daemon lives in this folder, life after life, while the block lasts."""
    watching = asyncio.create_task(_watch(state, trace))
    try:
        yield
        if watching.done():
            watching.result()
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def _watch(state: Path, trace: Trace) -> None:
    while True:
        shown: dict[tuple[int, int], tuple[Any, Any]] = {}
        try:
            async with desk_client.watching(state) as answers:
                async for news in answers:
                    if not shown:
                        trace.write("alive")
                    for view in news["slots"]:
                        place = (int(view["place"]["jig"].removeprefix("jig")), view["place"]["slot"])
                        facts = (view["phase"], view["chf"])
                        if shown.get(place) != facts:
                            shown[place] = facts
                            trace.write("view", jig=place[0], slot=place[1], phase=facts[0], chf=facts[1])
        except desk_client.REFUSED:
            pass  # it is dead, or dying
        if shown:
            trace.write("away")
        await asyncio.sleep(_LOOK_SECONDS)
