"""How connections to the broker ended, one after the other: once is an accident. Pure."""

from __future__ import annotations

from typing import Final

_NO_ACCIDENT: Final = 3
"""So many in a row that ended alike are no accident."""


class Endings:
    """Counts, over all connections of one publisher, in a row."""

    def __init__(self) -> None:
        self._short_lived = 0
        self._cut_short = 0
        self._at_status = 0

    @property
    def doublings(self) -> int:
        """How often the pause before the next connection is to be doubled for lives that were short."""
        return min(self._short_lived, _NO_ACCIDENT)

    def lived(self, seconds: float | None, steady: float) -> bool:
        """Take in for how long a connection was good, None if it never was; whether good ones end again and again.

        One that was good for `steady` seconds is not taken away by another of our name.
        """
        self._short_lived = 0 if seconds is None or seconds > steady else self._short_lived + 1
        return self._short_lived >= _NO_ACCIDENT

    def at_status(self) -> bool:
        """Take in that one ended before the broker had delivered our status; whether that happens again and again."""
        self._at_status += 1
        return self._at_status >= _NO_ACCIDENT

    def status_delivered(self) -> None:
        """Take in that the broker has delivered our status."""
        self._at_status = 0

    def took(self, messages: int, *, all_left: bool) -> bool:
        """Take in how many messages the broker took before it ended a connection; whether it does that again and again."""
        self._cut_short = 0 if all_left or not messages else self._cut_short + 1
        return self._cut_short >= _NO_ACCIDENT
