"""How many results a second the inventory takes in, from the broker to the committed row, and how much memory it needs.

    python -m benchmarks.inventory --database sqlite --results 20000

The control is the broker alone: a subscriber that acknowledges at once, in the same run. PostgreSQL is Debian's, made for the
occasion, with fsync as it comes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from sqlalchemy import func, select

from benches.brokers import Client, Mosquitto, mosquitto
from benches.postgres import postgres
from benches.told_results import SayingStation
from benchmarks.processes import memory_mib
from inventory.database.engine import Database
from inventory.database.tables import messages
from inventory.database.upgrade import upgrade

_CONFIG = """
database = "{url}"
log.format = "json"
mqtt.port = {port}
[[stations]]
site = "north-site"
station = "bench-1"
"""
_AT_ONCE = 200
"""Messages on their way from the publisher to the broker."""


async def _publish(broker: Mosquitto, results: int) -> None:
    station = SayingStation()
    async with Client("127.0.0.1", broker.port, max_inflight_messages=0) as client:
        client.pending_calls_threshold = _AT_ONCE + 1
        for first in range(0, results, _AT_ONCE):
            said = [station.result(hub) for hub in range(first, min(results, first + _AT_ONCE))]
            await asyncio.gather(*(client.publish(each.topic, each.payload, qos=1) for each in said))


async def _broker_alone(broker: Mosquitto, results: int) -> float:
    async with Client("127.0.0.1", broker.port) as client:
        await client.subscribe("reflash/#", 1)
        begin = time.monotonic()
        publishing = asyncio.create_task(_publish(broker, results))
        for _ in range(results):
            await anext(client.messages)
        await publishing
    return time.monotonic() - begin


@asynccontextmanager
async def _program(folder: Path, url: str, broker: Mosquitto) -> AsyncIterator[int]:
    """Run the program, and yield its number once it listens."""
    config = folder / "inventory.toml"
    config.write_text(_CONFIG.format(url=url, port=broker.port))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from station.program import main; main()"),
        *("inventory", "run", "--config", str(config)),
        stderr=subprocess.PIPE,
    )
    if process.stderr is None:
        raise RuntimeError("it has no standard error")
    try:
        while b'"listening"' not in (line := await process.stderr.readline()):
            if not line:
                raise RuntimeError("it ended before it listened")
        yield process.pid
    finally:
        process.terminate()
        await process.communicate()


async def _measure(folder: Path, url: str, results: int) -> dict[str, object]:
    with mosquitto(folder, lines=("max_queued_messages 0",)) as broker, Database(url) as database:
        upgrade(database)
        alone = await _broker_alone(broker, results)
        async with _program(folder, url, broker) as process:
            begin = time.monotonic()
            publishing = asyncio.create_task(_publish(broker, results))
            early = None
            while True:
                with database.read() as connection:
                    taken = connection.scalar(select(func.count()).select_from(messages)) or 0
                if early is None and taken >= results // 4:
                    early = round(memory_mib(process), 1)
                if taken >= results:
                    break
                await asyncio.sleep(0.25)
            seconds = time.monotonic() - begin
            await publishing
            late = round(memory_mib(process), 1)
    return {
        "results": results,
        "results_per_second": round(results / seconds),
        "broker_alone_per_second": round(results / alone),
        "mebibytes_at_a_quarter": early,
        "mebibytes_at_the_end": late,
    }


@contextmanager
def measured_database(kind: str, folder: Path) -> Iterator[str]:
    """Have a database of this kind, with its syncs as they come, for the length of the block; yield its URL."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/inventory.db"
    else:
        with postgres(fsync=True) as server:
            yield server.create("measured")


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inventory")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--results", type=int, default=20_000)
    chosen = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="reflash-inventory-")))
        url = stack.enter_context(measured_database(chosen.database, folder))
        row = asyncio.run(_measure(folder, url, chosen.results))
    print(json.dumps({"database": chosen.database, "processors": os.cpu_count(), **row}))


if __name__ == "__main__":
    main()
