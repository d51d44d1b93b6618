"""Files that only this program's account may read."""

from __future__ import annotations

import stat
from pathlib import Path


def others_may_read(path: Path) -> bool:
    """Say whether a secret lies open. Raises OSError."""
    return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
