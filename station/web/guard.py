"""What a request must be before it is looked at: for this host, from this server's own pages, and not too much.

Raw ASGI, so that streams stay streams. Who may ask is said by whoever serves: see `admit`.
"""

from __future__ import annotations

import asyncio
import secrets
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from station.web.problem import Problem, nobody

LONGEST_BODY: Final = 64 * 1024
"""Bytes, as of a request at the desk."""
_BODY_SECONDS: Final = 10.0
_SLOWEST_BYTES_A_SECOND: Final = 100_000
"""How long a request may take to arrive once it has begun: so long, and as long as its bytes take at this rate."""
_UNREAD_SECONDS: Final = 30.0
"""How long what is sent may wait for its reader."""

_ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard(ABC):
    """Lets in what comes from this server's own pages or from no page at all.

    It says to browsers what these pages may do: no more than they need. No page needs to make markup of text, so no
    Trusted Types policy is allowed at all.
    """

    def __init__(
        self, app: ASGIApp, what: str, hosts: Collection[str], larger_bodies: Mapping[str, int]
    ) -> None:
        """`what` is served, as people call it; `hosts` are what a host header may say.

        `larger_bodies` are the paths that take more than others, with how many bytes.
        """
        self._app = app
        self._what = what
        self._hosts = frozenset(hosts)
        self._larger_bodies = larger_bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        nonce = secrets.token_urlsafe(16)
        state = scope.setdefault("state", {})
        state["nonce"] = nonce

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _ALWAYS.items():
                    headers[name] = value
                headers["Content-Security-Policy"] = _policy(nonce)
            await send(message)

        headers = Headers(scope=scope)
        if (refusal := self.unfit(scope, headers)) is not None:
            await refusal(scope, receive, send_guarded)
            return
        await self.admit(scope, headers, receive, send_guarded)

    @abstractmethod
    async def admit(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        """Serve whoever may ask (`serve`), and say to others what they lack."""

    def unfit(self, scope: Scope, headers: Headers) -> Problem | None:
        """What keeps a request from being looked at, whoever sends it."""
        host = headers.get("host", "").lower()
        if host not in self._hosts or len(headers.getlist("host")) != 1:
            return Problem(HTTPStatus.MISDIRECTED_REQUEST, f"this {self._what} is not served under that name")
        if not _is_from_here(scope, headers, host):
            return Problem(
                HTTPStatus.FORBIDDEN, f"only this {self._what}'s own pages may ask that", kind="other_page"
            )
        if scope["method"] in {"GET", "HEAD", "OPTIONS"} and "content-length" not in headers:
            if "transfer-encoding" in headers:
                return Problem(HTTPStatus.LENGTH_REQUIRED, "say how long it is (Content-Length)")
            return None
        length = headers.get("content-length", "0" if scope["method"] == "DELETE" else "")
        if not length.isascii() or not length.isdecimal() or "transfer-encoding" in headers:
            return Problem(HTTPStatus.LENGTH_REQUIRED, "say how long it is (Content-Length)")
        most = self._larger_bodies.get(scope["path"], LONGEST_BODY)
        if len(length) > 12 or int(length) > most:
            return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"that is more than {most} bytes")
        return None

    async def serve(self, scope: Scope, receive: Receive, send: Send, over: asyncio.Event) -> None:
        """Serve it, and end it when it is `over` for whoever sent it, or when its body or its reader is too slow."""
        loop = asyncio.get_running_loop()
        stuck = asyncio.Event()
        length = int(Headers(scope=scope).get("content-length", "0"))
        body_until = loop.time() + _BODY_SECONDS + length / _SLOWEST_BYTES_A_SECOND
        has_all = False
        is_open = False

        async def receive_guarded() -> Message:
            nonlocal has_all
            if has_all:
                return await _first(receive, over, stuck)
            try:
                async with asyncio.timeout_at(body_until):
                    message = await receive()
            except TimeoutError:
                return {"type": "http.disconnect"}
            has_all = not message.get("more_body", False)
            return message

        async def send_watched(message: Message) -> None:
            nonlocal is_open
            is_open = message["type"] == "http.response.start" or message.get("more_body", False)
            unread = loop.call_later(_UNREAD_SECONDS, stuck.set)
            try:
                await send(message)
            finally:
                unread.cancel()

        await self._app(scope, receive_guarded, send_watched)
        if over.is_set() and is_open and not stuck.is_set():
            await send_watched({"type": "http.response.body"})


def is_static(path: str) -> bool:
    """Whether a path is of what pages are drawn with, which is nobody's secret."""
    return path.startswith("/static/")


def sign_on_first(scope: Scope, headers: Headers, why: str) -> Response:
    """Lead a person to where one signs on, and tell a program why it is not answered."""
    if scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
        return RedirectResponse("/sign-on", HTTPStatus.SEE_OTHER)
    return nobody(why)


async def _first(receive: Receive, *ends: asyncio.Event) -> Message:
    """Return what comes next; an end counts as hanging up."""
    coming = asyncio.ensure_future(receive())
    ending = [asyncio.ensure_future(each.wait()) for each in ends]
    try:
        await asyncio.wait((coming, *ending), return_when=asyncio.FIRST_COMPLETED)
        return coming.result() if coming.done() else {"type": "http.disconnect"}
    finally:
        for each in (coming, *ending):
            each.cancel()


def _is_from_here(scope: Scope, headers: Headers, host: str) -> bool:
    """Whether one of this server's own pages sends it, or a person who goes there, or a program with its own token.

    A browser says from where (Fetch Metadata, `Origin`), and no page can have it say something else.
    """
    origin, site = headers.get("origin"), headers.get("sec-fetch-site", "same-origin")
    changes = scope["method"] not in {"GET", "HEAD"}
    if origin is None and changes and "authorization" not in headers:
        return False
    if origin is not None and origin != f"{scope['scheme']}://{host}":
        return False
    goes_there = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return site == "same-origin" or (not changes and (site == "none" or goes_there))


def _policy(nonce: str) -> str:
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
