"""The row `usb_return`: what the driver adds to the time that hubs are off the bus, going to DFU mode and back."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import machine_cpu_seconds
from benchmarks.report import Figures
from benchmarks.usb_bench import UsbBench, start_usb_bench
from benchmarks.usb_workload import UsbWorkload
from drivers.dfu.device import DfuDevice
from drivers.dfu.driver import DfuHubDriver
from drivers.dfu.plugin import open_port
from drivers.dfu.port import UsbPort
from drivers.dfu.settings import DfuSettings
from drivers.dfu.work import Work
from drivers.errors import HubAction
from simulators.keys import generate_key, save_private_key


@dataclass(frozen=True, slots=True)
class _Trip:
    """All hubs off the bus and back once."""

    cost: float
    """Seconds of the slowest hub, from the order to its answer to who it is, without those off the bus."""
    off_the_bus: float
    """Seconds of the hub that was off it for longest, as its simulator saw it."""


async def usb_return_row(devices: int, repeats: int) -> Figures:
    """Detach so many hubs at once, and reset them so that they boot, `repeats` times over.

    The repeat in which other programs used the least of the machine makes the row.
    """
    workload = UsbWorkload(devices=devices)
    with tempfile.TemporaryDirectory(prefix="reflash-bench-") as name:
        keys = Path(name, "maker.pem"), Path(name, "unlock.pem")
        for key in keys:
            save_private_key(generate_key(), key)
        async with start_usb_bench(workload, *keys) as bench, AsyncExitStack() as stack:
            settings = DfuSettings(backend="usbip", usbip_port=bench.port)
            hubs = [await _open(place, settings, stack) for place in bench.places]
            rows = [await _there_and_back(hubs, bench) for _ in range(repeats)]
    costs = {
        f"{name}_of_each_repeat": [row[name] for row in rows] for name in ("detach_cost_ms", "return_cost_ms")
    }
    return {
        "row": "usb_return",
        "devices": devices,
        **min(rows, key=lambda row: row["other_cpu"]),
        "valid": True,
        "void_because": [],
        **costs,
    }


async def _open(place: str, settings: DfuSettings, stack: AsyncExitStack) -> tuple[UsbPort, DfuHubDriver]:
    port = await open_port(place, settings)
    driver = DfuHubDriver(port)
    stack.push_async_callback(driver.close)
    await driver.wait_for_hub()
    return port, driver


async def _there_and_back(hubs: Sequence[tuple[UsbPort, DfuHubDriver]], bench: UsbBench) -> Figures:
    begun, cpu, machine_cpu = time.monotonic(), _cpu_seconds(bench), machine_cpu_seconds()
    detach = await _take_trip(hubs, bench, lambda port: port.enter_dfu_mode(HubAction.FLASH, _whoever))
    back = await _take_trip(hubs, bench, lambda port: port.leave_dfu_mode(HubAction.REBOOT, _whoever))
    others = machine_cpu_seconds() - machine_cpu - (_cpu_seconds(bench) - cpu)
    return {
        "detach_off_the_bus_ms": round(detach.off_the_bus * 1e3, 1),
        "detach_cost_ms": round(detach.cost * 1e3, 1),
        "return_off_the_bus_ms": round(back.off_the_bus * 1e3, 1),
        "return_cost_ms": round(back.cost * 1e3, 1),
        "other_cpu": round(max(0.0, others) / (time.monotonic() - begun), 2),
    }


async def _take_trip(
    hubs: Sequence[tuple[UsbPort, DfuHubDriver]],
    bench: UsbBench,
    go: Callable[[UsbPort], Awaitable[object]],
) -> _Trip:
    async def take(port: UsbPort, driver: DfuHubDriver) -> float:
        begun = time.monotonic()
        await go(port)
        await driver.identify()
        return time.monotonic() - begun

    seconds = await asyncio.gather(*(take(*hub) for hub in hubs))
    off = await bench.off_the_bus()
    return _Trip(max(whole - away for whole, away in zip(seconds, off, strict=True)), max(off))


def _whoever(_device: DfuDevice, _work: Work) -> None:
    """Mean whichever hub sits there: its driver's questions are not what is measured."""


def _cpu_seconds(bench: UsbBench) -> float:
    return time.process_time() + bench.simulator.cpu_seconds
