"""Work orders that were wrong: amended by a new revision of their file, line by line. What was done stays done."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Literal

from firmware_catalog.identity import Eui64
from station.domain.actor import Actor
from station.domain.order_line import ListedDevice, read_line
from station.domain.outcome import SUCCESSES, Outcome
from station.records.errors import EventRefused
from station.records.facts.attempts import AttemptClosed
from station.records.facts.base import Fact, Written, require
from station.records.facts.orders import require_open_order, second_id


class OrderRevised(Fact):
    """An order is from now on what a new revision of its file says. It was shown what changes, and signed for."""

    kind: Literal["order_revised"] = "order_revised"
    order: str
    revision: int
    """2 for the first that amends the file which was imported."""
    source: str
    sha256: str
    amends: str
    """SHA-256 of the file that was the order's until then."""
    hubs: int
    """How many it lists now."""
    added: tuple[ListedDevice, ...]
    changed: tuple[ListedDevice, ...]
    """As they are now. A line is its hub's by CHF id."""
    withdrawn: tuple[Eui64, ...]
    """CHF ids."""
    reason: str
    actor: Actor


def apply(tables: sqlite3.Connection, written: Written, event: OrderRevised) -> None:
    """Bring the tables up to this fact. Raises EventRefused."""
    order = event.order
    require_open_order(tables, order)
    tables.execute(
        "INSERT INTO order_revisions SELECT work_order, 1, sha256, hubs, imported FROM orders WHERE work_order = ?1"
        " AND NOT EXISTS (SELECT 1 FROM order_revisions WHERE work_order = ?1)",
        (order,),
    )
    require(
        tables.execute(
            "INSERT INTO order_revisions SELECT ?1, ?2, ?3, ?4, ?5"
            " WHERE ?2 = 1 + (SELECT max(revision) FROM order_revisions WHERE work_order = ?1)",
            (order, event.revision, event.sha256, event.hubs, written.utc),
        ),
        f"order {order} has no revision before {event.revision}",
    )
    for chf in event.withdrawn:
        tables.execute(
            "INSERT OR REPLACE INTO withdrawn_lines SELECT work_order, chf, gpf, line, outcome, ? FROM order_lines"
            " WHERE work_order = ? AND chf = ?",
            (event.revision, order, str(chf)),
        )
    # All are taken out before any is put in: two lines may have changed their GPF ids.
    outcomes = {chf: _take_out(tables, order, chf) for chf in event.withdrawn}
    outcomes |= {line.device_id: _take_out(tables, order, line.device_id) for line in event.changed}
    for line in event.added:
        outcomes[line.device_id] = _return(tables, order, line.device_id)
    try:
        tables.executemany(
            "INSERT INTO order_lines VALUES (?, ?, ?, ?, ?)",
            (
                (
                    order,
                    str(line.device_id),
                    second_id(line),
                    line.model_dump_json(),
                    outcomes[line.device_id],
                )
                for line in (*event.changed, *event.added)
            ),
        )
    except sqlite3.IntegrityError as error:
        raise EventRefused(f"order {order}: a hub is on it twice") from error
    tables.execute("DELETE FROM order_counts WHERE work_order = ?", (order,))
    tables.execute(
        "INSERT INTO order_counts SELECT work_order, outcome, count(*) FROM order_lines"
        " WHERE work_order = ? AND outcome IS NOT NULL GROUP BY outcome",
        (order,),
    )
    tables.execute(
        "UPDATE orders SET source = ?, sha256 = ?, hubs = ? WHERE work_order = ?",
        (event.source, event.sha256, event.hubs, order),
    )


def _take_out(tables: sqlite3.Connection, order: str, chf: Eui64) -> str | None:
    """Remove a line, and return the outcome that counted for it."""
    found = tables.execute(
        "DELETE FROM order_lines WHERE work_order = ? AND chf = ? RETURNING outcome", (order, str(chf))
    ).fetchone()
    if found is None:
        raise EventRefused(f"order {order} does not list hub {chf}")
    return None if found[0] is None else str(found[0])


def _return(tables: sqlite3.Connection, order: str, chf: Eui64) -> str | None:
    """Forget that a line was withdrawn, and return what had counted for it."""
    found = tables.execute(
        "DELETE FROM withdrawn_lines WHERE work_order = ? AND chf = ? RETURNING outcome", (order, str(chf))
    ).fetchone()
    return None if found is None or found[0] is None else str(found[0])


def count(tables: sqlite3.Connection, event: AttemptClosed) -> None:
    """Let what came of a hub whose line was withdrawn while it was worked on stand with that line."""
    if event.outcome is Outcome.REJECTED or event.chf is None:
        return
    tables.execute(
        "UPDATE withdrawn_lines SET outcome = ? WHERE work_order = ? AND chf = ?"
        " AND (outcome IS NULL OR outcome NOT IN (?, ?))",
        (event.outcome, event.order, str(event.chf), *SUCCESSES),
    )


@dataclass(frozen=True, slots=True)
class Revision:
    """One content that an order had."""

    revision: int
    sha256: str


def revisions_of(tables: sqlite3.Connection, order: str) -> tuple[Revision, ...]:
    """Return every content that an order had so far, oldest first; the last is its content now."""
    rows = tables.execute(
        "SELECT revision, sha256 FROM order_revisions WHERE work_order = ?1 UNION"
        " SELECT 1, sha256 FROM orders WHERE work_order = ?1"
        " AND NOT EXISTS (SELECT 1 FROM order_revisions WHERE work_order = ?1) ORDER BY 1",
        (order,),
    )
    return tuple(Revision(*row) for row in rows)


@dataclass(frozen=True, slots=True)
class WithdrawnLine:
    """A line that a revision took out of an order."""

    line: ListedDevice
    outcome: Outcome | None
    """What had come of its hub."""
    revision: int
    to_put_aside: bool
    """Whether its hub was seen on this bench and stands in no place but perhaps a carton."""


_TO_PUT_ASIDE = (
    "(EXISTS (SELECT 1 FROM attempts WHERE attempts.chf = withdrawn_lines.chf"
    " AND attempts.work_order = withdrawn_lines.work_order)"
    " OR EXISTS (SELECT 1 FROM hub_places WHERE hub = withdrawn_lines.chf"
    " AND hub_places.work_order = withdrawn_lines.work_order))"
    " AND NOT EXISTS (SELECT 1 FROM hub_places WHERE hub = withdrawn_lines.chf AND left_at IS NULL"
    " AND place <> 'carton')"
)


def withdrawn_of(tables: sqlite3.Connection, order: str) -> tuple[WithdrawnLine, ...]:
    """Return the lines that were withdrawn from an order and not added again, by CHF id."""
    rows = tables.execute(
        f"SELECT line, outcome, revision, {_TO_PUT_ASIDE} FROM withdrawn_lines WHERE work_order = ? ORDER BY chf",  # noqa: S608 - our own words
        (order,),
    )
    return tuple(
        WithdrawnLine(
            read_line(line),
            None if outcome is None else Outcome(outcome),
            revision,
            bool(to_put_aside),
        )
        for line, outcome, revision, to_put_aside in rows
    )


def withdrawn_to_put_aside(tables: sqlite3.Connection, order: str) -> int:
    """Return how many hubs of withdrawn lines were seen on this bench and are yet to be put aside."""
    (hubs,) = tables.execute(
        f"SELECT count(*) FROM withdrawn_lines WHERE work_order = ? AND {_TO_PUT_ASIDE}",  # noqa: S608 - the same
        (order,),
    ).fetchone()
    return int(hubs)
