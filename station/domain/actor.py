"""Who did something."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

Pseudonym = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""Stands for a person. One word: whom it stands for is kept apart from the journal, and can be erased."""


NO_PSEUDONYM: Final = (
    "give a pseudonym (letters, digits, - and _), never a name: the journal forgets nothing; "
    "`reflash operators add NAME` prints one"
)
_PSEUDONYM: TypeAdapter[str] = TypeAdapter(Pseudonym)


class PersonRole(StrEnum):
    """What a person is at the bench."""

    TECHNICIAN = "technician"
    """Seats hubs, scans, packs."""
    SUPERVISOR = "supervisor"
    """Decides about slots, orders and releases, too."""


def is_pseudonym(text: str) -> bool:
    """Whether it has the form of one."""
    try:
        _PSEUDONYM.validate_python(text)
    except ValidationError:
        return False
    return True


class Actor(BaseModel):
    """Who did something, as far as the journal may know: it never forgets, so it holds no name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pseudonym: Pseudonym | None
    """See `station.people.operators`. None where nobody says who it is: a bench without `operator`."""
    role: Literal["technician", "supervisor"] | None = None
    """None for the station's own account."""
    where: str | None = Field(None, max_length=64)
    """The jig, desk or terminal at which it was done."""
