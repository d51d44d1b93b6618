"""The record: results sent again, and releases that may go on."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from firmware_catalog.identity import FirmwareVersion
from station.desk.request import Command, Done, Name, Words
from station.messages.order_fact import ORDER_FACT
from station.messages.packing_fact import PACKING_FACT
from station.messages.result import RESULT

_LARGEST: int = (1 << 63) - 1
"""SQLite's largest number."""


class MessageKind(StrEnum):
    """What may be sent again."""

    RESULT = RESULT.kind
    ORDER = ORDER_FACT.kind
    PACKING = PACKING_FACT.kind


class Republish(Command[Done]):
    """Send messages of a kind again under their old ids, from one station sequence to another, both included."""

    message: MessageKind = MessageKind.RESULT

    first: int = Field(ge=0, le=_LARGEST)
    last: int = Field(ge=0, le=_LARGEST)


class ResumeRelease(Command[Done]):
    """Let a release go on that the station stopped because too many hubs failed with it."""

    manufacturer: Name
    model: Name
    version: FirmwareVersion
    reason: Words
