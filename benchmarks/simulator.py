"""A simulator in a process of its own, which says on its output when it is ready, and ends when its input does."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.processes import cpu_seconds

_START_SECONDS: Final = 30.0


class BenchmarkFailed(Exception):
    """Nothing could be measured. One line."""


@dataclass(frozen=True, slots=True)
class Simulator:
    """The process."""

    pid: int
    ready: dict[str, Any]
    """What it said when it was."""
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def cpu_seconds(self) -> float:
        """Processor time that it has used."""
        return cpu_seconds(self.pid)


@asynccontextmanager
async def start_simulator(module: str, *arguments: str) -> AsyncIterator[Simulator]:
    """Run it while the block lasts."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    if process.stdin is None or process.stdout is None:
        raise AssertionError("its streams were asked for")
    try:
        async with asyncio.timeout(_START_SECONDS):
            line = await process.stdout.readline()
        if not line:
            raise BenchmarkFailed(f"{module} did not start; what it said stands above")
        yield Simulator(process.pid, json.loads(line), process.stdout, process.stdin)
    finally:
        process.stdin.close()
        await process.wait()
