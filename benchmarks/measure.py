"""One measurement: a client in a process of its own uploads to running rigs, which are watched meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.image import ImageFile
from benchmarks.rigs import JigRig, LineCount
from benchmarks.uploader import Task
from benchmarks.watch import TICKS, Run, start_measured, watch
from benchmarks.workload import Workload


@dataclass(frozen=True, kw_only=True)
class Measurement(Run):
    """What one client did with one workload, and what the lines carried."""

    busy_to_hub: float
    """Share of its time that the busiest line carried bytes to a hub."""
    busy_to_host: float

    @property
    def faults(self) -> tuple[str, ...]:
        """Why this measurement is void, if it is."""
        if max(self.busy_to_hub, self.busy_to_host) > 1:
            return (f"the line carried more than it can under {self.client}", *super().faults)
        return super().faults


async def measure(
    client: str,
    workload: Workload,
    image: ImageFile,
    rigs: Sequence[JigRig],
    *,
    sampled_into: Path | None = None,
) -> Measurement:
    """Have one client upload the image to every slot at once. What it was at is written to `sampled_into`, if given."""
    ports = tuple(port for rig in rigs for port in rig.ports)
    tick_seconds = image.size / workload.ceiling / TICKS
    task = Task(
        client=client,
        ports=ports,
        image=str(image.path),
        baud=workload.baud,
        window=workload.window,
        framing=workload.framing,
        input_timeout=workload.input_timeout,
        tick_seconds=tick_seconds,
    )
    async with start_measured("benchmarks.uploader", client, asdict(task), sampled_into) as begin:
        lines_before = await _lines(rigs)
        run = await watch(client, begin, [rig.simulator for rig in rigs], image.size, tick_seconds)
        lines_after = await _lines(rigs)
    busy = [
        after.busy_since(before, workload.baud, seconds)
        for before, after, seconds in zip(lines_before, lines_after, run.findings.seconds, strict=True)
        if seconds is not None
    ]
    return Measurement(
        **vars(run),
        busy_to_hub=max((to_hub for to_hub, _ in busy), default=0.0),
        busy_to_host=max((to_host for _, to_host in busy), default=0.0),
    )


async def _lines(rigs: Sequence[JigRig]) -> list[LineCount]:
    return [line for rig in rigs for line in await rig.lines()]
