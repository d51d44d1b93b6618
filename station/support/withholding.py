"""Takes known secrets and known people's names out of text, in whatever way it writes them. Pure."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus

WITHHELD: Final = "(withheld)"
PERSON: Final = "(person)"
_SHORTEST_SECRET: Final = 4
"""A shorter one is found in every second line, and its file opens nothing by itself."""
_SHORTEST_NAME: Final = 3
"""Of a part of a name that is taken out alone, too."""
_PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
)
_CREDENTIALS: Final = re.compile(r"(?<=\bbasic )[A-Za-z0-9+/=]{8,}|(?<=\bbearer )\S{8,}", re.IGNORECASE)
"""Of an Authorization header (RFC 7617, RFC 6750)."""
_IN_ADDRESS: Final = re.compile(r"(?<=://)[^\s/@\"']+(?=@)")
_MAIL: Final = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,63}")
"""Of a person at a party, whom the inventory writes to and a mail server names where it refuses: no file of the station has it."""
_BEARER: Final = r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])"
"""The secret of a session or of a program's token (`people.bearers.Secret`)."""
_MOST_AT_ONCE: Final = 500
"""Alternatives of one pattern: a file of tokens has thousands."""


class Withholding:
    """What is known to be nobody's business, and the forms of it that nobody had to know."""

    def __init__(self, secrets: Iterable[str], names: Iterable[str], badge_prefix: str | None = None) -> None:
        """`secrets` are whole texts of which no line may be anywhere; `names` are people's.

        Badges, and what programs and screens carry, are known by their form: no file has them.
        """
        forms = {form for secret in secrets for line in _lines(secret) for form in _forms(line)}
        self._secrets = tuple(_patterns(map(re.escape, sorted(forms, key=len, reverse=True))))
        parts = {pattern for name in names for pattern in _of_name(name)}
        self._bearers = re.compile(
            _BEARER if badge_prefix is None else f"{_BEARER}|{re.escape(badge_prefix)}[A-Za-z0-9]{{8,64}}"
        )
        self._names = tuple(_patterns(sorted(parts, key=len, reverse=True)))

    def text(self, text: str) -> str:
        """Return the text without them, without keys in PEM, e-mail addresses, and users and passwords in addresses."""
        for pattern in self._secrets:
            text = pattern.sub(WITHHELD, text)
        text = self._bearers.sub(WITHHELD, text)
        for pattern in self._names:
            text = pattern.sub(PERSON, text)
        for pattern in (_PRIVATE_KEY, _CREDENTIALS, _IN_ADDRESS):
            text = pattern.sub(WITHHELD, text)
        return _MAIL.sub(PERSON, text)


def _patterns(alternatives: Iterable[str]) -> Iterator[re.Pattern[str]]:
    every = list(alternatives)
    for first in range(0, len(every), _MOST_AT_ONCE):
        yield re.compile("|".join(every[first : first + _MOST_AT_ONCE]), re.IGNORECASE)


def _lines(secret: str) -> Iterator[str]:
    """Yield what of it could stand somewhere alone: itself, and each line."""
    for line in {secret, *secret.splitlines()}:
        text = line.strip()
        if len(text) >= _SHORTEST_SECRET and not text.startswith("-----"):
            yield text


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield json.dumps(json.dumps(secret))[3:-3]  # a line of JSON that another line quotes
    yield quote(secret, safe="")
    yield quote_plus(secret)
    yield base64.b64encode(secret.encode()).decode().rstrip("=")


def _of_name(name: str) -> Iterator[str]:
    """Yield patterns of the whole name, whatever stands between its parts, and of each part that is a word by itself."""
    parts = [part for part in re.split(r"[\s.,]+", name) if part]
    yield from map(re.escape, _forms(name))
    if parts:
        yield r"(?:\s|%20|[+_.,-])*".join(_in_any_form(part) for part in parts)
    for part in parts:
        if len(part) >= _SHORTEST_NAME:
            yield rf"(?<![^\W_]){_in_any_form(part)}(?![^\W_])"


def _in_any_form(part: str) -> str:
    forms = sorted(set(_forms(part)) - {base64.b64encode(part.encode()).decode().rstrip("=")})
    return f"(?:{'|'.join(map(re.escape, forms))})"
