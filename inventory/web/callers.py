"""Who asks: a program with a token of the configuration."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from inventory.errors import WrongInput
from inventory.web.settings import TokenSettings

_LEAST = 32


@dataclass(frozen=True, slots=True)
class Caller:
    """A program that may ask."""

    name: str
    may_act: bool


class Callers:
    """Knows programs by their tokens, of which only hashes are kept."""

    def __init__(self, tokens: Sequence[TokenSettings]) -> None:
        """Read the files. Raises WrongInput for a token that is too short or another's, and OSError."""
        self._known: dict[bytes, Caller] = {}
        for each in tokens:
            token = each.file.read_text(encoding="utf-8").partition("\n")[0].strip()
            if len(token) < _LEAST:
                raise WrongInput(f"{each.file} holds no token of {_LEAST} characters or more")
            if each.file.stat().st_mode & 0o077:
                raise WrongInput(f"{each.file} can be read by others: chmod 0600 {each.file}")
            digest = _digest(token)
            if digest in self._known:
                raise WrongInput(f"{each.file} holds the token of {self._known[digest].name}")
            self._known[digest] = Caller(each.name, each.may == "act")

    def caller(self, authorization: str | None) -> Caller | None:
        """Return who asks, by the header (RFC 6750); None for nobody who is known."""
        kind, _, token = (authorization or "").partition(" ")
        if kind.casefold() != "bearer":
            return None
        digest = _digest(token.strip())
        found = None
        for known, caller in self._known.items():
            if hmac.compare_digest(known, digest):
                found = caller
        return found


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
