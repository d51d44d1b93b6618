"""The kernel's clock, and whether anyone keeps it: results carry both."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

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
