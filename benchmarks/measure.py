"""One measurement: a client in a process of its own uploads to running rigs, which are watched meanwhile."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from benchmarks.lag import LoopLag
from benchmarks.processes import machine_cpu_seconds
from benchmarks.rigs import BenchmarkFailed, JigRig, LineCount
from benchmarks.uploader import Findings, Task
from benchmarks.workload import Workload
from simulators.firmware import FirmwareSpec, make_firmware
from simulators.keys import generate_key
from simulators.population import MANUFACTURER, MODEL

_MEBIBYTE: Final = 1 << 20
MOST_SIMULATOR_CPU: Final = 0.90
"""Of a core. A simulator that is busier may itself be what limits."""

_TICKS: Final = 250
"""For a loop's lag, in the time that the line itself needs: enough for a percentile, and few beside the chunks."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one client did with one workload."""

    client: str
    findings: Findings
    image_bytes: int
    busy_to_hub: float
    """Share of its time that the busiest line carried bytes to a hub."""
    busy_to_host: float
    simulator_cpu: float
    """Share of a core that the busiest simulator process used."""
    idle_lag_p99_ms: float
    """Of an idle loop in another process (this one) at the same time: what the machine itself makes late."""
    other_cpu: float
    """Cores that everything else on the machine used, the kernel's own workers included."""

    @property
    def bytes_a_second(self) -> float:
        """Image bytes a second and slot, the slowest slot's: all slots had theirs when the last was done."""
        return self.image_bytes / self.findings.all_seconds

    @property
    def cpu_seconds_a_mebibyte(self) -> float:
        """Processor time of the client's process for a MiB of image."""
        return self.findings.cpu_seconds * _MEBIBYTE / (self.image_bytes * len(self.findings.seconds))

    @property
    def faults(self) -> tuple[str, ...]:
        """Why this measurement is void, if it is."""
        found = []
        if max(self.busy_to_hub, self.busy_to_host) > 1:
            found.append(f"the line carried more than it can under {self.client}")
        if self.simulator_cpu > MOST_SIMULATOR_CPU:
            found.append(f"a simulator used {self.simulator_cpu:.0%} of a core under {self.client}")
        return tuple(found)

    @property
    def failed(self) -> tuple[int, ...]:
        """The slots whose upload failed, counted from 0."""
        return tuple(slot for slot, seconds in enumerate(self.findings.seconds) if seconds is None)


@dataclass(frozen=True, slots=True)
class ImageFile:
    """The image that is uploaded."""

    path: Path
    size: int
    """Bytes of the whole file."""


def make_image(kibibytes: int, folder: Path) -> ImageFile:
    """Make an image with a body of this size. Its file is some 700 bytes longer."""
    path = folder / "image.bin"
    spec = FirmwareSpec("1.2.303", MANUFACTURER, MODEL, kibibytes * 1024)
    return ImageFile(path, path.write_bytes(make_firmware(spec, generate_key())))


async def measure(client: str, workload: Workload, image: ImageFile, rigs: Sequence[JigRig]) -> Measurement:
    """Have one client upload the image to every slot at once."""
    ports = tuple(port for rig in rigs for port in rig.ports)
    tick_seconds = image.size / workload.ceiling / _TICKS
    task = Task(client, ports, str(image.path), workload.baud, workload.window, tick_seconds)
    idle_lag = LoopLag(tick_seconds)
    async with _uploader(task) as begin:
        lines_before = await _lines(rigs)
        machine_cpu, cpu_before = machine_cpu_seconds(), [rig.cpu_seconds for rig in rigs]
        with idle_lag.watch():
            findings = await begin()
        simulator_cpu = [rig.cpu_seconds - before for rig, before in zip(rigs, cpu_before, strict=True)]
        machine_cpu = machine_cpu_seconds() - machine_cpu
        lines_after = await _lines(rigs)
    busy = [
        after.busy_since(before, workload.baud, seconds)
        for before, after, seconds in zip(lines_before, lines_after, findings.seconds, strict=True)
        if seconds is not None
    ]
    return Measurement(
        client=client,
        findings=findings,
        image_bytes=image.size,
        busy_to_hub=max((to_hub for to_hub, _ in busy), default=0.0),
        busy_to_host=max((to_host for _, to_host in busy), default=0.0),
        simulator_cpu=max(simulator_cpu) / findings.all_seconds,
        idle_lag_p99_ms=idle_lag.p99_ms,
        other_cpu=max(0.0, machine_cpu - findings.cpu_seconds - sum(simulator_cpu)) / findings.all_seconds,
    )


async def _lines(rigs: Sequence[JigRig]) -> list[LineCount]:
    return [line for rig in rigs for line in await rig.lines()]


@asynccontextmanager
async def _uploader(task: Task) -> AsyncIterator[Callable[[], Awaitable[Findings]]]:
    """Run the measured process; when its ports are open, hand out how to have it begin and what it found."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.uploader", json.dumps(asdict(task))),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    to_process, from_process = process.stdin, process.stdout
    if to_process is None or from_process is None:
        raise AssertionError("its streams were asked for")

    async def read() -> bytes:
        line = await from_process.readline()
        if not line:
            raise BenchmarkFailed(f"the process of {task.client} failed; what it said stands above")
        return line

    async def begin() -> Findings:
        to_process.write(b"go\n")
        return Findings(**json.loads(await read()))

    try:
        await read()
        yield begin
    except BaseException:
        process.kill()
        raise
    finally:
        to_process.close()
        await process.wait()
