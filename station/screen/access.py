"""What a request must be before it is looked at: for this host, from this page, not too much, and somebody's.

Raw ASGI, so that streams stay streams. Who may do what is the desk's to say (`station.desk.rights`).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
from collections.abc import Collection, Mapping
from contextlib import suppress
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from station.control.client import ControlError
from station.desk.act import Bearer, Pin
from station.desk.refusals import Refused
from station.screen.asking import Who
from station.screen.problems import Problem, of_refusal, of_silence
from station.screen.proofs import Place, Proofs
from station.screen.sessions import Session, Sessions

LONGEST_BODY: Final = 64 * 1024
"""Bytes, as of a request at the desk."""
_BODY_SECONDS: Final = 10.0
_SLOWEST_BYTES_A_SECOND: Final = 100_000
"""How long a request may take to arrive once it has begun: so long, and as long as its bytes take at this rate."""
_UNREAD_SECONDS: Final = 30.0
"""How long what is sent may wait for its reader."""
OPEN_PATHS: Final = frozenset({"/sign-on", "/session", "/healthz", "/readyz"})
"""For whoever has not signed on; and whatever stands in /static."""
_PINLESS_PATHS: Final = frozenset({"/scan", "/metrics"})
"""Where name and PIN prove nothing: a page's scans outlast one request, and numbers are told whoever asks."""

_ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Access:
    """Lets in whoever is signed on, or carries a token, from this screen's own pages or from no page at all.

    It says to browsers what these pages may do: no more than they need. No page needs to make markup of text, so no
    Trusted Types policy is allowed at all.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: Collection[str],
        cookie: str,
        sessions: Sessions,
        *,
        sign_on: bool,
        larger_bodies: Mapping[str, int],
    ) -> None:
        """`hosts` are what a host header may say; without `sign_on` whoever comes may do what a technician may.

        `larger_bodies` are the paths that take more than others, with how many bytes.
        """
        self._app = app
        self._hosts = frozenset(hosts)
        self._cookie = cookie
        self._sessions = sessions
        self._sign_on = sign_on
        self._larger_bodies = larger_bodies
        self._proofs = Proofs()

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

        if (refusal := self._unfit(scope)) is not None:
            await refusal(scope, receive, send_guarded)
            return
        await self._admit(scope, Headers(scope=scope), receive, send_guarded)

    async def _admit(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        """Serve whoever is signed on, and say to others what they lack."""
        place = Place((scope.get("client") or ("",))[0], self._proofs)
        try:
            if _is_guessable(scope, headers):
                self._proofs.require_patience(place.peer)
            who, session = await self._who(headers, place)
        except Refused as refused:
            await of_refusal(refused)(scope, receive, send)
        except ControlError as error:
            await of_silence(error)(scope, receive, send)
        except _Unknown as unknown:
            await _nobody(str(unknown))(scope, receive, send)
        else:
            if self._sign_on and who.bearing is None and not _is_open(scope["path"]):
                await _sign_on_first(scope, headers)(scope, receive, send)
                return
            scope["state"]["who"] = who
            await self._serve(scope, receive, send, session)

    def _unfit(self, scope: Scope) -> Problem | None:
        """What keeps a request from being looked at, whoever sends it."""
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        if host not in self._hosts or len(headers.getlist("host")) != 1:
            return Problem(HTTPStatus.MISDIRECTED_REQUEST, "this screen is not served under that name")
        if not _is_from_here(scope, headers, host):
            return Problem(
                HTTPStatus.FORBIDDEN, "only this screen's own pages may ask that", kind="other_page"
            )
        if scope["path"] in _PINLESS_PATHS and _brings_pin(headers):
            return _nobody("name and PIN prove nothing here: scan a badge, or sign on")
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

    async def _who(self, headers: Headers, place: Place) -> tuple[Who, Session | None]:
        """Return who sends it. Raises _Unknown where a token or PIN cannot be, Refused and ControlError.

        Name and PIN come in addition to a session, and prove one request: whoever is not signed on is asked for that first.
        """
        scheme, _, content = headers.get("authorization", "").partition(" ")
        match scheme.lower():
            case "":
                by, pin, token = None, None, ""
            case "basic":
                (by, pin), token = _name_and_pin(content), ""
            case "bearer":
                by, pin, token = None, None, content.strip()
            case _:
                raise _Unknown("that is neither a token nor name and PIN")
        secret = token or _cookie(headers, self._cookie)
        session = await self._sessions.of(secret) if secret else None
        if token and session is None:
            raise _Unknown("this token does not count, or not any more")
        bearing = None if session is None else session.bearing
        if pin is not None:
            return Who(place, by, pin, bearing), session
        return Who(place, None, None if session is None else Bearer(secret), bearing), session

    async def _serve(self, scope: Scope, receive: Receive, send: Send, session: Session | None) -> None:
        """Serve it, and end it when its session ends, or when its body or its reader is too slow."""
        loop = asyncio.get_running_loop()
        over = asyncio.Event() if session is None else session.over
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

        if session is None:
            await self._app(scope, receive_guarded, send_watched)
            return
        session.requests += 1
        try:
            await self._app(scope, receive_guarded, send_watched)
            if over.is_set() and is_open and not stuck.is_set():
                await send_watched({"type": "http.response.body"})
        finally:
            session.requests -= 1


class _Unknown(Exception):
    """What came along is nobody's."""


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
    """Whether one of this screen's own pages sends it, or a person who goes there, or a program with its own token.

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


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or path.startswith("/static/")


def _is_guessable(scope: Scope, headers: Headers) -> bool:
    """Whether it brings a badge or a PIN. Nobody guesses a session or a token."""
    signs_on = scope["path"] == "/session" and scope["method"] == "POST"
    return signs_on or _brings_pin(headers)


def _brings_pin(headers: Headers) -> bool:
    return headers.get("authorization", "").partition(" ")[0].lower() == "basic"


def _name_and_pin(content: str) -> tuple[str, Pin]:
    """Read what RFC 7617 calls user-id and password. Raises _Unknown."""
    with suppress(binascii.Error, UnicodeDecodeError, ValueError):
        name, colon, pin = base64.b64decode(content.strip(), validate=True).decode().partition(":")
        if colon and 0 < len(name) <= 200 and 0 < len(pin) <= 64:
            return name, Pin(pin)
    raise _Unknown("that is no name and PIN")


def _cookie(headers: Headers, name: str) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return "" if found is None else found.value


def _nobody(why: str) -> Problem:
    return Problem(HTTPStatus.UNAUTHORIZED, why, headers={"WWW-Authenticate": "Bearer"})


def _sign_on_first(scope: Scope, headers: Headers) -> Response:
    if scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
        return RedirectResponse("/sign-on", HTTPStatus.SEE_OTHER)
    return _nobody("nobody is signed on here: scan your badge, or give your name and PIN")


def _policy(nonce: str) -> str:
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
