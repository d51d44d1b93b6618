"""What proves who somebody is besides a PIN (`station.domain.pin`): the code of a badge. Kept as an argon2id hash alone, and shown nowhere."""

from __future__ import annotations

import re
from typing import Final

from station.domain.pin import ProofUnfit, raw_hash

_LIKE_AN_ID: Final = re.compile(r"[0-9A-F]{16}$", re.ASCII)


def require_badge(code: str) -> None:
    """Raise ProofUnfit for a badge of which a scanner that misses its beginning could make the id of a hub."""
    if _LIKE_AN_ID.search(code):
        raise ProofUnfit(
            "the end of this badge's code could be read as a hub's id; make the code shorter, or end it with Z"
        )


def hash_of_badge(code: str, salt: bytes) -> str:
    """Return what may be kept of a badge's code. All badges share one salt: a scan is computed once and looked up."""
    return raw_hash(code, salt)
