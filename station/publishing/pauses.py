"""How long to wait before the broker is tried again. Pure."""

from __future__ import annotations

from typing import Final

_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0
_DOUBLINGS: Final = 6
"""After so many failures in a row the pause has its full length."""


def pause_after(failures: int) -> float:
    """Return how many seconds to wait after so many failures in a row, before they are spread out."""
    return min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(failures, _DOUBLINGS))
