"""Which of several results counts, and which version a hub said last. Pure: the same whatever came first.

The rules are those of docs/results.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from station.domain.outcome import SUCCESSES, Outcome


@dataclass(frozen=True, slots=True)
class Told:
    """One result of one hub, as far as it matters here."""

    message: int
    source: str
    journal: str
    number: int
    finished: datetime
    attempt: int
    outcome: str
    firmware_read_back: str | None


def counts(results: Iterable[Told]) -> Told:
    """Return which of a hub's results for one work order counts: a success stands, else the last attempt.

    There has to be one. That a hub was re-flashed stands also where another station, which counts attempts of its own, found it current.
    """
    every = list(results)
    successes = [each for each in every if each.outcome in SUCCESSES]
    if successes:
        return min(successes, key=lambda told: (told.outcome != Outcome.PASSED, *_by_attempt(told)))
    return max(every, key=_by_attempt)


def _by_attempt(told: Told) -> tuple[int, datetime, str, int]:
    return told.attempt, told.finished, told.journal, told.number


def said_last(results: Iterable[Told]) -> Told | None:
    """Return the last result in which the hub said what it runs, of whatever order; None if it never did.

    Within one journal the number tells what was later, whatever the station's clock said; between journals only the
    clocks can.
    """
    newest: dict[tuple[str, str], Told] = {}
    for told in results:
        if told.firmware_read_back is None:
            continue
        key = told.source, told.journal
        if key not in newest or newest[key].number < told.number:
            newest[key] = told
    if not newest:
        return None
    return max(newest.values(), key=lambda told: (told.finished, told.source, told.journal))
