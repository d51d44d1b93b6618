"""The row `board`: what polling the jigs' I/O boards costs the station."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.report import Figures
from benchmarks.rigs import start_rigs
from benchmarks.workload import Workload
from drivers.jig_board.board import JigBoard
from drivers.jig_board.events import BoardBack, BoardEvent, BoardLost
from drivers.jig_board.settings import JigBoardSettings

_CONNECT_SECONDS: Final = 10.0


async def board_row(jigs: int, seconds: float) -> Figures:
    """Watch so many boards, of eight slots each, for so long, with nothing else in the process."""
    workload = Workload(slots=8 * jigs)
    with tempfile.TemporaryDirectory(prefix="reflash-bench-") as name:
        async with start_rigs(workload, Path(name), boards=True) as rigs:
            ports = [port for rig in rigs for port in rig.boards]
            settings = [JigBoardSettings(port=port) for port in ports]
            lost: list[str] = []
            found = [asyncio.Event() for _ in settings]
            async with asyncio.TaskGroup() as group:
                watching = [
                    group.create_task(JigBoard(f"jig{jig}", each, _listener(event, lost)).run())
                    for jig, (each, event) in enumerate(zip(settings, found, strict=True), start=1)
                ]
                async with asyncio.timeout(_CONNECT_SECONDS):
                    for event in found:
                        await event.wait()
                simulators = [rig.simulator for rig in rigs]
                rig_cpu, cpu = [each.cpu_seconds for each in simulators], time.process_time()
                begun = time.monotonic()
                await asyncio.sleep(seconds)
                share = (time.process_time() - cpu) / (time.monotonic() - begun)
                simulator = max(
                    each.cpu_seconds - before for each, before in zip(simulators, rig_cpu, strict=True)
                )
                for task in watching:
                    task.cancel()
    return {
        "row": "board",
        "boards": jigs,
        "slots_a_board": 8,
        "baud": settings[0].line.baud,
        "poll_seconds": settings[0].poll_seconds,
        "heartbeat_seconds": settings[0].heartbeat_seconds,
        "watched_seconds": seconds,
        "cpu_share_of_a_core": round(share, 4),
        "simulator_cpu": round(simulator / seconds, 3),
        "valid": not lost,
        "void_because": lost,
    }


def _listener(found: asyncio.Event, lost: list[str]) -> Callable[[BoardEvent], None]:
    def listen(event: BoardEvent) -> None:
        match event:
            case BoardBack():
                found.set()
            case BoardLost(reason):
                lost.append(str(reason))
            case _:
                pass

    return listen
