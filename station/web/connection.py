"""One connection of a browser or a program: let go if it is one too many, does not say in time what it wants, or does not take what it asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from station.web.address import Address
from station.web.problem import Problem
from station.web.throttle import network_of

_MOST_CONNECTIONS: Final = 200
_MOST_OF_ONE: Final = 100
"""From one address, or one IPv6 network: whoever opens all that they can keeps nobody else out."""
_END_SECONDS: Final = 1
"""How long streams get to end."""
_LOOK_SECONDS: Final = 10.0
_HANDSHAKE_SECONDS: Final = 10.0
"""Until TLS has begun there is no connection that anything else could look after."""


class PatientLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop, which waits no longer than that for TLS to begin; uvicorn has no setting for it."""

    async def create_server(self, *args: Any, **more: Any) -> asyncio.Server:
        """Listen."""
        if more.get("ssl") is not None:
            more["ssl_handshake_timeout"] = _HANDSHAKE_SECONDS
        return await super().create_server(*args, **more)


class PatientConfig(uvicorn.Config):
    """Has this loop run."""

    def get_loop_factory(self) -> Callable[[], asyncio.AbstractEventLoop]:
        """Return what makes it."""
        return PatientLoop


class PatientConnection(H11Protocol):
    """HTTP/1.1 whose beginning is waited for 10 to 20 s, however slowly it drips, and whose end no longer than that."""

    is_served = False
    """Whether what it asks for is answered; one too many is told so."""
    place = ""
    """From where it comes."""
    _next_look: asyncio.TimerHandle | None = None
    _idle_since_last_look: Any = ()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to look after it."""
        super().connection_made(transport)
        self._next_look = self.loop.call_later(_LOOK_SECONDS, self._look)
        self.place = "" if self.client is None else network_of(self.client[0])
        crowd = self._crowd()
        if crowd is None:
            self.is_served = True
        else:
            self.app = Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"{crowd}: close some pages, then load this one anew",
                kind="crowd",
                headers={"Connection": "close", "Retry-After": "5"},
            )

    def _crowd(self) -> str | None:
        """Say of whom there are as many as there may be; None where there is room."""
        every = [each for each in self.connections if isinstance(each, PatientConnection)]
        served = [each.place for each in every if each.is_served]
        if served.count(self.place) >= _MOST_OF_ONE:
            return f"{_MOST_OF_ONE} connections come from your address already"
        if len(served) >= _MOST_CONNECTIONS:
            return f"{_MOST_CONNECTIONS} browsers and programs are connected already"
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        """Look no more."""
        if self._next_look is not None:
            self._next_look.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        """Whatever was asked for is under way, or is asked for before the next look; what is to end has ended by then."""
        cycle: RequestResponseCycle | None = self.cycle
        idle = cycle is None or cycle.response_complete
        ending = self.transport.is_closing()
        if ending or (idle and self._idle_since_last_look == (cycle,)):
            self.transport.abort()
            return
        self._idle_since_last_look = (cycle,) if idle else ()
        self._next_look = self.loop.call_later(_LOOK_SECONDS, self._look)


def config_of(app: ASGIApp, address: Address) -> PatientConfig:
    """Return how it is served."""
    certificate = address.certificate
    return PatientConfig(
        app,
        host=address.host,
        port=address.port,
        http=PatientConnection,
        ws="none",
        proxy_headers=False,  # nobody says for another from where they come
        ssl_certfile=None if certificate is None else certificate.file,
        ssl_keyfile=None if certificate is None else certificate.key_file,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_END_SECONDS,
    )
