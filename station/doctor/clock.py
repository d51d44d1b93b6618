"""Whether the bench PC knows what time it is: results carry it."""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from station.doctor.report import Finding, fault, ok, warning

EARLIEST_YEAR: Final = 2025
"""The station is not older, so a clock that says so was never set."""

_STA_UNSYNC: Final = 0x0040
"""adjtimex(2): no time service has set the clock."""


class _Timex(ctypes.Structure):
    """The head of `struct timex` of adjtimex(2); the rest is room."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


@dataclass(frozen=True, slots=True)
class KernelClock:
    """What the kernel knows of its clock."""

    now: datetime
    synchronised: bool | None
    """Whether a time service keeps it; None where the kernel does not say."""


def read_clock() -> KernelClock:
    """Ask the kernel, changing nothing."""
    state = _Timex(modes=0)
    said = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(state))
    synchronised = None if said < 0 else not state.status & _STA_UNSYNC
    return KernelClock(datetime.now(UTC), synchronised)


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
