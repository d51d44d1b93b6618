"""The row `stalled`: what the other slots notice of a port whose peer stops reading."""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import mean
from typing import Final

from benchmarks.clients import STATION
from benchmarks.image import make_image
from benchmarks.measure import Measurement, measure
from benchmarks.report import Figures
from benchmarks.rigs import start_rigs
from benchmarks.workload import Workload

_STALLED: Final = 0
"""The first slot's port is the bad one."""
_AT_BYTE: Final = 64 * 1024


async def stalled_row(workload: Workload, repeats: int) -> Figures:
    """Upload to all slots twice; in the second run one port stops taking bytes, and stays so.

    The repeat in which other programs used the least of the machine makes the row.
    """
    rows = [await _measure_both(workload) for _ in range(repeats)]
    changes = [row["change_for_others"] for row in rows]
    return min(rows, key=lambda row: row["other_cpu"]) | {"change_in_each_repeat": changes}


async def _measure_both(workload: Workload) -> Figures:
    with tempfile.TemporaryDirectory(prefix="reflash-bench-") as name:
        folder = Path(name)
        image = make_image(workload.image_kib, folder)
        async with start_rigs(workload, folder) as rigs:
            for rig in rigs:
                await rig.unlock()
            sound = await measure(STATION, workload, image, rigs)
            fault = {"name": "stall", "jig": 1, "slot": _STALLED + 1, "on": "upload", "at_byte": _AT_BYTE}
            await rigs[0].ask("fault", fault=fault)
            stalled = await measure(STATION, workload, image, rigs)
    faults = [*sound.faults, *stalled.faults]
    if sound.failed or stalled.failed != (_STALLED,):
        faults.append(
            f"slots {sound.failed}, then {stalled.failed} failed, where only the stalled one should"
        )
    change = _others(stalled) / _others(sound) - 1
    return {
        "row": "stalled",
        **workload.figures(),
        "image_bytes": sound.image_bytes,
        "stalled_at_byte": _AT_BYTE,
        "others_kib_s_a_slot": round(_others(stalled) / 1024, 2),
        "others_kib_s_a_slot_without": round(_others(sound) / 1024, 2),
        "change_for_others": round(change, 4),
        "loop_lag_p99_ms": round(stalled.findings.loop_lag_p99_ms, 2),
        "idle_lag_p99_ms": round(stalled.idle_lag_p99_ms, 2),
        "other_cpu": round(max(sound.other_cpu, stalled.other_cpu), 2),
        "valid": not faults,
        "void_because": faults,
    }


def _others(measurement: Measurement) -> float:
    """Return the mean image bytes a second of the slots whose ports are sound in both runs."""
    seconds = measurement.findings.seconds
    return mean(
        measurement.image_bytes / each
        for slot, each in enumerate(seconds)
        if slot != _STALLED and each is not None
    )
