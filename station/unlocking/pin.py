"""The PIN of a hardware security module: where it comes from, and that a wrong one is never tried twice.

A module locks itself for good after a few wrong PINs, and a service that is started again and again would use
them up. So a PIN is noted on disk (salted and hashed, never itself) before it is tried, and the note is taken
away when it was right. While the note stands, the same PIN is not tried again.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from firmware_catalog.files import read_regular_file, replace_file
from firmware_catalog.secret_files import SecretExposed, read_secret
from station.unlocking.settings import PinSettings

_MAX_PIN_FILE_SIZE: Final = 1024
_SALT_SIZE: Final = 16


class PinUnavailable(Exception):
    """There is no PIN to try; the message says why and what to do, and never holds a PIN."""


class PinRefused(Exception):
    """The module said that the PIN is wrong. Raised inside `PinGuard.trying` to keep the note."""


def read_pin(settings: PinSettings) -> str:
    """Return the PIN as it is now. Raises PinUnavailable."""
    path = settings.file
    if path is None:
        pin = os.environ.get(settings.variable or "", "")
    else:
        try:
            pin = read_secret(path, _MAX_PIN_FILE_SIZE).decode().strip()
        except SecretExposed as error:
            raise PinUnavailable(f"PIN file {error}") from error
        except OSError as error:
            raise PinUnavailable(f"{settings} cannot be read: {error.strerror}; put the PIN there") from error
        except UnicodeDecodeError:
            raise PinUnavailable(f"{settings} holds no text; put the PIN there") from None
    if not pin:
        raise PinUnavailable(f"{settings} is empty; put the PIN there")
    return pin


class PinGuard:
    """Remembers, through crashes and restarts, the one PIN that was tried last and not found right."""

    def __init__(self, note: Path, token: str) -> None:
        """`note` is the file to remember in, `token` the name of what the PIN is for."""
        self._note = note
        self._token = token

    @contextmanager
    def trying(self, pin: str, place: str) -> Iterator[None]:
        """Allow one try in the block. PinRefused keeps the PIN from being tried again; other ends do not.

        Raises PinUnavailable, before the block, for a PIN that is not to be tried.
        """
        try:
            if self._is_noted(pin):
                raise PinUnavailable(
                    f"the PIN in {place} was tried before and not accepted; put the right one there "
                    f"(if it is right, remove {self._note})"
                )
            salt = os.urandom(_SALT_SIZE)
            self._note.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            replace_file(self._note, salt + self._digest(pin, salt), mode=0o600)
        except OSError as error:
            raise PinUnavailable(
                f"{self._note} cannot be written: {error.strerror}; the PIN is not tried without it"
            ) from error
        try:
            yield
        except PinRefused:
            raise
        except BaseException:
            self._note.unlink(missing_ok=True)
            raise
        self._note.unlink(missing_ok=True)

    def _is_noted(self, pin: str) -> bool:
        try:
            note = read_regular_file(self._note, _MAX_PIN_FILE_SIZE)
        except FileNotFoundError:
            return False
        return hmac.compare_digest(self._digest(pin, note[:_SALT_SIZE]), note[_SALT_SIZE:])

    def _digest(self, pin: str, salt: bytes) -> bytes:
        # Slow on purpose: a wrong PIN may be nearly right, or right elsewhere.
        return hashlib.scrypt(f"{self._token}\0{pin}".encode(), salt=salt, n=2**14, r=8, p=1)
