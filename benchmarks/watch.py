"""A measured process, run and watched from outside, with the simulators that it works on."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.measured import Findings
from benchmarks.processes import machine_cpu_seconds
from benchmarks.simulator import BenchmarkFailed, Simulator
from station.throughput.lag import LoopLag

_MEBIBYTE: Final = 1 << 20
MOST_SIMULATOR_CPU: Final = 0.90
"""Of a core. A simulator that is busier may itself be what limits."""

TICKS: Final = 250
"""For a loop's lag, in the time that the line itself needs: enough for a percentile, and few beside the chunks."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one client did with one workload."""

    client: str
    findings: Findings
    image_bytes: int
    simulator_cpu: float
    """Share of a core that the busiest simulator process used."""
    simulators_cpu_seconds: float
    """Of all of them."""
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
        if self.simulator_cpu > MOST_SIMULATOR_CPU:
            return (f"a simulator used {self.simulator_cpu:.0%} of a core under {self.client}",)
        return ()

    @property
    def failed(self) -> tuple[int, ...]:
        """The slots whose upload failed, counted from 0."""
        return tuple(slot for slot, seconds in enumerate(self.findings.seconds) if seconds is None)


async def watch(
    client: str,
    begin: Callable[[], Awaitable[Findings]],
    simulators: Sequence[Simulator],
    image_bytes: int,
    tick_seconds: float,
) -> Run:
    """Have the measured process begin, and watch it and all around it until it is done."""
    idle_lag = LoopLag(tick_seconds)
    machine_cpu, cpu_before = machine_cpu_seconds(), [simulator.cpu_seconds for simulator in simulators]
    with idle_lag.watch():
        findings = await begin()
    cpu = [simulator.cpu_seconds - before for simulator, before in zip(simulators, cpu_before, strict=True)]
    machine_cpu = machine_cpu_seconds() - machine_cpu
    return Run(
        client=client,
        findings=findings,
        image_bytes=image_bytes,
        simulator_cpu=max(cpu) / findings.all_seconds,
        simulators_cpu_seconds=sum(cpu),
        idle_lag_p99_ms=idle_lag.p99_ms,
        other_cpu=max(0.0, machine_cpu - findings.cpu_seconds - sum(cpu)) / findings.all_seconds,
    )


@asynccontextmanager
async def start_measured(
    module: str, client: str, task: dict[str, Any], sampled_into: Path | None = None
) -> AsyncIterator[Callable[[], Awaitable[Findings]]]:
    """Run the measured process; when its ports are open, hand out how to have it begin and what it found."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m"),
        *((module,) if sampled_into is None else ("benchmarks.sampled", str(sampled_into), f"{module}:main")),
        json.dumps(task),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    to_process, from_process = process.stdin, process.stdout
    if to_process is None or from_process is None:
        raise AssertionError("its streams were asked for")

    async def read() -> bytes:
        line = await from_process.readline()
        if not line:
            raise BenchmarkFailed(f"the process of {client} failed; what it said stands above")
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
