"""Whether the bench PC knows what time it is: results carry it."""

from __future__ import annotations

import ctypes
import os
from typing import Final

from station.doctor.report import Finding, fault, ok, warning
from station.kernel_clock import KernelClock

EARLIEST_YEAR: Final = 2025
"""The station is not older, so a clock that says so was never set."""


def judge_clock(clock: KernelClock) -> Finding:
    """Say whether results may carry this time."""
    shown = f"{clock.now:%Y-%m-%d %H:%M:%S} UTC"
    if clock.now.year < EARLIEST_YEAR:
        return fault("clock", f"says {shown}, which is not so", "set it: timedatectl set-ntp true")
    if clock.synchronised is None:
        why = os.strerror(ctypes.get_errno())
        return warning("clock", f"says {shown}; the kernel does not tell whether it is kept ({why})")
    if not clock.synchronised:
        return warning(
            "clock", f"says {shown}; no time service keeps it", "switch one on: timedatectl set-ntp true"
        )
    return ok("clock", f"{shown}, kept by a time service")
