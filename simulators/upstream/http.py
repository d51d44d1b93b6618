"""As much of HTTP/1.1 (RFC 9112) as the simulated services need: bodies of a known length, connections that stay."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_MAX_HEAD: Final = 16 * 1024
_MAX_BODY: Final = 64 << 20
_REASONS: Final = {
    200: "OK",
    403: "Forbidden",
    404: "Not Found",
    411: "Length Required",
    422: "Unprocessable Content",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


@dataclass(frozen=True, slots=True)
class Call:
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str]
    """By names in small letters."""
    body: bytes


class BadCall(Exception):
    """What came is no request that is understood here."""


async def read_call(reader: asyncio.StreamReader) -> Call | None:
    """Read a request; None where the other side has ended. Raises BadCall, and what a broken connection raises."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError as error:
        raise BadCall("its head is too long") from error
    lines = head.decode("latin-1").split("\r\n")
    try:
        method, path, _ = lines[0].split(" ")
        pairs = [line.split(":", 1) for line in lines[1:] if line]
        headers = {name.strip().lower(): value.strip() for name, value in pairs}
        length = int(headers.get("content-length", "0"))
    except ValueError as error:
        raise BadCall("its head cannot be read") from error
    if "transfer-encoding" in headers or not 0 <= length <= _MAX_BODY or len(head) > _MAX_HEAD:
        raise BadCall("its length is not known, or too much")
    return Call(method, path, headers, await reader.readexactly(length))


def answer(status: int, body: bytes, kind: str, headers: Mapping[str, str] | None = None) -> bytes:
    """Return a response."""
    head = {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    return f"HTTP/1.1 {status} {_REASONS[status]}\r\n{lines}\r\n".encode() + body
