"""The row `upload`: the station's driver and, in the same run, its peer, on one workload."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.clients import STATION
from benchmarks.image import make_image
from benchmarks.measure import Measurement, measure
from benchmarks.pair import Pair
from benchmarks.report import Figures
from benchmarks.rigs import start_rigs
from benchmarks.workload import Workload
from station.throughput.wire import line


@dataclass(frozen=True, kw_only=True)
class UploadPair(Pair[Measurement]):
    """Both clients on one workload."""

    workload: Workload

    @property
    def share_of_ceiling(self) -> float:
        """Of what the lines could carry."""
        return self.ours.bytes_a_second / self.workload.ceiling

    def figures(self) -> Figures:
        """Return the row."""
        ours, faults = self.ours, self.faults
        return {
            "row": "lossy" if self.workload.bit_errors else "upload",
            **self.workload.figures(),
            "image_bytes": ours.image_bytes,
            "share_of_ceiling": round(self.share_of_ceiling, 4),
            "share_of_line": round(self.ours.bytes_a_second / line(self.workload.baud), 4),
            "kib_s_a_slot": self.kib_s_a_slot,
            "line_busy": {"to_hub": round(ours.busy_to_hub, 4), "to_host": round(ours.busy_to_host, 4)},
            **self.cost_figures(),
            **self.peer_figures(),
            "valid": not faults,
            "void_because": faults,
        }


async def upload_rows(
    workload: Workload, windows: Sequence[int], peer: str | None, repeats: int
) -> list[Figures]:
    """Measure the workload with each window, and the peer beside them, `repeats` times over.

    The repeat in which other programs used the least of the machine makes the row; the shares of the ceiling in
    all of them stand in it too.
    """
    runs: list[list[UploadPair]] = [[] for _ in windows]
    with tempfile.TemporaryDirectory(prefix="reflash-bench-") as name:
        folder = Path(name)
        image = make_image(workload.image_kib, folder)
        async with start_rigs(workload, folder) as rigs:
            for rig in rigs:
                await rig.unlock()
                await rig.spoil_lines(workload.bit_errors)
            for _ in range(repeats):
                theirs = await measure(peer, workload, image, rigs) if peer else None
                for window, run in zip(windows, runs, strict=True):
                    with_window = replace(workload, window=window)
                    ours = await measure(STATION, with_window, image, rigs)
                    run.append(UploadPair(workload=with_window, ours=ours, peer=theirs))
    return [_least_disturbed(run) for run in runs]


def _least_disturbed(run: list[UploadPair]) -> Figures:
    shares = [round(pair.share_of_ceiling, 4) for pair in run]
    return min(run, key=lambda pair: pair.other_cpu).figures() | {"share_of_each_repeat": shares}
