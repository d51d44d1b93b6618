"""Simulated USB hubs, all of them in one process, on one USB/IP server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.simulator import Simulator, start_simulator
from benchmarks.usb_hubs import HubsTask
from benchmarks.usb_workload import UsbWorkload
from benchmarks.workload import slot_pages


@dataclass(frozen=True, slots=True)
class UsbBench:
    """The hubs, and how they are reached."""

    simulator: Simulator
    places: tuple[str, ...]
    port: int
    """The server's."""

    async def off_the_bus(self) -> list[float]:
        """Return for how many seconds each hub was off the bus when it last left it, in the order of `places`."""
        self.simulator.writer.write(b"\n")
        seconds: list[float] = json.loads(await self.simulator.reader.readline())
        return seconds


@asynccontextmanager
async def start_usb_bench(
    workload: UsbWorkload, maker_key: Path, unlock_key: Path
) -> AsyncIterator[UsbBench]:
    """Have the workload's hubs on the bus while the block lasts."""
    task = HubsTask(
        places=tuple(f"1-{number}" for number in range(1, workload.devices + 1)),
        transfer_size=workload.transfer_size,
        erase_page=workload.flash.erase_page,
        write_byte=workload.flash.write_byte,
        slot_pages=slot_pages(workload.image_kib),
        maker_key=str(maker_key),
        unlock_key=str(unlock_key),
    )
    async with start_simulator("benchmarks.usb_hubs", json.dumps(asdict(task))) as simulator:
        yield UsbBench(simulator, task.places, simulator.ready["port"])
