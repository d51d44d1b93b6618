"""Who is signed on at which browser, as the desk says it. Asked again every few seconds: nothing is believed for longer."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, NoReturn

import structlog

from station.control.client import ControlError
from station.desk.refusals import NotFound, Refused
from station.desk.session_requests import Bearing, CloseSession, ShowBearer
from station.screen.asking import Ask

BELIEVED_SECONDS: Final = 5.0
"""Somebody who was erased, or a token that was revoked, is out after so long at most; what is changed, at once: the desk asks."""
_MOST: Final = 1024
_MOST_UNKNOWN: Final = 4
"""Secrets that nobody was known by, asked about at once: whoever makes them up leaves room at the desk for the others."""
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)

_log = structlog.stdlib.get_logger()


@dataclass(slots=True)
class Session:
    """Somebody's session, or a program's token, as it was told last."""

    bearing: Bearing
    asked_at: float
    requests: int = 0
    """Under way with it, streams included."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it has ended: whatever streams to it ends, too."""

    @property
    def has_time_left(self) -> bool:
        """Whether it does not end by itself before now."""
        return self.bearing.until is None or datetime.now(UTC) < self.bearing.until


class Sessions:
    """Asks the desk who carries a secret, and remembers it for a few seconds."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._known: OrderedDict[str, Session] = OrderedDict()
        self._unknown = asyncio.Semaphore(_MOST_UNKNOWN)

    async def of(self, secret: str) -> Session | None:
        """Return the session of this secret; None where there is none, or it is over.

        While the daemon is away, one that was known is as it was. Raises Refused and ControlError where it was not.
        """
        if _SECRET.fullmatch(secret) is None:
            return None
        known = self._known.get(secret)
        if known is None:
            async with self._unknown:
                known = self._known.get(secret) or await self._look(secret, None)
        elif self._is_old(known):
            known = await self._look(secret, known)
        return known if known is not None and known.has_time_left else None

    async def close(self, secret: str) -> None:
        """End a session. Raises Refused and ControlError."""
        await self._ask(CloseSession(secret=secret))
        self._forget(secret)

    async def keep_asking(self) -> NoReturn:
        """Ask about each that something streams to again and again, so that the stream ends with it; forget the others."""
        while True:
            for secret, session in tuple(self._known.items()):
                if not session.has_time_left or (not session.requests and self._is_old(session)):
                    self._forget(secret)
                    continue
                try:
                    if self._is_old(session):
                        await self._look(secret, session)
                except (Refused, ControlError) as error:
                    _log.warning("sessions are as they were", reason=str(error))
                    break
            await asyncio.sleep(BELIEVED_SECONDS)

    def _is_old(self, session: Session) -> bool:
        return asyncio.get_running_loop().time() - session.asked_at > BELIEVED_SECONDS

    async def _look(self, secret: str, known: Session | None) -> Session | None:
        now = asyncio.get_running_loop().time()
        try:
            bearing = await self._ask(ShowBearer(secret=secret))
        except NotFound:
            self._forget(secret)
            return None
        except (Refused, ControlError):
            if known is None:
                raise
            return known
        if known is None:
            known = self._known.setdefault(secret, Session(bearing, now))
        elif self._known.get(secret) is not known:  # forgotten in the meantime: it may be over, or was old
            return await self._look(secret, None)
        known.bearing, known.asked_at = bearing, now
        self._known.move_to_end(secret)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)[1].over.set()
        return known

    def _forget(self, secret: str) -> None:
        if (session := self._known.pop(secret, None)) is not None:
            session.over.set()
