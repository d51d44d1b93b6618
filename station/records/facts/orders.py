"""Work orders: their lines, the jigs that work on them, and the outcome that counts for each hub."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from firmware_catalog.devices import Family, gpf_of
from firmware_catalog.identity import Eui64
from station.domain.actor import Actor
from station.domain.hub_facts import DeviceFacts
from station.domain.jig_order import JigOrder
from station.domain.label import ScannedLabel
from station.domain.order_line import ListedDevice, read_line
from station.domain.outcome import SUCCESSES, Outcome
from station.records.errors import EventRefused, OrderIsClosed
from station.records.facts.attempts import AttemptClosed
from station.records.facts.base import FROM_LATER, Fact, Written, require
from station.records.moments import utc_from_microseconds
from station.records.tables import UNFINISHED_IMPORT


class OrderImported(Fact):
    """A work order was read whole and found good. Its lines follow; with the last of them there is the order."""

    kind: Literal["order_imported"] = "order_imported"
    order: str
    source: str
    sha256: str
    hubs: int
    actor: Actor | None = FROM_LATER


class OrderLinesAdded(Fact):
    """Up to 1,000 lines of an order that is being imported."""

    kind: Literal["order_lines_added"] = "order_lines_added"
    order: str
    lines: tuple[ListedDevice, ...]


class OrderAssigned(Fact):
    """A jig works on this order from now on."""

    kind: Literal["order_assigned"] = "order_assigned"
    order: str
    jig: str
    actor: Actor | None = FROM_LATER


class OrderUnassigned(Fact):
    """A jig works on this order no more, and on none until it is given one."""

    kind: Literal["order_unassigned"] = "order_unassigned"
    order: str
    jig: str
    actor: Actor | None


class OrderClosed(Fact):
    """No further attempt is made for this order."""

    kind: Literal["order_closed"] = "order_closed"
    order: str
    reason: str
    actor: Actor | None = FROM_LATER


def apply(
    tables: sqlite3.Connection,
    written: Written,
    event: OrderImported | OrderLinesAdded | OrderAssigned | OrderUnassigned | OrderClosed,
) -> None:
    """Bring the tables up to this fact. Raises EventRefused."""
    match event:
        case OrderImported():
            _forget_unfinished_import(tables, event.order)
            require(
                tables.execute(
                    "INSERT OR IGNORE INTO orders VALUES (?, ?, ?, ?, ?, ?)",
                    (
                        event.order,
                        written.utc,
                        event.source,
                        event.sha256,
                        event.hubs,
                        UNFINISHED_IMPORT if event.hubs else None,
                    ),
                ),
                f"order {event.order} was imported before",
            )
        case OrderLinesAdded():
            try:
                tables.executemany(
                    "INSERT INTO order_lines VALUES (?, ?, ?, ?, NULL)",
                    (
                        (event.order, str(line.device_id), second_id(line), line.model_dump_json())
                        for line in event.lines
                    ),
                )
            except sqlite3.IntegrityError as error:
                raise EventRefused(
                    f"order {event.order}: a hub is on it twice, or the order itself was not imported"
                ) from error
            tables.execute(
                "UPDATE orders SET closed = NULL WHERE work_order = ?1 AND closed = ?2"
                " AND hubs = (SELECT count(*) FROM order_lines WHERE work_order = ?1)",
                (event.order, UNFINISHED_IMPORT),
            )
        case OrderAssigned():
            require_open_order(tables, event.order)
            tables.execute(
                "INSERT INTO jig_orders VALUES (?, ?) ON CONFLICT (jig) DO UPDATE SET work_order = excluded.work_order",
                (event.jig, event.order),
            )
        case OrderUnassigned():
            require(
                tables.execute(
                    "DELETE FROM jig_orders WHERE jig = ? AND work_order = ?", (event.jig, event.order)
                ),
                f"{event.jig} does not work on order {event.order}",
            )
        case OrderClosed():
            require_open_order(tables, event.order)
            tables.execute("UPDATE orders SET closed = ? WHERE work_order = ?", (event.reason, event.order))
            tables.execute("DELETE FROM jig_orders WHERE work_order = ?", (event.order,))


def second_id(line: ListedDevice) -> str:
    """Return the other id that a line is found by: a hub's GPF; of a bridge, which has no other, its one id once more."""
    return str(gpf_of(line.ids) or line.device_id)


def is_whole(tables: sqlite3.Connection, order: str) -> bool:
    """Whether all of the order's lines are there."""
    row = tables.execute("SELECT closed FROM orders WHERE work_order = ?", (order,)).fetchone()
    return row is not None and row[0] != UNFINISHED_IMPORT


def count(tables: sqlite3.Connection, event: AttemptClosed, *, by_any_id: bool) -> None:
    """Let the outcome count for the order's line, unless a success does already. By its CHF id alone if not `by_any_id`."""
    line = _line_of(tables, event) if by_any_id else None
    _count_for(tables, event, line or (str(event.chf) if event.chf else None))


