"""Answers to hubs' challenges: how many may have been wrong."""

from __future__ import annotations

import sqlite3
from typing import Final, Literal, assert_never

from firmware_catalog.identity import Eui64
from station.domain.outcome import Stage
from station.records.facts.attempts import AttemptId, StageEnded, require_open
from station.records.facts.base import Fact
from station.records.tables import EVERY_OTHER_HUB


class UnlockAnswersUnknown(Fact):
    """Rows before this one were lost, and with them unlock answers that count against hubs. Written by the journal itself.

    One answer more than is known counts against each hub, until it was opened since.
    """

    kind: Literal["unlock_answers_unknown"] = "unlock_answers_unknown"


class UnlockUsed(Fact):
    """The unlock authority signed for one hub. Never holds signature or nonce."""

    kind: Literal["unlock_used"] = "unlock_used"
    attempt: AttemptId
    chf: Eui64
    authority: str


class UnlockAnswerDue(Fact):
    """An answer to the hub's challenge is about to be sent. It counts as wrong until the unlock stage ends well.

    Its reply may be lost, so what the hub thinks of it may never be known: counted before it is sent.
    """

    kind: Literal["unlock_answer_due"] = "unlock_answer_due"
    attempt: AttemptId
    chf: Eui64


class UnlockAnswerVoid(Fact):
    """The hub said that it judged the answer neither right nor wrong (its challenge was void): it counts no more."""

    kind: Literal["unlock_answer_void"] = "unlock_answer_void"
    attempt: AttemptId
    chf: Eui64


class UnlockAnswerRefused(Fact):
    """The hub called an answer wrong. It allows three before it backs off; the station stops at two.

    Written by versions that knew no `UnlockAnswerDue`; counts by itself.
    """

    kind: Literal["unlock_answer_refused"] = "unlock_answer_refused"
    attempt: AttemptId
    chf: Eui64


_PERHAPS_WRONG: Final = f"coalesce((SELECT wrong_answers FROM hubs WHERE chf = '{EVERY_OTHER_HUB}'), 0)"  # noqa: S608 - our own words
"""How many answers count against a hub that has no row of its own: its rows may have been lost."""


def apply(
    tables: sqlite3.Connection,
    event: UnlockUsed | UnlockAnswersUnknown | UnlockAnswerDue | UnlockAnswerVoid | UnlockAnswerRefused,
) -> None:
    """Bring the tables up to this fact. Raises EventRefused."""
    if isinstance(event, UnlockAnswersUnknown):
        # In any row of before: a hub with one wrong answer may have been given another since.
        tables.execute("UPDATE hubs SET wrong_answers = wrong_answers + 1")
        tables.execute("INSERT OR REPLACE INTO hubs VALUES (?, 1)", (EVERY_OTHER_HUB,))
        return
    require_open(tables, event.attempt)
    match event:
        case UnlockUsed():
            pass
        case UnlockAnswerDue() | UnlockAnswerRefused():
            count_answer(tables, event.chf)
        case UnlockAnswerVoid():
            take_back_answer(tables, event.chf)
        case _:
            assert_never(event)


def count_answer(tables: sqlite3.Connection, chf: Eui64) -> None:
    """Let one answer more count against a hub."""
    tables.execute(
        f"INSERT INTO hubs VALUES (?, 1 + {_PERHAPS_WRONG}) ON CONFLICT (chf)"  # noqa: S608 - our own words
        " DO UPDATE SET wrong_answers = wrong_answers + 1",
        (str(chf),),
    )


def take_back_answer(tables: sqlite3.Connection, chf: Eui64) -> None:
    """Let one answer less count against a hub: it judged that one neither right nor wrong."""
    tables.execute("UPDATE hubs SET wrong_answers = wrong_answers - 1 WHERE chf = ?", (str(chf),))
    tables.execute(
        f"DELETE FROM hubs WHERE chf = ? AND wrong_answers <= 0 AND {_PERHAPS_WRONG} = 0",  # noqa: S608 - the same
        (str(chf),),
    )


def forget_answers(tables: sqlite3.Connection, chf: Eui64) -> None:
    """Let no answer count any more against a hub that took one; keep that in mind where it is not so of every hub."""
    tables.execute("DELETE FROM hubs WHERE chf = ?", (str(chf),))
    if tables.execute(f"SELECT {_PERHAPS_WRONG}").fetchone()[0]:
        tables.execute("INSERT INTO hubs VALUES (?, 0)", (str(chf),))


def forget_if_right(tables: sqlite3.Connection, event: StageEnded) -> None:
    """Let no answer count any more against a hub whose attempt unlocked it."""
    if event.stage is not Stage.UNLOCK or event.code is not None:
        return
    (chf,) = tables.execute("SELECT chf FROM attempts WHERE attempt = ?", (event.attempt,)).fetchone()
    forget_answers(tables, chf)


def wrong_unlock_answers(tables: sqlite3.Connection, chf: Eui64) -> int:
    """Return how many answers were, or may have been, sent to the hub, and not known to be void, since the last that it took."""
    found = tables.execute(
        "SELECT wrong_answers FROM hubs WHERE chf IN (?1, ?2) ORDER BY chf = ?2", (str(chf), EVERY_OTHER_HUB)
    ).fetchone()
    return 0 if found is None else int(found[0])
