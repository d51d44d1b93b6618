"""The record: results sent again, and releases that may go on."""

from __future__ import annotations

from pydantic import Field

from firmware_catalog.identity import FirmwareVersion
from station.desk.request import Command, Done, Name, Words

_LARGEST: int = (1 << 63) - 1
"""SQLite's largest number."""


class Republish(Command[Done]):
    """Send results again under their old ids, from one station sequence to another, both included."""

    first: int = Field(ge=0, le=_LARGEST)
    last: int = Field(ge=0, le=_LARGEST)


class ResumeRelease(Command[Done]):
    """Let a release go on that the station stopped because too many hubs failed with it."""

    manufacturer: Name
    model: Name
    version: FirmwareVersion
    reason: Words
