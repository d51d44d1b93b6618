"""The row `station`: whole attempts by the daemon itself, 24 hubs together beside one alone, and its memory."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import mean
from typing import Any, Final

import aiomqtt
import tomlkit

from benchmarks.processes import machine_cpu_seconds, peak_memory_mib
from benchmarks.report import Figures
from simulators.flash import FlashTiming
from station.demo.broker import BrokerAddress, start_broker
from station.demo.demonstration import SITE, STATION, configuration
from station.demo.rigs import Rigs, start_rigs
from station.demo.scene import BAUD, IMAGE_BYTES, ORDER, Scene, make_scene
from station.messages.topics import Topics
from station.orders.csv_import import parse_order
from station.orders.life_cycle import events_for_import
from station.records.facts.orders import OrderAssigned
from station.records.journal import Journal

_SEED: Final = 7
_RESULT_SECONDS: Final = 300.0
_FLASH: Final = FlashTiming()
"""The demonstration's hubs keep the simulator's flash times."""
_NO_PRINTER: Final = 0
_OF_PEOPLE: Final = frozenset({"people", "shift", "labels"})
"""Tables of the demonstration's configuration that have people do something."""
_JIGS: Final = 3
_SLOTS: Final = 8


@dataclass(frozen=True, slots=True)
class Shift:
    """What the daemon made of its hubs."""

    seconds: tuple[float, ...]
    """Of each attempt, from opening to result."""
    outcomes: tuple[str, ...]
    memory_mib: float
    stages: dict[str, float]
    """Seconds of each stage, on average."""
    hubs_own: dict[str, float]
    """Seconds in which the line carried bytes to a hub, or a hub erased or booted, on average."""

    @property
    def beyond(self) -> float:
        """Seconds of an attempt that no line, flash or boot explains."""
        return mean(self.seconds) - sum(self.hubs_own.values())


async def station_row(repeats: int) -> Figures:
    """Run the daemon on a bench of 24 slots with one hub, then with 24.

    The work is always the same, so the repeat in which the whole machine worked least is the one least disturbed
    by other programs: it makes the row.
    """
    rows = [await _measure_both() for _ in range(repeats)]
    ratios = [row["ratio_to_alone"] for row in rows]
    return min(rows, key=lambda row: row["machine_cpu_s"]) | {"ratio_in_each_repeat": ratios}


async def _measure_both() -> Figures:
    machine_cpu = machine_cpu_seconds()
    alone = await work(1)
    together = await work(_JIGS * _SLOTS)
    machine_cpu = machine_cpu_seconds() - machine_cpu
    faults = [
        f"a hub of {len(shift.outcomes)} ended {outcome}"
        for shift in (alone, together)
        for outcome in shift.outcomes
        if outcome != "passed"
    ]
    return {
        "row": "station",
        "slots": _JIGS * _SLOTS,
        "baud": BAUD,
        "image_body_bytes": IMAGE_BYTES,
        "erase_ms_per_page": _FLASH.erase_page * 1e3,
        "write_us_per_byte": _FLASH.write_byte * 1e6,
        "hubs": len(together.seconds),
        "attempt_seconds": round(mean(together.seconds), 3),
        "attempt_seconds_alone": round(mean(alone.seconds), 3),
        "ratio_to_alone": round(mean(together.seconds) / mean(alone.seconds), 3),
        "seconds_by_stage": _rounded(together.stages),
        "seconds_by_stage_alone": _rounded(alone.stages),
        "seconds_of_hub": _rounded(together.hubs_own),
        "seconds_of_hub_alone": _rounded(alone.hubs_own),
        "seconds_beyond": round(together.beyond, 3),
        "seconds_beyond_alone": round(alone.beyond, 3),
        "daemon_peak_memory_mib": round(together.memory_mib, 1),
        "machine_cpu_s": round(machine_cpu, 1),
        "valid": not faults,
        "void_because": faults,
    }


