"""The start of a shift: golden hubs, and the check list."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from firmware_catalog.identity import Eui64
from station.desk.request import Answer, Command, Name, Words


class ShiftDone(Answer):
    """It is in the journal."""

    line: str


class EnrolGoldenHub(Command[ShiftDone]):
    """Keep a hub at the bench to check slots with. What its spare slot holds may be erased from now on."""

    chf: Eui64
    gpf: Eui64
    reason: Words = ""
    """Why a hub stays here that an order had listed: it is a party's, and without a reason goes back there."""


class RetireGoldenHub(Command[ShiftDone]):
    """Let a golden hub be one like any other."""

    chf: Eui64
    reason: Words
    as_it_is: bool = False
    """Although a check with it has not ended: it is lost, or broken."""


class SignCheckList(Command[ShiftDone]):
    """Sign that each item of the check list was looked at."""

    items: Annotated[tuple[Name, ...], Field(max_length=64)]
    """Those that whoever signs has seen: all that the configuration has."""
