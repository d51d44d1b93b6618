"""What leaves: which rows of the journal are told, as what kind of message, until they are known to be delivered.

Each kind counts its own messages, 1, 2, 3 and so on: the number that consumers see as `station_sequence`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, assert_never

from station.domain.actor import Actor
from station.domain.order_line import BridgeLine
from station.messages.form import MessageForm
from station.messages.result import RESULT, RESULT_OF_DEVICE, ResultVersion
from station.messages.topics import TopicError, Topics
from station.records.errors import EventRefused
from station.records.facts import journal
from station.records.facts.attempts import AttemptClosed
from station.records.facts.base import FROM_LATER, Fact, Written
from station.records.tables import OUTBOX_SINCE, tables_version


class ResultVersionChosen(Fact):
    """From this row on results are told in this version; those of earlier rows keep theirs, also when sent again."""

    kind: Literal["result_version_chosen"] = "result_version_chosen"
    version: ResultVersion


class MessagesAcknowledged(Fact):
    """These messages of one kind came back from the broker: it has delivered them. Not the consumer's word."""

    kind: Literal["messages_acknowledged"] = "messages_acknowledged"
    message: str
    """Their kind."""
    numbers: tuple[int, ...]


class MessagesRepublished(Fact):
    """Someone asked for these messages of one kind to be sent again, under their old ids."""

    kind: Literal["messages_republished"] = "messages_republished"
    message: str
    first: int
    last: int
    actor: Actor | None = FROM_LATER


class ResultsAcknowledged(Fact):
    """The same of results. Written by versions that knew no other messages."""

    kind: Literal["results_acknowledged"] = "results_acknowledged"
    station_sequences: tuple[int, ...]


class ResultsRepublished(Fact):
    """The same of results. Written by versions that knew no other messages."""

    kind: Literal["results_republished"] = "results_republished"
    first: int
    last: int
    actor: Actor | None = FROM_LATER


@dataclass(frozen=True, slots=True, order=True)
class Number:
    """A message by its kind and its number among that kind. The order is that in which they leave."""

    kind: str
    number: int


BEFORE_ALL: Final = Number("", 0)


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A message, and the row of the journal that it tells."""

    number: Number
    sequence: int
    version: int
    """Of the message's form."""
    ordering_key: str | None
    about: str | None = None
    """As JSON, what is told and does not stand in that row."""


def tell_result(tables: sqlite3.Connection, written: Written, event: AttemptClosed) -> None:
    """Let the attempt's result leave, in the version that was chosen last; a bridge's in the one that knows bridges. Raises EventRefused if it has no topic."""
    site, station = tables.execute("SELECT site, station FROM station").fetchone()
    try:
        Topics(site, station).result(event.place)
    except TopicError as error:
        raise EventRefused(f"attempt {event.attempt} has no topic for its result: {error}") from error
    device = event.chf or event.scanned_id
    of_bridge = event.bridge_type is not None or isinstance(event.line, BridgeLine)
    version = RESULT_OF_DEVICE.version if of_bridge else result_version(tables)
    _tell(tables, written, RESULT.kind, version, str(device) if device else None)


def tell(
    tables: sqlite3.Connection,
    written: Written,
    form: MessageForm[Any],
    ordering_key: str | None,
    *,
    since: int,
    about: str | None = None,
) -> None:
    """Let the fact that is being written leave as a message.

    `since` is the vocabulary since which such facts leave: what was written before was told to nobody, and is not now.
    `about` is what is told and does not stand in the fact: what the tables hold after it, which will change.
    """
    if journal.vocabulary(tables) >= since:
        _tell(tables, written, form.kind, form.version, ordering_key, about)


def _tell(
    tables: sqlite3.Connection,
    written: Written,
    kind: str,
    version: int,
    ordering_key: str | None,
    about: str | None = None,
) -> None:
    tables.execute(
        "INSERT INTO outbox (sequence, kind, version, number, ordering_key, about) VALUES (?, ?, ?, ?, ?, ?)",
        (written.sequence, kind, version, last_number(tables, kind) + 1, ordering_key, about),
    )


