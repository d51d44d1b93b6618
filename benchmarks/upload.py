"""The row `upload`: the station's driver and, in the same run, its peer, on one workload."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.clients import STATION
from benchmarks.measure import Measurement, make_image, measure
from benchmarks.report import Figures
from benchmarks.rigs import start_rigs
from benchmarks.workload import Workload

_KIBIBYTE = 1024


@dataclass(frozen=True, slots=True)
class Pair:
    """Both clients on one workload, one right after the other."""

    workload: Workload
    ours: Measurement
    peer: Measurement | None

    @property
    def share_of_ceiling(self) -> float:
        """Of what the lines could carry."""
        return self.ours.bytes_a_second / self.workload.ceiling

    @property
    def other_cpu(self) -> float:
        """Cores that other programs used, under whichever client they used more."""
        return max(each.other_cpu for each in (self.ours, self.peer) if each is not None)

    def figures(self) -> Figures:
        """Return the row."""
        ours, peer = self.ours, self.peer
        measured = [each for each in (ours, peer) if each is not None]
        faults = [fault for each in measured for fault in each.faults]
        faults += [f"not every upload of {each.client} succeeded" for each in measured if each.failed]
        row: Figures = {
            "row": "upload",
            **self.workload.figures(),
            "image_bytes": ours.image_bytes,
            "share_of_ceiling": round(self.share_of_ceiling, 4),
            "kib_s_a_slot": round(ours.bytes_a_second / _KIBIBYTE, 2),
            "line_busy": {"to_hub": round(ours.busy_to_hub, 4), "to_host": round(ours.busy_to_host, 4)},
            "cpu_s_per_mib": round(ours.cpu_seconds_a_mebibyte, 4),
            "loop_lag_p99_ms": round(ours.findings.loop_lag_p99_ms, 2),
            "idle_lag_p99_ms": round(ours.idle_lag_p99_ms, 2),
            "simulator_cpu": round(ours.simulator_cpu, 3),
            "other_cpu": round(self.other_cpu, 2),
        }
        if peer is not None:
            row |= {
                "peer": peer.client,
                "ratio_to_peer": round(ours.bytes_a_second / peer.bytes_a_second, 3),
                "cpu_ratio_to_peer": round(ours.cpu_seconds_a_mebibyte / peer.cpu_seconds_a_mebibyte, 3),
                "peer_kib_s_a_slot": round(peer.bytes_a_second / _KIBIBYTE, 2),
                "peer_cpu_s_per_mib": round(peer.cpu_seconds_a_mebibyte, 4),
                "peer_loop_lag_p99_ms": round(peer.findings.loop_lag_p99_ms, 2),
            }
        return row | {"valid": not faults, "void_because": faults}


async def upload_rows(
    workload: Workload, windows: Sequence[int], peer: str | None, repeats: int
) -> list[Figures]:
    """Measure the workload with each window, and the peer beside them, `repeats` times over.

    The repeat in which other programs used the least of the machine makes the row; the shares of the ceiling in
    all of them stand in it too.
    """
    runs: list[list[Pair]] = [[] for _ in windows]
    with tempfile.TemporaryDirectory(prefix="reflash-bench-") as name:
        folder = Path(name)
        image = make_image(workload.image_kib, folder)
        async with start_rigs(workload, folder) as rigs:
            for rig in rigs:
                await rig.unlock()
            for _ in range(repeats):
                theirs = await measure(peer, workload, image, rigs) if peer else None
                for window, run in zip(windows, runs, strict=True):
                    with_window = replace(workload, window=window)
                    run.append(Pair(with_window, await measure(STATION, with_window, image, rigs), theirs))
    return [_least_disturbed(run) for run in runs]


def _least_disturbed(run: list[Pair]) -> Figures:
    shares = [round(pair.share_of_ceiling, 4) for pair in run]
    return min(run, key=lambda pair: pair.other_cpu).figures() | {"share_of_each_repeat": shares}
