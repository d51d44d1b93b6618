"""PINs: what may be one, what may be kept of it, and for how long none is tried after wrong ones.

A hash takes some 50 ms and 19 MiB, on purpose: compute it in a thread, a few at a time.
"""

from __future__ import annotations

import re
from datetime import timedelta
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
_STRAIGHT: Final = "01234567890123456789"

WRONG_PINS: Final = 5
"""So many wrong PINs lock a person's PIN."""
_FIRST_LOCK: Final = timedelta(minutes=1)
_LONGEST_LOCK: Final = timedelta(hours=1)
"""Each wrong PIN after the first lock doubles it: a PIN of four digits then lasts for more than a year of guessing."""
_MOST_DOUBLINGS: Final = 6


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


def raw_hash(text: str, salt: bytes) -> str:
    """Return the same of a text that is looked up by it: without its salt, which many share."""
    return hash_secret_raw(text.encode(), salt, _PASSES, _KIBIBYTES, _LANES, _HASH_BYTES, Type.ID).hex()


def is_pin(pin: str, kept: str | None) -> bool:
    """Whether it is the PIN of which this was kept. Where nothing was kept it takes the same time to say no."""
    if kept is None:
        hash_of_pin(pin, bytes(SALT_BYTES))
        return False
    try:
        return verify_secret(kept.encode(), pin.encode(), Type.ID)
    except (VerificationError, InvalidHashError):
        return False


def lock_after(wrong: int) -> timedelta:
    """For how long no PIN is tried after so many wrong ones."""
    if wrong < WRONG_PINS:
        return timedelta()
    doubled: int = 2 ** min(wrong - WRONG_PINS, _MOST_DOUBLINGS)
    return min(_FIRST_LOCK * doubled, _LONGEST_LOCK)
