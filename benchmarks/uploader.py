"""The measured process: uploads one image to every port at once, and says what that took.

Run by `benchmarks.measure`. Takes its task as one JSON argument, prints `ready` when every port is open, begins at
the first line on its input, and prints its findings as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.clients import Uploader, open_uploader
from benchmarks.lag import LoopLag
from drivers.errors import DriverError
from firmware_catalog.image import FirmwareImage
from firmware_catalog.mcuboot import load_image


@dataclass(frozen=True, slots=True)
class Task:
    """What to upload, where, and with which client."""

    client: str
    ports: tuple[str, ...]
    image: str
    baud: int
    window: int
    tick_seconds: float


@dataclass(frozen=True, slots=True)
class Findings:
    """What it took."""

    seconds: tuple[float | None, ...]
    """Of each port, in order; None where the upload failed."""
    all_seconds: float
    """From the first byte to the last port's end."""
    cpu_seconds: float
    loop_lag_p99_ms: float


async def _run(task: Task, image: FirmwareImage) -> None:
    uploaders = [await open_uploader(task.client, port, task.baud, task.window) for port in task.ports]
    try:
        lag = LoopLag(task.tick_seconds)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        with lag.watch():
            cpu, begun = time.process_time(), time.monotonic()
            seconds = await asyncio.gather(*(_time(uploader, image) for uploader in uploaders))
            all_seconds, cpu = time.monotonic() - begun, time.process_time() - cpu
    finally:
        await asyncio.gather(*(uploader.close() for uploader in uploaders))
    findings = Findings(tuple(seconds), all_seconds, cpu, lag.p99_ms)
    print(json.dumps(asdict(findings)), flush=True)


async def _time(uploader: Uploader, image: FirmwareImage) -> float | None:
    begun = time.monotonic()
    try:
        await uploader.upload(image)
    except DriverError:
        return None
    return time.monotonic() - begun


if __name__ == "__main__":
    given = Task(**json.loads(sys.argv[1]))
    asyncio.run(_run(given, load_image(Path(given.image).read_bytes())))
