"""Whether hubs can be unlocked."""

from __future__ import annotations

from pathlib import Path

from station.attempt.unlock import KeyFileAuthority, UnlockKeyError
from station.doctor.report import Finding, fault, ok


def check_unlock(key_file: Path) -> Finding:
    """Load the unlock key as the daemon does. Signs nothing."""
    try:
        KeyFileAuthority.load(key_file)
    except UnlockKeyError as error:
        return fault("unlock key", str(error))
    return ok("unlock key", f"{key_file} is a P-256 key that only its owner can read")
