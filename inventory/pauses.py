"""How long to wait before something is tried again. Pure."""

from __future__ import annotations

import random
from typing import Final

_FIRST_S: Final = 0.5
_LONGEST_S: Final = 30.0


def pause_after(failures: int) -> float:
    """Return seconds to wait after so many failures in a row, spread out so that not all come at once."""
    full = min(_LONGEST_S, _FIRST_S * 2.0 ** min(failures, 30))
    return full * random.uniform(0.5, 1.0)  # noqa: S311 - it only spreads
