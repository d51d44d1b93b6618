"""Hubs' labels, scanned at the bench."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from firmware_catalog.identity import Eui64
from station.desk.request import Answer, Command, Name
from station.domain.label import ScannedLabel
from station.domain.scan_said import ScanSaid


class ScanAnswer(Answer):
    """What a scan meant."""

    said: ScanSaid


class ScanLabel(Command[ScanAnswer]):
    """Give a label to its slot, or to whichever is meant."""

    jig: Name
    slot: int | None = Field(None, ge=1)
    id: Eui64
    role: Literal["CHF", "GPF"] | None = None

    @property
    def label(self) -> ScannedLabel:
        """The label that was scanned."""
        return ScannedLabel(self.id, self.role)


class TakeBackLabel(Command[ScanAnswer]):
    """Let a label wait for its hub no more: the one that waits at a slot, or this one wherever it waits.

    With both, it is this one that is expected at that slot.
    """

    jig: Name
    slot: int | None = Field(None, ge=1)
    id: Eui64 | None = None
    role: Literal["CHF", "GPF"] | None = None

    @property
    def label(self) -> ScannedLabel | None:
        """The label that is meant, if one is named."""
        return None if self.id is None else ScannedLabel(self.id, self.role)
