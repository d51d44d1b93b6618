"""`reflash run`, and every second a line of JSON about the process itself: memory, descriptors, threads, tasks."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path

from station.daemon.assembly import Daemon
from station.daemon.service import ServiceManager
from station.log import configure_logging
from station.settings_file import load_settings

SAMPLES = "samples.jsonl"
_PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def sample() -> dict[str, float]:
    """Look at this process (proc(5))."""
    resident = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "seconds": round(time.monotonic(), 1),
        "resident_mib": round(resident * _PAGE_MIB, 2),
        "descriptors": sum(1 for _ in Path("/proc/self/fd").iterdir()) - 1,
        "threads": sum(1 for _ in Path("/proc/self/task").iterdir()),
        "tasks": len(asyncio.all_tasks()),
    }


async def run(config: Path) -> None:
    settings = load_settings(config)
    configure_logging(settings.log.format, settings.log.level)
    daemon = Daemon(settings, service=ServiceManager.from_environment())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, daemon.stop)

    async def watch() -> None:
        with config.with_name(SAMPLES).open("w") as file:
            while True:
                print(json.dumps(sample()), file=file, flush=True)
                await asyncio.sleep(1.0)

    watching = asyncio.create_task(watch())
    try:
        await daemon.run()
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1])))
