"""When a row was written, by both clocks of the machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


Clock = Callable[[], tuple[int, int]]
"""Returns UTC in microseconds since 1970 and the boot clock in nanoseconds."""


def system_clock() -> tuple[int, int]:
    """Read both clocks of this machine. Only the second one never jumps."""
    return time.time_ns() // 1000, time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def utc_from_microseconds(microseconds: int) -> datetime:
    """Return the moment that a row's UTC stands for."""
    return _EPOCH + timedelta(microseconds=microseconds)


def microseconds_from_utc(utc: datetime) -> int:
    """Return what a row says for this moment: the inverse of `utc_from_microseconds`."""
    return (utc - _EPOCH) // timedelta(microseconds=1)
