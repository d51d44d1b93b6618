"""Which of a journal's numbers have come, and which are missing. Pure.

A station numbers what it tells 1, 2, 3 ... (docs/results.md). What comes may overtake, and may come again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple


class Gap(NamedTuple):
    """Numbers that have not come, both ends included, and since when that is known."""

    first: int
    last: int
    since: datetime


@dataclass(slots=True)
class Numbering:
    """The numbers of one journal that have come: all from `lowest` to `highest` but for the gaps."""

    lowest: int
    highest: int
    gaps: list[Gap] = field(default_factory=list)
    """Those that may change are enough; in no order."""

    def take(self, number: int, now: datetime) -> None:
        """Count a number as come; one that had come already changes nothing."""
        if number > self.highest:
            self._miss(self.highest + 1, number - 1, now)
            self.highest = number
        elif number < self.lowest:
            self._miss(number + 1, self.lowest - 1, now)
            self.lowest = number
        else:
            self._fill(number)

    def _miss(self, first: int, last: int, since: datetime) -> None:
        if first <= last:
            self.gaps.append(Gap(first, last, since))

    def _fill(self, number: int) -> None:
        for gap in self.gaps:
            if gap.first <= number <= gap.last:
                self.gaps.remove(gap)
                self._miss(gap.first, number - 1, gap.since)
                self._miss(number + 1, gap.last, gap.since)
                return


class Span(NamedTuple):
    """From where to where the numbers of one identity of a station's journal have come."""

    lowest: int
    highest: int


def before_and_between(spans: Iterable[Span]) -> list[tuple[int, int]]:
    """Return the numbers from 1 on that lie in no identity's span.

    A journal that was restored goes on under a new identity from a number that only it knows: what is below its first
    number is missing only if no earlier identity has it.
    """
    missing = []
    following = 1
    for lowest, highest in sorted(spans):
        if lowest > following:
            missing.append((following, lowest - 1))
        following = max(following, highest + 1)
    return missing
