"""Whether the station may open as many files and ports at once as its bench has."""

from __future__ import annotations

from drivers.descriptors import ENOUGH
from station.doctor.report import Finding, fault, ok


def judge_descriptors(allowed: int, needed: int) -> Finding:
    """Hold what the station's process may have against what its configuration needs."""
    where, what = "file descriptors", f"{allowed} are allowed, this bench needs {needed}"
    if allowed < needed:
        return fault(
            where, what, f"raise LimitNOFILE in its unit or `ulimit -n`, to {max(ENOUGH, needed)} say"
        )
    return ok(where, what)
