"""Where the control socket lies."""

from __future__ import annotations

from pathlib import Path
from typing import Final

SOCKET_NAME: Final = "control.sock"
LONGEST_SOCKET_PATH: Final = 107
"""In bytes; `sun_path` of unix(7) has 108, with the byte that ends it."""


def socket_at(place: Path) -> Path:
    """Return the socket that is meant: itself (`….sock`), or the control socket of a state directory."""
    return place if place.suffix == ".sock" else place / SOCKET_NAME