def _count_for(tables: sqlite3.Connection, event: AttemptClosed, line: str | None) -> None:
    found = tables.execute(
        "SELECT outcome FROM order_lines WHERE work_order = ? AND chf = ?", (event.order, line)
    ).fetchone()
    if found is None or found[0] in SUCCESSES:
        return
    tables.execute(
        "UPDATE order_lines SET outcome = ? WHERE work_order = ? AND chf = ?",
        (event.outcome, event.order, line),
    )
    tables.execute(
        "UPDATE order_counts SET hubs = hubs - 1 WHERE work_order = ? AND outcome = ?",
        (event.order, found[0]),
    )
    tables.execute(
        "INSERT INTO order_counts VALUES (?, ?, 1) ON CONFLICT (work_order, outcome) DO UPDATE SET hubs = hubs + 1",
        (event.order, event.outcome),
    )
    tables.execute("DELETE FROM order_counts WHERE work_order = ? AND hubs = 0", (event.order,))


def _line_of(tables: sqlite3.Connection, event: AttemptClosed) -> str | None:
    """Find the order's line that a result is about: by the hub's own ids or, where it told none, by its label."""
    ids = (event.chf, event.gpf) if event.chf is not None else (event.scanned_id, event.scanned_id)
    for column, device in zip(("chf", "gpf"), ids, strict=True):
        found = tables.execute(
            f"SELECT chf FROM order_lines WHERE work_order = ? AND {column} = ?",  # noqa: S608 - one of two names
            (event.order, None if device is None else str(device)),
        ).fetchone()
        if found is not None:
            return str(found[0])
    return None


def require_open_order(tables: sqlite3.Connection, order: str) -> None:
    """Raise EventRefused where there is no such order, OrderIsClosed where it is closed."""
    found = tables.execute("SELECT closed FROM orders WHERE work_order = ?", (order,)).fetchone()
    if found in {None, (UNFINISHED_IMPORT,)}:
        raise EventRefused(f"there is no order {order}: import it first")
    if found[0] is not None:
        raise OrderIsClosed(order, found[0])


def _forget_unfinished_import(tables: sqlite3.Connection, order: str) -> None:
    """Make room for an order whose import was cut off before, by a kill or a full disk."""
    unfinished = "(SELECT work_order FROM orders WHERE work_order = ? AND closed = ?)"
    for table in ("order_lines", "orders"):
        tables.execute(f"DELETE FROM {table} WHERE work_order IN {unfinished}", (order, UNFINISHED_IMPORT))  # noqa: S608 - our own names


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSummary:
    """A work order and how far it is."""

    order: str
    imported: datetime
    source: str
    sha256: str
    hubs: int
    closed: str | None
    """The reason, once closed."""
    jigs: tuple[str, ...]
    outcomes: Mapping[Outcome, int]
    """Hubs of the order by the outcome that counts: a later one supersedes, but takes no success back."""

    @property
    def waiting(self) -> int:
        """Hubs of the order without any result."""
        return self.hubs - sum(self.outcomes.values())


@dataclass(frozen=True, slots=True)
class OrderLineState:
    """One hub of a work order, and the outcome that counts for the order."""

    order: str
    line: ListedDevice
    outcome: Outcome | None


def order_line_state(tables: sqlite3.Connection, order: str, *devices: Eui64) -> OrderLineState | None:
    """Return the order's line for the first of these devices that it lists, as a CHF or, failing that, as a GPF."""
    for device in devices:
        for column in ("chf", "gpf"):
            found = tables.execute(
                f"SELECT work_order, line, outcome FROM order_lines WHERE work_order = ? AND {column} = ?",  # noqa: S608 - one of two names
                (order, str(device)),
            ).fetchone()
            if found is not None:
                return _line_state(found)
    return None


def listed_device(
    tables: sqlite3.Connection, order: str | None, hub: DeviceFacts | None, label: ScannedLabel | None
) -> ListedDevice | None:
    """Return the order's line that lists the hub, by its CHF or its GPF; by its label if it does not say who it is."""
    if order is None:
        return None
    if hub is not None:
        state = order_line_state(tables, order, *hub.ids.every)
        return None if state is None else state.line
    state = None if label is None else order_line_state(tables, order, label.device_id)
    return state.line if label is not None and state is not None and label.names(state.line) else None


def order_lines(tables: sqlite3.Connection, order: str) -> tuple[OrderLineState, ...]:
    """Return every hub of an order, by CHF id: what an order is reconciled against."""
    rows = tables.execute(
        "SELECT work_order, line, outcome FROM order_lines WHERE work_order = ? ORDER BY chf", (order,)
    )
    return tuple(_line_state(row) for row in rows)


def lines_of(tables: sqlite3.Connection, device: Eui64) -> tuple[OrderLineState, ...]:
    """Return where any order lists this CHF or GPF id."""
    rows = tables.execute(
        "SELECT work_order, line, outcome FROM order_lines WHERE (chf = ?1 OR gpf = ?1)"
        " AND work_order IN (SELECT work_order FROM orders WHERE closed IS NOT ?2) ORDER BY work_order",
        (str(device), UNFINISHED_IMPORT),
    )
    return tuple(_line_state(row) for row in rows)


