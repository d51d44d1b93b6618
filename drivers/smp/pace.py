"""How long the next answer of an upload may take, going by how long the last ones took. Pure."""

from __future__ import annotations

from typing import Final

_FEWEST: Final = 2
"""Answers that have to be measured before they mean anything."""

_SHORTEST_SECONDS: Final = 0.1
"""A flash page that is erased in between takes about half of this, a busy machine the rest."""

_GAIN: Final = 0.125
_DEVIATION_GAIN: Final = 0.25
"""RFC 6298, 2: the weights of a new measurement."""

_LONGEST_DOUBLINGS: Final = 6


class Pace:
    """The silence before an answer, smoothed as TCP does its round trips (RFC 6298)."""

    def __init__(self) -> None:
        self._count = 0
        self._mean = 0.0
        self._deviation = 0.0

    def took(self, seconds: float) -> None:
        """Take the silence before one answer that was none to a repeated request."""
        if not self._count:
            self._mean, self._deviation = seconds, seconds / 2
        else:
            self._deviation += _DEVIATION_GAIN * (abs(seconds - self._mean) - self._deviation)
            self._mean += _GAIN * (seconds - self._mean)
        self._count += 1

    def patience(self, setbacks: int, longest: float) -> float:
        """Return for how long to wait, doubled at each setback in a row, and never more than `longest`."""
        if self._count < _FEWEST:
            return longest
        measured = self._mean + max(_SHORTEST_SECONDS, 4 * self._deviation)
        return min(longest, measured * 2.0 ** min(setbacks, _LONGEST_DOUBLINGS))