def _rounded(seconds: dict[str, float]) -> dict[str, float]:
    return {what: round(spent, 3) for what, spent in seconds.items()}


def _plainly(what: str, *arguments: str) -> list[str]:
    module, _, function = what.partition(":")
    return [sys.executable, "-c", f"from {module} import {function}; {function}()", *arguments]


def _nobody(_: Path) -> AbstractAsyncContextManager[None]:
    return nullcontext()


async def work(
    hubs: int,
    command: Callable[..., list[str]] = _plainly,
    watching: Callable[[Path], AbstractAsyncContextManager[None]] = _nobody,
) -> Shift:
    """Have a daemon with 24 slots work until each of these hubs has its result at the broker.

    `command` makes the command that runs `MODULE:FUNCTION` with arguments; `watching` is begun before, and told the
    desk socket.
    """
    with tempfile.TemporaryDirectory(prefix="reflash-bench-") as name:
        folder = Path(name)
        scene = await asyncio.to_thread(make_scene, folder, jigs=_JIGS, slots=_SLOTS, hubs=hubs, seed=_SEED)
        async with start_broker(folder) as broker, start_rigs(scene, seed=_SEED, faults="none") as rigs:
            await _import_order(scene)
            async with aiomqtt.Client(broker.host, broker.port) as subscriber:
                await subscriber.subscribe(Topics(SITE, STATION).every_result, qos=1)
                async with (
                    watching(scene.folder / "desk.sock"),
                    _daemon(scene, rigs, broker, command) as process,
                ):
                    results = []
                    async with asyncio.timeout(_RESULT_SECONDS):
                        async for message in subscriber.messages:
                            results.append(json.loads(bytes(message.payload))["data"])
                            if len(results) == hubs:
                                break
                    ports = await rigs.statistics()
                    memory = peak_memory_mib(process.pid)
    return Shift(
        tuple(_seconds(result) for result in results),
        tuple(result["outcome"] for result in results),
        memory,
        {stage: mean(result["seconds"][stage] for result in results) for stage in results[0]["seconds"]},
        _hubs_own([port for port in ports if port.get("rebooting")]),
    )


def _hubs_own(ports: list[dict[str, Any]]) -> dict[str, float]:
    """Return what the hubs that were worked on account for. Each had its attempt, and nothing else, since its rig began."""
    return {
        "wire": mean(port["to_hub"]["busy_seconds"] for port in ports),
        "erasing": mean(port["erasing"] for port in ports),
        "rebooting": mean(port["rebooting"] for port in ports),
    }


def _seconds(result: dict[str, Any]) -> float:
    return (
        datetime.fromisoformat(result["finished"]) - datetime.fromisoformat(result["started"])
    ).total_seconds()


async def _import_order(scene: Scene) -> None:
    file = parse_order(scene.order_file.read_bytes(), scene.order_file.name)
    async with Journal.open(_state(scene) / "journal", site=SITE, station=STATION) as journal:
        await journal.append(*events_for_import(file, await journal.orders()))
        await journal.append(*(OrderAssigned(order=ORDER, jig=f"jig{jig}") for jig in range(1, _JIGS + 1)))


@asynccontextmanager
async def _daemon(
    scene: Scene, rigs: Rigs, broker: BrokerAddress, command: Callable[..., list[str]]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run `reflash run` while the block lasts."""
    config = scene.folder / "station.toml"
    shown = configuration(scene, rigs, broker, printer=_NO_PRINTER)
    # Nobody works here: hubs sit in their slots already, nothing is signed, nothing is packed.
    told = {
        **{name: table for name, table in shown.items() if name not in _OF_PEOPLE},
        "people": {"sign_on": "off", "line_clearance": "off"},
        "desk_socket": str(scene.folder / "desk.sock"),
        "log": {"level": "error"},
    }
    config.write_text(tomlkit.dumps(told), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        *command("station.cli:main", "run", "--config", str(config)),
        stdin=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


def _state(scene: Scene) -> Path:
    return scene.folder / "state"
