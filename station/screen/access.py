"""Who is let in at the screen: whoever is signed on, or carries a token. Who may do what is the desk's to say (`station.desk.rights`)."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from station.control.client import ControlError
from station.desk.act import Bearer, Pin
from station.desk.refusals import NotAllowed, Refused
from station.screen.asking import Who
from station.screen.problems import MustWait, of_refusal, of_silence
from station.screen.sessions import Session, Sessions
from station.web.credentials import brings_pin, cookie_of, name_and_pin
from station.web.guard import Guard, is_static, sign_on_first
from station.web.problem import Problem, nobody
from station.web.proofs import Place, Proofs

OPEN_PATHS: Final = frozenset({"/sign-on", "/session", "/healthz", "/readyz"})
"""For whoever has not signed on; and whatever stands in /static."""
_PINLESS_PATHS: Final = frozenset({"/scan", "/metrics"})
"""Where name and PIN prove nothing: a page's scans outlast one request, and numbers are told whoever asks."""


class Access(Guard):
    """Lets in whoever is signed on, or carries a token, from this screen's own pages or from no page at all."""

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
        """Without `sign_on` whoever comes may do what a technician may. The others are as `Guard` has them."""
        super().__init__(app, "screen", hosts, larger_bodies)
        self._cookie = cookie
        self._sessions = sessions
        self._sign_on = sign_on
        self._proofs = Proofs(NotAllowed, MustWait)

    async def admit(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
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
            await nobody(str(unknown))(scope, receive, send)
        else:
            if self._sign_on and who.bearing is None and not _is_open(scope["path"]):
                why = "nobody is signed on here: scan your badge, or give your name and PIN"
                await sign_on_first(scope, headers, why)(scope, receive, send)
                return
            scope["state"]["who"] = who
            await self._serve_session(scope, receive, send, session)

    def unfit(self, scope: Scope, headers: Headers) -> Problem | None:
        """What keeps a request from being looked at, whoever sends it."""
        if (refusal := super().unfit(scope, headers)) is not None:
            return refusal
        if scope["path"] in _PINLESS_PATHS and brings_pin(headers):
            return nobody("name and PIN prove nothing here: scan a badge, or sign on")
        return None

    async def _who(self, headers: Headers, place: Place) -> tuple[Who, Session | None]:
        """Return who sends it. Raises _Unknown where a token or PIN cannot be, Refused and ControlError.

        Name and PIN come in addition to a session, and prove one request: whoever is not signed on is asked for that first.
        """
        scheme, _, content = headers.get("authorization", "").partition(" ")
        by, pin, token = None, None, ""
        match scheme.lower():
            case "":
                pass
            case "basic":
                if (proof := name_and_pin(content)) is None:
                    raise _Unknown("that is no name and PIN")
                by, pin = proof[0], Pin(proof[1])
            case "bearer":
                token = content.strip()
            case _:
                raise _Unknown("that is neither a token nor name and PIN")
        secret = token or cookie_of(headers, self._cookie)
        session = await self._sessions.of(secret) if secret else None
        if token and session is None:
            raise _Unknown("this token does not count, or not any more")
        bearing = None if session is None else session.bearing
        if pin is not None:
            return Who(place, by, pin, bearing), session
        return Who(place, None, None if session is None else Bearer(secret), bearing), session

    async def _serve_session(
        self, scope: Scope, receive: Receive, send: Send, session: Session | None
    ) -> None:
        """Serve it, and end it when its session ends."""
        if session is None:
            await self.serve(scope, receive, send, asyncio.Event())
            return
        session.requests += 1
        try:
            await self.serve(scope, receive, send, session.over)
        finally:
            session.requests -= 1


class _Unknown(Exception):
    """What came along is nobody's."""


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or is_static(path)


def _is_guessable(scope: Scope, headers: Headers) -> bool:
    """Whether it brings a badge or a PIN. Nobody guesses a session or a token."""
    signs_on = scope["path"] == "/session" and scope["method"] == "POST"
    return signs_on or brings_pin(headers)
