"""Scanned labels on their way to the slot whose hub they belong to."""

from __future__ import annotations

from station.attempt.authorise import ScannedLabel
from station.records.events import Place


class LabelDesk:
    """Holds the last label scanned for each slot until a visit takes it."""

    def __init__(self) -> None:
        self._waiting: dict[Place, ScannedLabel] = {}

    def put(self, place: Place, label: ScannedLabel) -> None:
        """Keep a label for the next hub in `place`. A second scan replaces the first."""
        self._waiting[place] = label

    def take(self, place: Place) -> ScannedLabel | None:
        """Hand out, once, the label scanned for `place`."""
        return self._waiting.pop(place, None)
