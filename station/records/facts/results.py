"""Results on their way to the broker."""

from __future__ import annotations

import sqlite3
from typing import Literal, assert_never

from station.domain.actor import Actor
from station.messages.topics import TopicError, Topics
from station.records.errors import EventRefused
from station.records.facts.attempts import AttemptClosed
from station.records.facts.base import FROM_LATER, Fact


class ResultsAcknowledged(Fact):
    """The broker took over responsibility (QoS 1 PUBACK) for these results. Not the consumer's word."""

    kind: Literal["results_acknowledged"] = "results_acknowledged"
    station_sequences: tuple[int, ...]


class ResultsRepublished(Fact):
    """Someone asked for these results to be sent again, under their old ids."""

    kind: Literal["results_republished"] = "results_republished"
    first: int
    last: int
    actor: Actor | None = FROM_LATER


def apply(tables: sqlite3.Connection, event: ResultsAcknowledged | ResultsRepublished) -> None:
    """Bring the tables up to this fact. Raises EventRefused."""
    match event:
        case ResultsAcknowledged():
            for station_sequence in event.station_sequences:
                if not 1 <= station_sequence <= _last_result(tables):
                    raise EventRefused(f"there is no result {station_sequence}")
                tables.execute(
                    "UPDATE results SET acknowledged = 1 WHERE station_sequence = ?", (station_sequence,)
                )
                tables.execute("DELETE FROM sent_again WHERE station_sequence = ?", (station_sequence,))
        case ResultsRepublished():
            first, last = max(event.first, 1), min(event.last, _last_result(tables))
            if first > last:
                raise EventRefused(f"there are no results {event.first} to {event.last}")
            tables.execute(
                "UPDATE results SET acknowledged = 0 WHERE station_sequence BETWEEN ? AND ?", (first, last)
            )
            tables.execute(
                "WITH RECURSIVE wanted(number) AS (SELECT ?1 UNION ALL SELECT number + 1 FROM wanted WHERE number < ?2)"
                " INSERT OR IGNORE INTO sent_again SELECT number FROM wanted"
                " WHERE NOT EXISTS (SELECT 1 FROM results WHERE station_sequence = number)",
                (first, last),
            )
        case _:
            assert_never(event)


def add(tables: sqlite3.Connection, sequence: int, event: AttemptClosed) -> None:
    """Let a result wait for the broker, under the station's next number. Raises EventRefused if it has no topic."""
    site, station = tables.execute("SELECT site, station FROM station").fetchone()
    try:
        Topics(site, station).result(event.place)
    except TopicError as error:
        raise EventRefused(f"attempt {event.attempt} has no topic for its result: {error}") from error
    hub = event.chf or event.scanned_id
    tables.execute(
        "INSERT INTO results (station_sequence, sequence, hub)"
        " SELECT coalesce(max(station_sequence), 0) + 1, ?, ? FROM results",
        (sequence, str(hub) if hub else None),
    )


def _last_result(tables: sqlite3.Connection) -> int:
    found: tuple[int] = tables.execute("SELECT coalesce(max(station_sequence), 0) FROM results").fetchone()
    return found[0]


def waiting_results(tables: sqlite3.Connection) -> int:
    """Return how many results the broker has not acknowledged."""
    found: tuple[int] = tables.execute(
        "SELECT (SELECT count(*) FROM results WHERE acknowledged = 0) + (SELECT count(*) FROM sent_again)"
    ).fetchone()
    return found[0]
