"""What a measured process does: it uploads one image to every port at once, and says what that took.

Run by `benchmarks.watch`. It takes its task as one JSON argument, prints `ready` when every port is open, begins at
the first line on its input, and prints its findings as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from benchmarks.clients import Uploader
from drivers.errors import DriverError
from firmware_catalog.image import FirmwareImage
from station.throughput.lag import LoopLag


@dataclass(frozen=True, slots=True)
class Findings:
    """What it took."""

    seconds: tuple[float | None, ...]
    """Of each port, in order; None where the upload failed."""
    all_seconds: float
    """From the first byte to the last port's end."""
    cpu_seconds: float
    loop_lag_p99_ms: float


async def upload_to_all(uploaders: Sequence[Uploader], image: FirmwareImage, tick_seconds: float) -> None:
    """Be the measured process: the ports are open, and are closed at the end."""
    try:
        lag = LoopLag(tick_seconds)
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
