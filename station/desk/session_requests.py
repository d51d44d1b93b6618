"""Sessions, and what whoever asks may: who has shown who they are need not show it again with each request until the shift is over.

None is a command, whose answer the journal would keep: a session's secret stands nowhere.
"""

from __future__ import annotations

from pydantic import AwareDatetime, Field

from station.desk.request import Answer, Done, Name, Question
from station.domain.actor import PersonRole
from station.people.bearers import ProgramRole, Secret


class Bearing(Answer):
    """Who carries a session or a token."""

    pseudonym: str
    role: PersonRole | ProgramRole
    """What a person is: what only a supervisor may takes name and PIN all the same. Of a program: what it may."""
    is_person: bool
    until: AwareDatetime | None
    """When it ends by itself; None for a token that does not."""


class SessionOpened(Bearing):
    """Somebody's session has begun."""

    secret: Secret = Field(repr=False)


class OpenSession(Question[SessionOpened]):
    """Begin a session of whoever proves who they are with this request, by badge, or by name and PIN."""


class ShowBearer(Question[Bearing]):
    """Ask who carries a session or a token."""

    secret: Secret = Field(repr=False)


class CloseSession(Question[Done]):
    """End a session; one that has ended already is no fault."""

    secret: Secret = Field(repr=False)


class ShowRight(Question[Done]):
    """Ask whether one may ask something, before a file is sent with it, say; who may not is told why."""

    request: Name
