"""Which shift day a moment belongs to: it begins at an hour of the bench's own clock, which is set twice a year."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

SLACK: Final = timedelta(minutes=5)
"""A clock that is kept is set back by no more."""


class ShiftDays:
    """The days of a bench. Each begins once, also where its hour is there twice or not at all that night."""

    def __init__(self, begins: time, zone: str) -> None:
        """`zone` is of the IANA database. Raises ZoneInfoNotFoundError."""
        self._begins = begins
        self._zone = ZoneInfo(zone)

    def beginning(self, day: date) -> datetime:
        """Return when a day begins. An hour that is there twice is taken the first time."""
        return datetime.combine(day, self._begins, self._zone).astimezone(UTC)

    def of(self, moment: datetime) -> date:
        """Return the day to which a moment belongs."""
        day = moment.astimezone(self._zone).date()
        return day if moment >= self.beginning(day) else day - timedelta(days=1)

    def is_today(self, done: datetime, now: datetime) -> bool:
        """Whether what was done then was done today. Not if it lies in the future: a clock was wrong, and nobody knows when."""
        return done <= now + SLACK and self.of(done) == self.of(now)

    def seconds_to_next(self, now: datetime) -> float:
        """Return for how long it is still the same day."""
        return (self.beginning(self.of(now) + timedelta(days=1)) - now).total_seconds()
