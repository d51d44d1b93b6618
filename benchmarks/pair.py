"""The station's client and its peer on one workload, one right after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from benchmarks.report import Figures
from benchmarks.watch import Run

AnyRun = TypeVar("AnyRun", bound=Run)

_KIBIBYTE: Final = 1024


@dataclass(frozen=True, kw_only=True)
class Pair(Generic[AnyRun]):
    """What both did, or the station's alone."""

    ours: AnyRun
    peer: AnyRun | None

    @property
    def measured(self) -> tuple[AnyRun, ...]:
        """The runs that there are."""
        return (self.ours,) if self.peer is None else (self.ours, self.peer)

    @property
    def other_cpu(self) -> float:
        """Cores that other programs used, under whichever client they used more."""
        return max(run.other_cpu for run in self.measured)

    @property
    def faults(self) -> list[str]:
        """Why the row is void, if it is."""
        faults = [fault for run in self.measured for fault in run.faults]
        return faults + [f"not every upload of {run.client} succeeded" for run in self.measured if run.failed]

    @property
    def kib_s_a_slot(self) -> float:
        """The slowest slot's."""
        return round(self.ours.bytes_a_second / _KIBIBYTE, 2)

    def cost_figures(self) -> Figures:
        """Return what it cost, and what went on beside it."""
        return {
            "cpu_s_per_mib": round(self.ours.cpu_seconds_a_mebibyte, 4),
            "loop_lag_p99_ms": round(self.ours.findings.loop_lag_p99_ms, 2),
            "idle_lag_p99_ms": round(self.ours.idle_lag_p99_ms, 2),
            "simulator_cpu": round(self.ours.simulator_cpu, 3),
            "other_cpu": round(self.other_cpu, 2),
        }

    def peer_figures(self) -> Figures:
        """Return how the peer compares; nothing without one."""
        ours, peer = self.ours, self.peer
        if peer is None:
            return {}
        return {
            "peer": peer.client,
            "ratio_to_peer": round(ours.bytes_a_second / peer.bytes_a_second, 3),
            "cpu_ratio_to_peer": round(ours.cpu_seconds_a_mebibyte / peer.cpu_seconds_a_mebibyte, 3),
            "peer_kib_s_a_slot": round(peer.bytes_a_second / _KIBIBYTE, 2),
            "peer_cpu_s_per_mib": round(peer.cpu_seconds_a_mebibyte, 4),
            "peer_loop_lag_p99_ms": round(peer.findings.loop_lag_p99_ms, 2),
        }
