"""A simulator of the demonstration as a process of its own."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

_START_SECONDS: Final = 30.0


@asynccontextmanager
async def start_simulator(
    name: str, *arguments: object, failed: type[Exception]
) -> AsyncIterator[Mapping[str, Any]]:
    """Run `python -m simulators ARGUMENTS` for the length of the block; yield what it said when it was ready.

    Raises `failed`, in one line by that name, where it does not start.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "simulators", *map(str, arguments), "--until-stdin-closes"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl+C is for whoever runs it, and may have things to end on it
    )
    if process.stdin is None or process.stdout is None:
        raise AssertionError("its streams were asked for")
    try:
        try:
            async with asyncio.timeout(_START_SECONDS):
                line = await process.stdout.readline()
        except TimeoutError as error:
            raise failed(f"{name} did not start in {_START_SECONDS:g} s") from error
        if not line:
            raise failed(f"{name} did not start")
        yield json.loads(line)
    finally:
        process.stdin.close()  # it ends with its parent, and so with this
        await process.wait()
