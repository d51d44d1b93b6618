"""The row `calls`: how much work the host does for a chunk and for a hub, counted and not timed.

Calls of Python's and C's functions, and system calls. A machine that is busy makes neither more nor fewer of them, so a
change that makes them grow is seen at once, and on any machine. Each figure is a difference of two runs that differ in their
chunks, or in their hubs, and in nothing else: start and end are in both.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.clients import STATION
from benchmarks.image import ImageFile, make_image
from benchmarks.report import Figures
from benchmarks.rigs import JigRig, start_rigs
from benchmarks.simulator import BenchmarkFailed
from benchmarks.station import work
from benchmarks.uploader import Task
from benchmarks.workload import Workload
from station.throughput.wire import Framing, payload_of_buffer

BASELINE: Final = Path(__file__).with_name("calls.json")
"""What was counted last by whoever changed it and knew why."""
_ROOM: Final = {"a_chunk": 0.10, "a_hub": 0.25}
"""By which share a count may be above the baseline. Slots without a hub look for one by the clock, also while others work."""
_WAITS: Final = frozenset({"futex", "epoll_wait", "restart_syscall", "clock_nanosleep"})
"""System calls that are not counted: how often a thread has to wait for another is the machine's mood."""

_IMAGES_KIB: Final = (32, 224)
_TICK_SECONDS: Final = 0.1
"""Of the measurement of lag that the measured program makes: few beside the chunks."""
_HUBS: Final = (1, 24)
_SUMMARY_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Counts:
    """What one process did."""

    calls: int
    system_calls: int

    def a_piece(self, fewer: Counts, pieces: float) -> dict[str, float]:
        """Return what each piece took that this run had more than the other."""
        return {
            "calls": round((self.calls - fewer.calls) / pieces, 1),
            "system_calls": round((self.system_calls - fewer.system_calls) / pieces, 1),
        }


class Counting:
    """How a program is run so that it is counted."""

    def __init__(self, folder: Path, suffix: str = "") -> None:
        if shutil.which("strace") is None:
            raise BenchmarkFailed(
                "strace counts the system calls and is not installed: apt-get install strace"
            )
        self._calls = folder / f"calls{suffix}"
        self._summary = folder / f"system-calls{suffix}"

    def command(self, what: str, *arguments: str) -> list[str]:
        """Return the command that runs `MODULE:FUNCTION` counted. Its process is the program's own."""
        tracer = ["strace", "-D", "-f", "-c", "-U", "name,calls", "-o", str(self._summary)]
        return [*tracer, sys.executable, "-m", "benchmarks.counted", str(self._calls), what, *arguments]

    async def counts(self) -> Counts:
        """Return what was counted, once the program has ended. The tracer ends a moment later."""
        async with asyncio.timeout(_SUMMARY_SECONDS):
            while not (total := self._total()):  # noqa: ASYNC110 - another program writes the file
                await asyncio.sleep(0.05)
        return Counts(int(self._calls.read_text("ascii")), total)

    def _total(self) -> int:
        """Return 0 while the summary is not whole: its last line is the total."""
        with suppress(FileNotFoundError):
            rows = [line.split() for line in self._summary.read_text("utf-8").splitlines()]
            if rows and "total" in rows[-1]:
                counted = [row for row in rows[:-1] if len(row) == 2 and row[1].isdecimal()]
                return sum(int(calls) for name, calls in counted if name not in _WAITS)
        return 0


async def calls_row() -> Figures:
    """Count chunks over both framings, and whole hubs by the daemon."""
    chunks = {framing: await _a_chunk(framing) for framing in ("console", "raw")}
    return {"row": "calls", "a_chunk": chunks, "a_hub": await _a_hub(), "valid": True, "void_because": []}


async def _a_chunk(framing: Framing) -> dict[str, float]:
    # One chunk at a time: of several, a busy machine takes the answers of some together.
    workload = Workload(slots=1, window=1, framing=framing, image_kib=max(_IMAGES_KIB))
    with tempfile.TemporaryDirectory(prefix="reflash-calls-") as name:
        folder = Path(name)
        found = []
        async with start_rigs(workload, folder) as rigs:
            for rig in rigs:
                await rig.unlock()
            # An image that is made is signed with the rig's own key, wherever that lies.
            for kib in _IMAGES_KIB:
                image = make_image(kib, folder)
                found.append((image.size, await _count_upload(workload, image, rigs, folder, kib)))
    (small, few), (large, many) = found
    return many.a_piece(few, (large - small) / payload_of_buffer(1024, framing))


async def _count_upload(
    workload: Workload, image: ImageFile, rigs: Sequence[JigRig], folder: Path, kib: int
) -> Counts:
    counting = Counting(folder, f"-{kib}")
    task = Task(
        client=STATION,
        ports=tuple(port for rig in rigs for port in rig.ports),
        image=str(image.path),
        baud=workload.baud,
        window=workload.window,
        framing=workload.framing,
        input_timeout=workload.input_timeout,
        tick_seconds=_TICK_SECONDS,
    )
    process = await asyncio.create_subprocess_exec(
        *counting.command("benchmarks.uploader:main", json.dumps(asdict(task))),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    if process.stdin is None or process.stdout is None:
        raise AssertionError("its streams were asked for")
    if not await process.stdout.readline():
        raise BenchmarkFailed("the process that is counted failed; what it said stands above")
    process.stdin.write(b"go\n")
    findings: dict[str, Any] = json.loads(await process.stdout.readline())
    await process.wait()
    if None in findings["seconds"]:
        raise BenchmarkFailed("an upload failed, so its chunks cannot be counted")
    return await counting.counts()


async def _a_hub() -> dict[str, float]:
    found = []
    for hubs in _HUBS:
        with tempfile.TemporaryDirectory(prefix="reflash-calls-") as name:
            counting = Counting(Path(name))
            shift = await work(hubs, counting.command)
            if set(shift.outcomes) != {"passed"}:
                raise BenchmarkFailed(f"of {hubs} hubs some ended {', '.join(shift.outcomes)}")
            found.append(await counting.counts())
    few, many = found
    return many.a_piece(few, _HUBS[1] - _HUBS[0])


def above_baseline(row: Figures) -> list[str]:
    """Say which counts have grown by more than their room, against what is committed."""
    known: dict[str, Any] = json.loads(BASELINE.read_text("utf-8"))
    return [
        f"{kind.replace('_', ' ')}, {what}: {measured:g}, and the baseline has {most:g}"
        for kind, room in _ROOM.items()
        for what, measured, most in _beside(row[kind], known[kind])
        if measured > most * (1 + room)
    ]


def _beside(measured: dict[str, Any], known: dict[str, Any]) -> Iterator[tuple[str, float, float]]:
    """Yield each count of the baseline by name, with what was measured of it."""
    for name, most in known.items():
        words = name.replace("_", " ")
        if isinstance(most, dict):
            for what, now, then in _beside(measured[name], most):
                yield f"{words}, {what}", now, then
        else:
            yield words, measured[name], most


def write_baseline(row: Figures) -> None:
    """Make what was counted the baseline."""
    counts = {key: row[key] for key in ("a_chunk", "a_hub")}
    BASELINE.write_text(json.dumps(counts, indent=1) + "\n", encoding="utf-8")
