"""The row `profile`: where the processor time of an upload goes, by function, with what a flame graph is drawn from."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Final

from benchmarks.clients import STATION
from benchmarks.image import make_image
from benchmarks.measure import measure
from benchmarks.report import Figures
from benchmarks.rigs import start_rigs
from benchmarks.workload import Workload
from station.throughput.wire import payload_of_buffer

PROFILE_REPEATS: Final = 8
"""An upload takes a third of a second of processor time: too few looks by itself."""
_SHOWN: Final = 15
_IN_THE_LOOP: Final = "asyncio.base_events.BaseEventLoop.run_forever"
"""In each stack but those of the start."""


async def profile_row(workload: Workload, repeats: int, out: Path) -> Figures:
    """Upload so many times, and write all stacks that were seen to `out`, one a line."""
    seen: Counter[str] = Counter()
    cpu = chunks = 0.0
    with tempfile.TemporaryDirectory(prefix="reflash-bench-") as name:
        folder = Path(name)
        image = make_image(workload.image_kib, folder)
        async with start_rigs(workload, folder) as rigs:
            for rig in rigs:
                await rig.unlock()
            for number in range(repeats):
                stacks = folder / f"stacks-{number}"
                run = await measure(STATION, workload, image, rigs, sampled_into=stacks)
                cpu += run.findings.cpu_seconds
                chunks += workload.slots * image.size / payload_of_buffer(1024, workload.framing)
                for line in stacks.read_text("utf-8").splitlines():
                    stack, _, looked = line.rpartition(" ")
                    if _IN_THE_LOOP in stack:
                        seen[stack] += int(looked)
    _write(seen, out)
    innermost: Counter[str] = Counter()
    for stack, times in seen.items():
        innermost[stack.rpartition(";")[2]] += times
    looks = innermost.total()
    return {
        "row": "profile",
        **workload.figures(),
        "repeats": repeats,
        "looks": looks,
        "cpu_us_a_chunk": round(cpu / chunks * 1e6, 1),
        "share_of_cpu": {what: round(times / looks, 3) for what, times in innermost.most_common(_SHOWN)},
        "stacks": str(out),
        "valid": bool(looks),
        "void_because": [] if looks else ["nothing was seen"],
    }


def _write(seen: Counter[str], out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("".join(f"{stack} {times}\n" for stack, times in sorted(seen.items())), encoding="utf-8")