def apply(
    tables: sqlite3.Connection,
    written: Written,
    event: ResultVersionChosen
    | MessagesAcknowledged
    | MessagesRepublished
    | ResultsAcknowledged
    | ResultsRepublished,
) -> None:
    """Bring the outbox up to this event. Raises EventRefused for messages that there never were."""
    match event:
        case ResultVersionChosen():
            tables.execute("INSERT INTO result_versions VALUES (?, ?)", (written.sequence, event.version))
        case MessagesAcknowledged(message=kind, numbers=numbers):
            _acknowledge(tables, kind, numbers)
        case ResultsAcknowledged(station_sequences=numbers):
            _acknowledge(tables, RESULT.kind, numbers)
        case MessagesRepublished(message=kind):
            _send_again(tables, kind, event.first, event.last)
        case ResultsRepublished():
            _send_again(tables, RESULT.kind, event.first, event.last)
        case _:
            assert_never(event)


def _acknowledge(tables: sqlite3.Connection, kind: str, numbers: Collection[int]) -> None:
    last = last_number(tables, kind)
    for number in numbers:
        if not 1 <= number <= last:
            raise EventRefused(f"there is no {kind} {number}")
        tables.execute("UPDATE outbox SET acknowledged = 1 WHERE kind = ? AND number = ?", (kind, number))
        tables.execute("DELETE FROM sent_again WHERE kind = ? AND number = ?", (kind, number))


def _send_again(tables: sqlite3.Connection, kind: str, first: int, last: int) -> None:
    wanted = max(first, 1), min(last, last_number(tables, kind))
    if wanted[0] > wanted[1]:
        raise EventRefused(f"there are no {kind} messages {first} to {last}")
    tables.execute(
        "UPDATE outbox SET acknowledged = 0 WHERE kind = ? AND number BETWEEN ? AND ?", (kind, *wanted)
    )
    tables.execute(
        "WITH RECURSIVE wanted(number) AS (SELECT ?2 UNION ALL SELECT number + 1 FROM wanted WHERE number < ?3)"
        " INSERT OR IGNORE INTO sent_again SELECT ?1, number FROM wanted"
        " WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE kind = ?1 AND outbox.number = wanted.number)",
        (kind, *wanted),
    )


def result_version(tables: sqlite3.Connection) -> int:
    """Return the version in which results are told now."""
    found = tables.execute(
        "SELECT version FROM result_versions ORDER BY first_sequence DESC LIMIT 1"
    ).fetchone()
    return RESULT.version if found is None else int(found[0])


def last_number(tables: sqlite3.Connection, kind: str) -> int:
    """Return the number of the newest message of this kind; 0 if there is none."""
    found: tuple[int] = tables.execute(
        "SELECT coalesce(max(number), 0) FROM outbox WHERE kind = ?", (kind,)
    ).fetchone()
    return found[0]


def waiting_messages(tables: sqlite3.Connection) -> int:
    """Return how many messages are not known to be delivered."""
    found: tuple[int] = tables.execute(
        "SELECT (SELECT count(*) FROM outbox WHERE acknowledged = 0) + (SELECT count(*) FROM sent_again)"
    ).fetchone()
    return found[0]


def oldest_waiting(tables: sqlite3.Connection) -> int | None:
    """Return which row is told by the oldest message that was never delivered; None if none waits.

    What was asked for again is as old as that: it has been delivered once.
    """
    found: tuple[int | None] = tables.execute(
        "SELECT min(sequence) FROM outbox WHERE acknowledged = 0"
    ).fetchone()
    return found[0]


def waiting(tables: sqlite3.Connection, limit: int, after: Number) -> list[Number]:
    """Return the first of them behind `after`, in the order in which they leave."""
    return [
        Number(*row)
        for row in tables.execute(
            "SELECT kind, number FROM outbox WHERE acknowledged = 0 AND (kind, number) > (?1, ?2)"
            " UNION SELECT kind, number FROM sent_again WHERE (kind, number) > (?1, ?2)"
            " ORDER BY kind, number LIMIT ?3",
            (after.kind, after.number, limit),
        )
    ]


def rows_of(tables: sqlite3.Connection, messages: Iterable[Number]) -> dict[Number, OutboxRow]:
    """Return what these messages tell, and how, as far as that is here.

    `tables` may be of a finished segment, whose tables are those of the version that wrote it.
    """
    if tables_version(tables) >= OUTBOX_SINCE:
        select = "SELECT sequence, version, ordering_key, about FROM outbox WHERE kind = ? AND number = ?"
    else:
        select = f"SELECT sequence, 1, hub FROM results WHERE ? = '{RESULT.kind}' AND station_sequence = ?"  # noqa: S608 - our own word
    found = {
        message: tables.execute(select, (message.kind, message.number)).fetchone() for message in messages
    }
    return {message: OutboxRow(message, *row) for message, row in found.items() if row is not None}
