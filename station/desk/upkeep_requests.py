"""The upkeep of jigs: parts that are new, and checks that were done."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from station.desk.request import Answer, Command, Name


class JigIsServiced(Answer):
    """It counts from here."""

    line: str


class ServiceJig(Command[JigIsServiced]):
    """Record that a part was replaced, in some slots of a jig or in all, or that a check of the jig was done."""

    jig: Name
    what: Name
    """As the configuration calls it."""
    slots: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """Which slots have a new part; none for all of them, and for a check."""
