"""A port that comes and goes: each time its hub is taken up again, which costs an unlock signature and wears the hub."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

_FREE: Final = 2
"""So many losses in a row cost nothing: somebody plugged something in anew."""
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0
_DOUBLINGS: Final = 5
_STEADY_S: Final = 60.0
"""A port that was held for so long does not flap."""


class Flapping:
    """How often in a row a slot's port was lost soon after it was had, without a result in between."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._had_at = 0.0
        self.losses = 0
        """In a row."""

    def had(self) -> None:
        """Note that the port was opened."""
        self._had_at = self._clock()

    def steady(self) -> None:
        """Note that a hub got its result."""
        self.losses = 0

    def lost(self) -> float:
        """Note that the port was lost; return how many seconds to leave it alone."""
        if self._clock() - self._had_at >= _STEADY_S:
            self.losses = 0
        self.losses += 1
        beyond = self.losses - _FREE
        return (
            0.0 if beyond <= 0 else min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(beyond - 1, _DOUBLINGS))
        )
