"""The clock by which it is known for how long nobody has watched anything."""

from __future__ import annotations

import time


def since_boot() -> float:
    """Return the seconds since the machine's boot, those asleep included (clock_gettime(2), CLOCK_BOOTTIME)."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
