"""The process measured by `benchmarks.measure`: uploads one image to every serial port at once."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.clients import open_uploader
from benchmarks.measured import upload_to_all
from drivers.smp.settings import SmpSettings
from firmware_catalog.image import FirmwareImage
from firmware_catalog.mcuboot import load_image
from station.throughput.wire import Framing


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What to upload, where, and with which client."""

    client: str
    ports: tuple[str, ...]
    image: str
    baud: int
    window: int
    framing: Framing
    input_timeout: float
    tick_seconds: float


async def _run(task: Task, image: FirmwareImage) -> None:
    settings = SmpSettings(
        baud=task.baud,
        window=task.window,
        framing=task.framing,
        input_timeout_seconds=task.input_timeout,
    )
    uploaders = [await open_uploader(task.client, port, settings) for port in task.ports]
    await upload_to_all(uploaders, image, task.tick_seconds)


def main() -> None:
    """Do what the one argument says."""
    given = Task(**json.loads(sys.argv[1]))
    asyncio.run(_run(given, load_image(Path(given.image).read_bytes())))


if __name__ == "__main__":
    main()
