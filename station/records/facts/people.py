"""The people at the bench: who is signed on where, and whose PIN was wrong how often."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal, assert_never

from station.domain.actor import Actor, Pseudonym
from station.records.facts.base import Fact, Written, require
from station.records.moments import utc_from_microseconds

BENCH: Final = ""
"""Stands in the table for the whole bench."""
_THE_BENCH: Final = ""
_ELSEWHERE: Final = "elsewhere"
"""Every place from which a person's PIN was never right yet: wrong ones from there count together."""


class SignedOn(Fact):
    """Somebody works at a jig from now on, in the place of whoever did before."""

    kind: Literal["signed_on"] = "signed_on"
    jig: str | None
    """None for the bench: every jig at which nobody else is signed on."""
    actor: Actor
    proof: Literal["badge", "pin"]


class WhySignedOff(StrEnum):
    """Why somebody is signed on no more."""

    ASKED = "asked"
    """They, or somebody else, said so."""
    TIME_OVER = "time_over"
    """So long no shift lasts: they left without a word."""
    ERASED = "erased"
    """Nobody stands behind the pseudonym any more."""


class SignedOff(Fact):
    """Somebody works at a jig no more."""

    kind: Literal["signed_off"] = "signed_off"
    jig: str | None
    pseudonym: Pseudonym
    why: WhySignedOff
    actor: Actor | None = None
    """None for the station itself."""


class PinRefused(Fact):
    """Somebody gave a wrong PIN for this person."""

    kind: Literal["pin_refused"] = "pin_refused"
    pseudonym: Pseudonym
    where: str
    place: str | None = None
    """From which network it came, as `Operators.place` calls it; None for the bench itself."""


class PinAccepted(Fact):
    """The right PIN was given: from a place where it had not been right before, or after wrong ones, which count no more."""

    kind: Literal["pin_accepted"] = "pin_accepted"
    pseudonym: Pseudonym
    place: str | None = None
    """As of `PinRefused`."""


class PinLockLifted(Fact):
    """A supervisor lets somebody's PIN be tried again at once."""

    kind: Literal["pin_lock_lifted"] = "pin_lock_lifted"
    pseudonym: Pseudonym
    actor: Actor


def apply(
    tables: sqlite3.Connection,
    written: Written,
    event: SignedOn | SignedOff | PinRefused | PinAccepted | PinLockLifted,
) -> None:
    """Bring the tables up to this fact. Raises EventRefused."""
    match event:
        case SignedOn():
            tables.execute(
                "INSERT OR REPLACE INTO signed_on VALUES (?, ?, ?)",
                (event.jig or BENCH, event.actor.pseudonym, written.utc),
            )
        case SignedOff():
            require(
                tables.execute(
                    "DELETE FROM signed_on WHERE jig = ? AND pseudonym = ?",
                    (event.jig or BENCH, event.pseudonym),
                ),
                f"{event.pseudonym} is not signed on {at(event.jig)}",
            )
        case PinRefused():
            tables.execute(
                "INSERT INTO wrong_pins VALUES (?, ?, 1, ?) ON CONFLICT (pseudonym, place)"
                " DO UPDATE SET wrong = wrong + 1, latest = excluded.latest",
                (event.pseudonym, _counted_at(tables, event.pseudonym, event.place), written.utc),
            )
        case PinAccepted():
            tables.execute(
                "DELETE FROM wrong_pins WHERE pseudonym = ? AND place = ?",
                (event.pseudonym, _counted_at(tables, event.pseudonym, event.place)),
            )
            if event.place is not None:
                tables.execute(
                    "INSERT INTO wrong_pins VALUES (?, ?, 0, ?)",
                    (event.pseudonym, event.place, written.utc),
                )
        case PinLockLifted():
            require(
                tables.execute(
                    "UPDATE wrong_pins SET wrong = 0 WHERE pseudonym = ? AND wrong > 0", (event.pseudonym,)
                ),
                f"no wrong PIN counts against {event.pseudonym}",
            )
            # Only of a place that is known anything else is kept.
            tables.execute(
                "DELETE FROM wrong_pins WHERE pseudonym = ? AND place IN (?, ?)",
                (event.pseudonym, _THE_BENCH, _ELSEWHERE),
            )
        case _:
            assert_never(event)


def at(jig: str | None) -> str:
    """Say where."""
    return "for the bench" if jig is None else f"at {jig}"


@dataclass(frozen=True, slots=True)
class OnDuty:
    """Somebody who is signed on."""

    jig: str | None
    """None for the bench."""
    pseudonym: str
    since: datetime


def signed_on(tables: sqlite3.Connection) -> tuple[OnDuty, ...]:
    """Return everybody who is signed on, once for each place."""
    rows = tables.execute("SELECT jig, pseudonym, since FROM signed_on ORDER BY jig")
    return tuple(
        OnDuty(jig or None, pseudonym, utc_from_microseconds(since)) for jig, pseudonym, since in rows
    )


@dataclass(frozen=True, slots=True)
class WrongPins:
    """How often a person's PIN was wrong since it was right."""

    wrong: int
    latest: datetime


@dataclass(frozen=True, slots=True)
class TriedFrom:
    """What is known of a person's PIN at one place."""

    wrong: WrongPins | None
    """What counts against it there; None for nothing."""
    known: bool
    """Whether it was right there before: wrong ones from elsewhere do not count there then, nor these elsewhere."""


def wrong_pins(tables: sqlite3.Connection, pseudonym: str) -> WrongPins | None:
    """Return what counts against a person's PIN, wherever it was given; None for nothing."""
    wrong, latest = tables.execute(
        "SELECT sum(wrong), max(latest) FROM wrong_pins WHERE pseudonym = ? AND wrong > 0", (pseudonym,)
    ).fetchone()
    return None if wrong is None else WrongPins(wrong, utc_from_microseconds(latest))


def tried_from(tables: sqlite3.Connection, pseudonym: str, place: str | None) -> TriedFrom:
    """Return what counts against a person's PIN at a place (see `PinRefused`)."""
    counted_at = _counted_at(tables, pseudonym, place)
    found = tables.execute(
        "SELECT wrong, latest FROM wrong_pins WHERE pseudonym = ? AND place = ?", (pseudonym, counted_at)
    ).fetchone()
    wrong = WrongPins(found[0], utc_from_microseconds(found[1])) if found is not None and found[0] else None
    return TriedFrom(wrong, known=counted_at != _ELSEWHERE)


def _counted_at(tables: sqlite3.Connection, pseudonym: str, place: str | None) -> str:
    if place is None:
        return _THE_BENCH
    known = tables.execute(
        "SELECT 1 FROM wrong_pins WHERE pseudonym = ? AND place = ?", (pseudonym, place)
    ).fetchone()
    return _ELSEWHERE if known is None else place
