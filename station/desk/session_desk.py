"""Sessions at the desk: begun by whoever proves who they are, over with the shift, or as soon as they are another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

from drivers.threads import apart
from station.desk.act import Act
from station.desk.desk import Handlers
from station.desk.refusals import NotAllowed, NotFound, Unavailable
from station.desk.request import Done
from station.desk.rights import request_named, require_right
from station.desk.session_requests import (
    Bearing,
    CloseSession,
    OpenSession,
    SessionOpened,
    ShowBearer,
    ShowRight,
)
from station.domain.shift_day import ShiftDays
from station.people.bearers import Bearers, BearersUnreadable, digest_of
from station.people.operators import OperatorsUnreadable, UnknownPseudonym

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SessionDesk:
    """Answers what is asked about sessions."""

    bearers: Bearers
    days: ShiftDays
    hours: float
    """How long a sign-on lasts at most."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def handlers(self) -> Handlers:
        """Return what it answers."""
        return {
            OpenSession: self._open,
            ShowBearer: self._show,
            CloseSession: self._close,
            ShowRight: self._show_right,
        }

    async def _open(self, _: OpenSession, act: Act) -> SessionOpened:
        pseudonym = act.actor.pseudonym
        if act.proof is None or pseudonym is None:
            raise NotAllowed("who signs on shows it: scan your badge, or give your name and PIN")
        now = self.now()
        until = now + min(
            timedelta(hours=self.hours), timedelta(seconds=max(self.days.seconds_to_next(now), 0.0))
        )
        try:
            secret, role = await _asked(partial(self.bearers.open_session, pseudonym, now, until))
        except UnknownPseudonym as error:
            raise NotAllowed(str(error)) from error
        return SessionOpened(pseudonym=pseudonym, role=role, is_person=True, until=until, secret=secret)

    async def _show(self, request: ShowBearer, _: Act) -> Bearing:
        holder = await _asked(partial(self.bearers.holder, digest_of(request.secret), self.now()))
        if holder is None:
            raise NotFound("this session has ended, or this token was revoked: sign on again")
        return Bearing(
            pseudonym=holder.pseudonym, role=holder.role, is_person=holder.is_person, until=holder.until
        )

    async def _close(self, request: CloseSession, _: Act) -> Done:
        await _asked(partial(self.bearers.close_session, request.secret))
        return Done()

    async def _show_right(self, request: ShowRight, act: Act) -> Done:
        require_right(request_named(request.request), act.role)
        return Done()


async def _asked(work: Callable[[], T]) -> T:
    """Ask the file, apart from the loop. Raises Unavailable where it cannot be asked."""
    try:
        return await apart("sessions", work)
    except (BearersUnreadable, OperatorsUnreadable) as error:
        raise Unavailable(str(error)) from error
    except OSError as error:
        raise Unavailable(f"the list of sessions: {error.strerror}; see: reflash doctor") from error
