"""Simulated rigs, one process a jig, and what they say that their lines carried."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.processes import cpu_seconds
from benchmarks.wire import BITS_A_BYTE
from benchmarks.workload import Workload
from drivers.smp.plugin import PLUGIN
from drivers.smp.settings import SmpSettings
from station.attempt.unlock import KeyFileAuthority

_START_SECONDS: Final = 30.0


class BenchmarkFailed(Exception):
    """Nothing could be measured. One line."""


@dataclass(frozen=True, slots=True)
class LineCount:
    """Bytes that one port's line has carried so far, each way."""

    to_hub: int
    to_host: int

    def busy_since(self, before: LineCount, baud: int, seconds: float) -> tuple[float, float]:
        """Return which share of these seconds each direction carried bytes."""
        possible = seconds * baud / BITS_A_BYTE
        return (self.to_hub - before.to_hub) / possible, (self.to_host - before.to_host) / possible


class JigRig:
    """One jig's process."""

    def __init__(
        self,
        pid: int,
        folder: Path,
        ready: dict[str, Any],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.ports: tuple[str, ...] = tuple(ready["slots"].values())
        self.boards: tuple[str, ...] = tuple(ready.get("boards", {}).values())
        self._pid = pid
        self._unlock_key = folder / "unlock.pem"
        self._reader = reader
        self._writer = writer

    @property
    def cpu_seconds(self) -> float:
        """Processor time that the process has used."""
        return cpu_seconds(self._pid)

    async def ask(self, what: str, **fields: Any) -> dict[str, Any]:
        """Send one request to the control socket and return its answer."""
        self._writer.write(json.dumps({"do": what, **fields}).encode() + b"\n")
        answer: dict[str, Any] = json.loads(await self._reader.readline())
        if not answer["ok"]:
            raise BenchmarkFailed(f"the simulated rig refused {what}: {answer['error']}")
        return answer

    async def lines(self) -> list[LineCount]:
        """Return what the lines have carried, in the order of `ports`."""
        ports = (await self.ask("statistics"))["ports"]
        return [LineCount(port["to_hub"]["bytes"], port["to_host"]["bytes"]) for port in ports]

    async def unlock(self) -> None:
        """Wait until every hub has booted, and open its lock."""
        authority = KeyFileAuthority.load(self._unlock_key)
        await asyncio.gather(*(_unlock(port, authority) for port in self.ports))


@asynccontextmanager
async def start_rigs(
    workload: Workload, folder: Path, *, boards: bool = False
) -> AsyncIterator[tuple[JigRig, ...]]:
    """Run the workload's jigs while the block lasts."""
    async with AsyncExitStack() as stack:
        starting = [
            stack.enter_async_context(_start_jig(workload, folder / str(number), slots, boards=boards))
            for number, slots in enumerate(workload.jigs, start=1)
        ]
        yield tuple([await rig for rig in starting])


@asynccontextmanager
async def _start_jig(workload: Workload, folder: Path, slots: int, *, boards: bool) -> AsyncIterator[JigRig]:
    arguments = ["rig", "--dir", folder, "--jigs", 1, "--slots", slots, "--baud", workload.baud]
    arguments += ["--profile", workload.profile, "--erase-ms-per-page", workload.erase_ms_per_page]
    arguments += ["--image-slot-size", workload.image_slot_bytes]
    arguments += ["--write-us-per-byte", workload.write_us_per_byte, "--until-stdin-closes"]
    arguments += ["--boards"] if boards else []
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "simulators", *map(str, arguments)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    if process.stdin is None or process.stdout is None:
        raise AssertionError("its streams were asked for")
    try:
        async with asyncio.timeout(_START_SECONDS):
            line = await process.stdout.readline()
        if not line:
            raise BenchmarkFailed(f"a simulated rig did not start in {folder}")
        ready = json.loads(line)
        reader, writer = await asyncio.open_unix_connection(ready["control"])
        try:
            yield JigRig(process.pid, folder, ready, reader, writer)
        finally:
            writer.close()
    finally:
        process.stdin.close()  # the rig ends with its parent, and so with this
        await process.wait()


async def _unlock(port: str, authority: KeyFileAuthority) -> None:
    driver = await PLUGIN.open(port, SmpSettings())
    try:
        await driver.wait_for_hub()
        await driver.unlock(authority)
    finally:
        await driver.close()
