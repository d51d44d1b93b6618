"""What a request brings along to prove who sends it, as its headers have it."""

from __future__ import annotations

import base64
import binascii
from contextlib import suppress
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers


def brings_pin(headers: Headers) -> bool:
    """Whether name and PIN come along."""
    return headers.get("authorization", "").partition(" ")[0].lower() == "basic"


def name_and_pin(content: str) -> tuple[str, str] | None:
    """Read what RFC 7617 calls user-id and password; None for what is neither."""
    with suppress(binascii.Error, UnicodeDecodeError, ValueError):
        name, colon, pin = base64.b64decode(content.strip(), validate=True).decode().partition(":")
        if colon and 0 < len(name) <= 200 and 0 < len(pin) <= 64:
            return name, pin
    return None


def cookie_of(headers: Headers, name: str) -> str:
    """Return what a cookie of this name holds; empty where there is none."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return "" if found is None else found.value