def _line_state(row: tuple[str, str, str | None]) -> OrderLineState:
    order, line, outcome = row
    return OrderLineState(order, read_line(line), None if outcome is None else Outcome(outcome))


def orders(tables: sqlite3.Connection) -> tuple[OrderSummary, ...]:
    """Return every work order, in the order of import."""
    rows = tables.execute(
        "SELECT work_order, imported, source, sha256, hubs, closed FROM orders WHERE closed IS NOT ?"
        " ORDER BY imported, work_order",
        (UNFINISHED_IMPORT,),
    ).fetchall()
    return tuple(
        OrderSummary(
            order=order,
            imported=utc_from_microseconds(imported),
            source=source,
            sha256=sha256,
            hubs=hubs,
            closed=closed,
            jigs=tuple(
                jig
                for (jig,) in tables.execute(
                    "SELECT jig FROM jig_orders WHERE work_order = ? ORDER BY jig", (order,)
                )
            ),
            outcomes={
                Outcome(outcome): count
                for outcome, count in tables.execute(
                    "SELECT outcome, hubs FROM order_counts WHERE work_order = ?", (order,)
                )
            },
        )
        for order, imported, source, sha256, hubs, closed in rows
    )


def open_orders(tables: sqlite3.Connection) -> int:
    """Return how many work orders are open."""
    found: tuple[int] = tables.execute("SELECT count(*) FROM orders WHERE closed IS NULL").fetchone()
    return found[0]


def listed_by_others(
    tables: sqlite3.Connection, order: str, lines: Iterable[ListedDevice]
) -> dict[str, list[Eui64]]:
    """Return which hubs of an order (by CHF id) other open orders list too, by either of their ids, by those orders."""
    found: dict[str, list[Eui64]] = {}
    for line in lines:
        rows = tables.execute(
            "SELECT DISTINCT work_order FROM order_lines JOIN orders USING (work_order)"
            " WHERE (chf IN (?1, ?2) OR gpf IN (?1, ?2)) AND work_order <> ?3 AND closed IS NULL",
            (str(line.device_id), second_id(line), order),
        )
        for (other,) in rows:
            found.setdefault(other, []).append(line.device_id)
    return found


@dataclass(frozen=True, slots=True)
class ListedElsewhere:
    """Another order that lists a hub."""

    order: str
    closed: bool
    jigs: tuple[str, ...]
    """Those that work on it."""

    def __str__(self) -> str:
        on = f" on {', '.join(self.jigs)}" if self.jigs else ""
        return f"order {self.order}{', which is closed' if self.closed else on}"


def listed_elsewhere(tables: sqlite3.Connection, order: str, *devices: Eui64) -> ListedElsewhere | None:
    """Return another order that lists one of these ids, an open one if any does; None where none is known to."""
    for device in devices:
        found = tables.execute(
            "SELECT work_order, closed IS NOT NULL FROM order_lines JOIN orders USING (work_order)"
            " WHERE (chf = ?1 OR gpf = ?1) AND work_order <> ?2 AND closed IS NOT ?3"
            " ORDER BY closed IS NOT NULL, imported DESC LIMIT 1",
            (str(device), order, UNFINISHED_IMPORT),
        ).fetchone()
        if found is not None:
            jigs = tables.execute(
                "SELECT jig FROM jig_orders WHERE work_order = ? ORDER BY jig", found[:1]
            ).fetchall()
            return ListedElsewhere(found[0], bool(found[1]), tuple(jig for (jig,) in jigs))
    return None


def jig_order(tables: sqlite3.Connection, jig: str) -> str | None:
    """Return the open order that the jig works on."""
    found = tables.execute("SELECT work_order FROM jig_orders WHERE jig = ?", (jig,)).fetchone()
    return None if found is None else str(found[0])


def orders_on_jigs(tables: sqlite3.Connection) -> dict[str, JigOrder]:
    """Return the open order of each jig that works on one, and how far it is."""
    rows = tables.execute(
        "SELECT jig, work_order, orders.hubs, total(order_counts.hubs) FILTER (WHERE outcome IN (?1, ?2)),"
        " total(order_counts.hubs), (SELECT json_extract(line, '$.bridge_type') FROM order_lines"
        " WHERE order_lines.work_order = jig_orders.work_order LIMIT 1) FROM jig_orders JOIN orders USING (work_order)"
        " LEFT JOIN order_counts USING (work_order) GROUP BY jig",
        SUCCESSES,
    )
    return {
        jig: JigOrder(
            order=order,
            family=Family.HUB if bridge_type is None else Family.BRIDGE,
            hubs=hubs,
            done=int(done),
            not_done=int(counted - done),
        )
        for jig, order, hubs, done, counted, bridge_type in rows
    }


def order_is_open(tables: sqlite3.Connection, order: str) -> bool:
    """Whether the order was imported and not closed since."""
    found = tables.execute("SELECT closed FROM orders WHERE work_order = ?", (order,)).fetchone()
    return found is not None and found[0] is None
