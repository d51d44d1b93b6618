"""Simulated rigs, one process a jig, and what they say that their lines carried."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.simulator import BenchmarkFailed, Simulator, start_simulator
from benchmarks.workload import Workload
from drivers.smp.plugin import PLUGIN
from drivers.smp.settings import SmpSettings
from station.throughput.wire import BITS_A_BYTE, Framing
from station.unlocking.key_file import KeyFileAuthority


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
        simulator: Simulator,
        folder: Path,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        framing: Framing,
    ) -> None:
        self.ports: tuple[str, ...] = tuple(simulator.ready["slots"].values())
        self.boards: tuple[str, ...] = tuple(simulator.ready.get("boards", {}).values())
        self.simulator = simulator
        self._unlock_key = folder / "unlock.pem"
        self._reader = reader
        self._writer = writer
        self._framing = framing

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
        await asyncio.gather(*(_unlock(port, authority, self._framing) for port in self.ports))

    async def spoil_lines(self, bit_errors: float) -> None:
        """From now on have so many wrong bits a byte on every line, both ways."""
        if bit_errors:
            await self.ask("fault", fault={"name": "bit_flips", "probability": bit_errors})


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
    arguments += ["--framing", workload.framing, "--input-timeout", workload.input_timeout]
    arguments += ["--image-slot-size", workload.image_slot_bytes]
    arguments += ["--write-us-per-byte", workload.write_us_per_byte, "--until-stdin-closes"]
    arguments += ["--boards"] if boards else []
    async with start_simulator("simulators", *map(str, arguments)) as simulator:
        reader, writer = await asyncio.open_unix_connection(simulator.ready["control"])
        try:
            yield JigRig(simulator, folder, reader, writer, workload.framing)
        finally:
            writer.close()


async def _unlock(port: str, authority: KeyFileAuthority, framing: Framing) -> None:
    driver = await PLUGIN.open(port, SmpSettings(framing=framing))
    try:
        hub = await driver.wait_for_hub()
        await driver.unlock(hub.device, authority)
    finally:
        await driver.close()
