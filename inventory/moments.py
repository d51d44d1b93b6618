"""What time it is, for who is passed it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the time in UTC."""


def system_clock() -> datetime:
    """Return this computer's time."""
    return datetime.now(UTC)
