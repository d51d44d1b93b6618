"""What proves who somebody is: a PIN, or the code of a badge. Kept as argon2id hashes alone, and shown nowhere.

A hash takes some 50 ms and 19 MiB, on purpose: compute it in a thread of its own (`drivers.threads.apart`).
"""

from __future__ import annotations

import re
from typing import Final

from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type, hash_secret, hash_secret_raw, verify_secret

SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32
_PASSES: Final = 2
_KIBIBYTES: Final = 19 * 1024
_LANES: Final = 1
"""What OWASP's cheat sheet on password storage asks of argon2id at least; one lane, so that hubs keep the other cores."""

_PIN: Final = re.compile(r"[0-9]{4,12}", re.ASCII)
_LIKE_AN_ID: Final = re.compile(r"[0-9A-F]{16}$", re.ASCII)
_STRAIGHT: Final = "01234567890123456789"


class ProofUnfit(Exception):
    """What was given can be neither a PIN nor a badge. One line, without it."""


def require_pin(pin: str) -> None:
    """Raise ProofUnfit for what is no PIN, or the first that anybody tries."""
    if _PIN.fullmatch(pin) is None:
        raise ProofUnfit("a PIN is 4 to 12 digits; choose one")
    if len(set(pin)) == 1 or pin in _STRAIGHT or pin in _STRAIGHT[::-1]:
        raise ProofUnfit("this PIN is the first that anybody tries (1111, 1234); choose another")


def hash_of_pin(pin: str, salt: bytes) -> str:
    """Return what may be kept of a PIN: argon2's encoded form, with its own salt and what it cost."""
    encoded = hash_secret(pin.encode(), salt, _PASSES, _KIBIBYTES, _LANES, _HASH_BYTES, Type.ID)
    return encoded.decode("ascii")


def is_pin(pin: str, kept: str) -> bool:
    """Whether it is the PIN of which this was kept."""
    try:
        return verify_secret(kept.encode(), pin.encode(), Type.ID)
    except (VerificationError, InvalidHashError):
        return False


def require_badge(code: str) -> None:
    """Raise ProofUnfit for a badge of which a scanner that misses its beginning could make the id of a hub."""
    if _LIKE_AN_ID.search(code):
        raise ProofUnfit(
            "the end of this badge's code could be read as a hub's id; make the code shorter, or end it with Z"
        )


def hash_of_badge(code: str, salt: bytes) -> str:
    """Return what may be kept of a badge's code. All badges share one salt: a scan is computed once and looked up."""
    return hash_secret_raw(code.encode(), salt, _PASSES, _KIBIBYTES, _LANES, _HASH_BYTES, Type.ID).hex()
