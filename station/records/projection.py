"""From events to tables: the one place that knows what an event means for the derived tables.

`apply` looks at nothing but the event and the tables, so that applying the same events again in the same
order gives the same tables. It refuses what contradicts them: an attempt has one result, an order is imported
once, and nothing happens to an attempt that is not open. A refusal that joins later goes into `conditions`, which a
replay does not ask: else a journal that was accepted could not be read again.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Final, assert_never

from firmware_catalog.identity import Eui64
from station.domain.outcome import Outcome, Stage
from station.domain.slot_name import Place
from station.messages.topics import TopicError, Topics
from station.records.chain import RecordedEvent, microseconds_from_utc
from station.records.errors import AttemptHasResult, EventRefused
from station.records.events import (
    AttemptClosed,
    AttemptInterrupted,
    AttemptOpened,
    AttemptPlanned,
    AttemptResumed,
    CommandAnswered,
    HandFlashRequested,
    HubLost,
    JigReset,
    JigStopped,
    JournalCreated,
    JournalRestored,
    JournalUpgraded,
    LabelScanned,
    LabelTakenBack,
    OrderAssigned,
    OrderClosed,
    OrderImported,
    OrderLinesAdded,
    ReleaseResumed,
    ReleaseStopped,
    ResultsAcknowledged,
    ResultsRepublished,
    SegmentStarted,
    SlotEnabled,
    SlotTakenOutOfUse,
    StageEnded,
    StageStarted,
    StationStarted,
    StationStopped,
    UnlockAnswerDue,
    UnlockAnswerRefused,
    UnlockAnswersUnknown,
    UnlockAnswerVoid,
    UnlockUsed,
)
from station.records.tables import EVERY_OTHER_HUB, KEPT, UNFINISHED_IMPORT

SUCCESSES: Final = (Outcome.PASSED, Outcome.ALREADY_CURRENT)
"""Outcomes that settle a hub for its order: a later attempt on it cannot take them back."""

KEPT_OF_A_SLOT: Final = 100
"""So many of the newest failures in a slot are kept to be counted."""

KEPT_OF_A_RELEASE: Final = 1000
"""So many of a release's newest results are kept to be counted."""

KEPT_ANSWERS: Final = 4096
"""So many of the newest answers are kept for commands that are sent again."""

_PERHAPS_WRONG: Final = f"coalesce((SELECT wrong_answers FROM hubs WHERE chf = '{EVERY_OTHER_HUB}'), 0)"  # noqa: S608 - our own words
"""How many answers count against a hub that has no row of its own: its rows may have been lost."""

_COUNTED_FROM: Final = 2
"""The vocabulary since which failures are kept for slots and releases, and results count for a line by GPF or label too.

What was written before means what it meant then: tables brought up to date in place are what a replay makes."""


def apply(tables: sqlite3.Connection, recorded: RecordedEvent) -> None:
    """Bring the derived tables up to this event. Raises EventRefused, having written part of it at most."""
    match recorded.event:
        case JournalCreated() as event:
            tables.execute(
                "INSERT INTO station VALUES (?, ?, ?, ?)",
                (str(event.journal), event.site, event.station, event.vocabulary or 1),
            )
            tables.execute("INSERT INTO identities VALUES (?, ?)", (recorded.sequence, str(event.journal)))
        case JournalUpgraded() as event:
            tables.execute("UPDATE station SET vocabulary = ?", (event.vocabulary,))
        case JournalRestored() as event:
            tables.execute("UPDATE station SET journal = ?", (str(event.journal),))
            tables.execute("INSERT INTO identities VALUES (?, ?)", (recorded.sequence, str(event.journal)))
        case SegmentStarted() as event:
            tables.execute(
                "INSERT INTO segments VALUES (?, ?, ?)",
                (event.previous_segment, recorded.sequence - 1, bytes.fromhex(event.previous_hash)),
            )
            if _vocabulary(tables) >= _COUNTED_FROM:
                for table, kept in KEPT.items():
                    tables.execute(f"DELETE FROM {table} WHERE NOT ({kept.format(of='main')})")  # noqa: S608 - our own names
        case StationStarted() | StationStopped() | HandFlashRequested():
            pass
        case UnlockAnswersUnknown():
            # In any row of before: a hub with one wrong answer may have been given another since.
            tables.execute("UPDATE hubs SET wrong_answers = wrong_answers + 1")
            tables.execute("INSERT OR REPLACE INTO hubs VALUES (?, 1)", (EVERY_OTHER_HUB,))
        case CommandAnswered():
            _keep_answer(tables, recorded, recorded.event)
        case SlotTakenOutOfUse() | SlotEnabled() | JigStopped() | JigReset() as event:
            _apply_to_bench(tables, recorded, event)
        case OrderImported() | OrderLinesAdded() | OrderAssigned() | OrderClosed() as event:
            _apply_to_order(tables, recorded, event)
        case LabelScanned() as event:
            _take_label(tables, event)
        case LabelTakenBack() as event:
            jig, slot, label = event.place.jig, event.place.slot, str(event.scanned_id)
            _require(
                tables.execute(
                    "DELETE FROM waiting_labels WHERE jig = ? AND slot = ? AND scanned_id = ?",
                    (jig, slot, label),
                ),
                f"label {label} does not wait at {event.place} any more",
            )
        case AttemptOpened() as event:
            _open_attempt(tables, recorded, event)
        case AttemptClosed() as event:
            _close_attempt(tables, recorded, event)
        case (
            AttemptPlanned()
            | StageStarted()
            | StageEnded()
            | UnlockUsed()
            | UnlockAnswerDue()
            | UnlockAnswerVoid()
            | UnlockAnswerRefused()
            | HubLost()
            | AttemptInterrupted()
            | AttemptResumed() as event
        ):
            _apply_to_attempt(tables, recorded, event)
        case ReleaseStopped() as event:
            tables.execute(
                "INSERT OR REPLACE INTO stopped_releases VALUES (?, ?, ?, ?)",
                (event.manufacturer, event.model, str(event.version), event.why),
            )
        case ReleaseResumed() as event:
            _require(
                tables.execute(
                    "DELETE FROM stopped_releases WHERE manufacturer = ? AND model = ? AND version = ?",
                    (event.manufacturer, event.model, str(event.version)),
                ),
                f"release {event.version} of {event.manufacturer}/{event.model} is not stopped",
            )
            tables.execute(
                "DELETE FROM release_results WHERE manufacturer = ? AND model = ? AND version = ?",
                (event.manufacturer, event.model, str(event.version)),
            )
        case ResultsAcknowledged() as event:
            for station_sequence in event.station_sequences:
                if not 1 <= station_sequence <= _last_result(tables):
                    raise EventRefused(f"there is no result {station_sequence}")
                tables.execute(
                    "UPDATE results SET acknowledged = 1 WHERE station_sequence = ?", (station_sequence,)
                )
                tables.execute("DELETE FROM sent_again WHERE station_sequence = ?", (station_sequence,))
        case ResultsRepublished() as event:
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
            assert_never(recorded.event)


def _apply_to_order(
    tables: sqlite3.Connection,
    recorded: RecordedEvent,
    event: OrderImported | OrderLinesAdded | OrderAssigned | OrderClosed,
) -> None:
    match event:
        case OrderImported():
            _forget_unfinished_import(tables, event.order)
            _require(
                tables.execute(
                    "INSERT OR IGNORE INTO orders VALUES (?, ?, ?, ?, ?, ?)",
                    (
                        event.order,
                        microseconds_from_utc(recorded.utc),
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
                        (event.order, str(line.chf), str(line.gpf), line.model_dump_json())
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
            _require_open_order(tables, event.order)
            tables.execute(
                "INSERT INTO jig_orders VALUES (?, ?) ON CONFLICT (jig) DO UPDATE SET work_order = excluded.work_order",
                (event.jig, event.order),
            )
        case OrderClosed():
            _require_open_order(tables, event.order)
            tables.execute("UPDATE orders SET closed = ? WHERE work_order = ?", (event.reason, event.order))
            tables.execute("DELETE FROM jig_orders WHERE work_order = ?", (event.order,))


def _apply_to_bench(
    tables: sqlite3.Connection,
    recorded: RecordedEvent,
    event: SlotTakenOutOfUse | SlotEnabled | JigStopped | JigReset,
) -> None:
    match event:
        case SlotTakenOutOfUse(place=place):
            tables.execute(
                "INSERT OR REPLACE INTO slots_out_of_use VALUES (?, ?, ?)", (place.jig, place.slot, event.why)
            )
        case SlotEnabled(place=place):
            # A slot that a fault latched is enabled too, and stands in no table.
            tables.execute("DELETE FROM slots_out_of_use WHERE jig = ? AND slot = ?", (place.jig, place.slot))
            _forget_slot_failures(tables, place)
        case JigStopped():
            tables.execute(
                "INSERT OR IGNORE INTO stopped_jigs VALUES (?, ?)",
                (event.jig, microseconds_from_utc(recorded.utc)),
            )
        case JigReset():
            tables.execute("DELETE FROM stopped_jigs WHERE jig = ?", (event.jig,))


def _keep_answer(tables: sqlite3.Connection, recorded: RecordedEvent, event: CommandAnswered) -> None:
    answer = json.dumps(event.answer, sort_keys=True)
    tables.execute(
        "INSERT INTO command_answers VALUES (?, ?, ?, ?, ?)",
        (recorded.sequence, str(event.key), event.command, event.sha256, answer),
    )
    tables.execute(
        "DELETE FROM command_answers WHERE sequence <="
        " (SELECT sequence FROM command_answers ORDER BY sequence DESC LIMIT 1 OFFSET ?)",
        (KEPT_ANSWERS,),
    )


def _take_label(tables: sqlite3.Connection, event: LabelScanned) -> None:
    """Keep a label until its hub is seen, or with the newest attempt on the hub that it was held against."""
    jig, slot, label = event.place.jig, event.place.slot, str(event.scanned_id)
    if event.hub is not None:
        tables.execute(
            "UPDATE attempts SET scanned_id = ?, scanned_role = ?"
            " WHERE attempt = (SELECT max(attempt) FROM attempts WHERE chf = ?)",
            (label, event.scanned_role, str(event.hub)),
        )
        return
    # A label waits at one slot.
    tables.execute(
        "DELETE FROM waiting_labels WHERE scanned_id = ? AND scanned_role IS ?", (label, event.scanned_role)
    )
    tables.execute(
        "INSERT OR REPLACE INTO waiting_labels VALUES (?, ?, ?, ?)", (jig, slot, label, event.scanned_role)
    )


def _use_up_label(tables: sqlite3.Connection, place: Place, label: Eui64 | None) -> None:
    """Let no label wait for the hub that was just seen: neither this slot's, nor its own at any other."""
    tables.execute(
        "DELETE FROM waiting_labels WHERE (jig = ? AND slot = ?) OR scanned_id = ?",
        (place.jig, place.slot, None if label is None else str(label)),
    )


def _open_attempt(tables: sqlite3.Connection, recorded: RecordedEvent, event: AttemptOpened) -> None:
    hub = event.hub
    tables.execute(
        "INSERT INTO attempts (attempt, opened, work_order, jig, slot, chf, gpf, scanned_id, scanned_role,"
        " number, operator, hub, plan) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '[]')",
        (
            recorded.sequence,
            microseconds_from_utc(recorded.utc),
            event.order,
            event.place.jig,
            event.place.slot,
            str(hub.chf) if hub else None,
            str(hub.gpf) if hub else None,
            str(event.scanned_id) if event.scanned_id else None,
            event.scanned_role,
            event.number,
            event.operator,
            hub.model_dump_json() if hub else None,
        ),
    )
    _use_up_label(tables, event.place, event.scanned_id)


def _apply_to_attempt(
    tables: sqlite3.Connection,
    recorded: RecordedEvent,
    event: AttemptPlanned
    | StageStarted
    | StageEnded
    | UnlockUsed
    | UnlockAnswerDue
    | UnlockAnswerVoid
    | UnlockAnswerRefused
    | HubLost
    | AttemptInterrupted
    | AttemptResumed,
) -> None:
    _require_open_attempt(tables, event.attempt)
    match event:
        case AttemptPlanned():
            plan = json.dumps([step.model_dump(mode="json") for step in event.steps])
            tables.execute("UPDATE attempts SET plan = ? WHERE attempt = ?", (plan, event.attempt))
        case StageStarted():
            tables.execute(
                "INSERT INTO stages VALUES (?, ?, ?, 1, 0, 0, ?) ON CONFLICT (attempt, step, stage)"
                " DO UPDATE SET running = 1, latest = excluded.latest",
                (event.attempt, event.step, event.stage, recorded.sequence),
            )
        case StageEnded():
            failed = int(event.code is not None)
            tables.execute(
                "INSERT INTO stages VALUES (?, ?, ?, 0, ?, ?, ?) ON CONFLICT (attempt, step, stage)"
                " DO UPDATE SET running = 0, failures = failures + excluded.failures,"
                " seconds = seconds + excluded.seconds, latest = excluded.latest",
                (event.attempt, event.step, event.stage, failed, event.seconds, recorded.sequence),
            )
            if event.stage is Stage.UNLOCK and event.code is None:
                _hub_was_opened(tables, event.attempt)
        case UnlockAnswerDue() | UnlockAnswerRefused():
            tables.execute(
                f"INSERT INTO hubs VALUES (?, 1 + {_PERHAPS_WRONG}) ON CONFLICT (chf)"  # noqa: S608 - our own words
                " DO UPDATE SET wrong_answers = wrong_answers + 1",
                (str(event.chf),),
            )
        case UnlockAnswerVoid():
            tables.execute(
                "UPDATE hubs SET wrong_answers = wrong_answers - 1 WHERE chf = ?", (str(event.chf),)
            )
            tables.execute(
                f"DELETE FROM hubs WHERE chf = ? AND wrong_answers <= 0 AND {_PERHAPS_WRONG} = 0",  # noqa: S608 - the same
                (str(event.chf),),
            )
        case AttemptInterrupted():
            tables.execute(
                "UPDATE attempts SET interrupted = ? WHERE attempt = ?", (event.code, event.attempt)
            )
        case HubLost():
            tables.execute("UPDATE attempts SET lost = 1 WHERE attempt = ?", (event.attempt,))
        case AttemptResumed():
            tables.execute(
                "UPDATE attempts SET lost = 0, interrupted = NULL, jig = ?, slot = ? WHERE attempt = ?",
                (event.place.jig, event.place.slot, event.attempt),
            )
            if event.scanned_id is not None:
                tables.execute(
                    "UPDATE attempts SET scanned_id = ?, scanned_role = ? WHERE attempt = ?",
                    (str(event.scanned_id), event.scanned_role, event.attempt),
                )
            _use_up_label(tables, event.place, event.scanned_id)
        case UnlockUsed():
            pass
        case _:
            assert_never(event)


def _hub_was_opened(tables: sqlite3.Connection, attempt: int) -> None:
    """Let no answer count against the attempt's hub any more; keep that in mind where it is not so of every hub."""
    hub = "(SELECT chf FROM attempts WHERE attempt = ?)"
    tables.execute(f"DELETE FROM hubs WHERE chf = {hub}", (attempt,))  # noqa: S608 - our own words
    if tables.execute(f"SELECT {_PERHAPS_WRONG}").fetchone()[0]:
        tables.execute(f"INSERT INTO hubs VALUES ({hub}, 0)", (attempt,))  # noqa: S608 - the same


def _close_attempt(tables: sqlite3.Connection, recorded: RecordedEvent, event: AttemptClosed) -> None:
    _require_open_attempt(tables, event.attempt)
    site, station = tables.execute("SELECT site, station FROM station").fetchone()
    try:
        Topics(site, station).result(event.place)
    except TopicError as error:
        raise EventRefused(f"attempt {event.attempt} has no topic for its result: {error}") from error
    chf = str(event.chf) if event.chf else None
    gpf = str(event.gpf) if event.gpf else None
    scanned_id = str(event.scanned_id) if event.scanned_id else None
    tables.execute(
        "UPDATE attempts SET closed = ?, outcome = ?, stage = ?, code = ?, disposition = ?, boots = ?, jig = ?, slot = ?,"
        " chf = ?, gpf = ?, scanned_id = ?, scanned_role = ?, unsettled = ?, lost = 0, interrupted = NULL, hub = NULL, plan = NULL"
        " WHERE attempt = ?",
        (
            microseconds_from_utc(recorded.utc),
            event.outcome,
            event.stage,
            event.code,
            event.disposition,
            event.boots,
            event.place.jig,
            event.place.slot,
            chf,
            gpf,
            scanned_id,
            event.scanned_role,
            event.unsettled,
            event.attempt,
        ),
    )
    tables.execute("DELETE FROM stages WHERE attempt = ?", (event.attempt,))
    counted = _vocabulary(tables) >= _COUNTED_FROM
    _count_for_order(tables, event, (_line_of(tables, event) if counted else None) or chf)
    tables.execute(
        "INSERT INTO results (station_sequence, sequence, hub)"
        " SELECT coalesce(max(station_sequence), 0) + 1, ?, ? FROM results",
        (recorded.sequence, chf or scanned_id),
    )
    if counted:
        _count_for_slot(tables, recorded.sequence, event)
        _count_for_release(tables, recorded.sequence, event)


def _count_for_order(tables: sqlite3.Connection, event: AttemptClosed, line: str | None) -> None:
    """Let the outcome count for the order's line, unless a success does already."""
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


def _vocabulary(tables: sqlite3.Connection) -> int:
    found: tuple[int] = tables.execute("SELECT vocabulary FROM station").fetchone()
    return found[0]


def _last_result(tables: sqlite3.Connection) -> int:
    found: tuple[int] = tables.execute("SELECT coalesce(max(station_sequence), 0) FROM results").fetchone()
    return found[0]


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


def _count_for_slot(tables: sqlite3.Connection, sequence: int, event: AttemptClosed) -> None:
    """Keep which different hubs failed in the slot since its last pass."""
    jig, slot = event.place.jig, event.place.slot
    if event.outcome is Outcome.PASSED:
        _forget_slot_failures(tables, event.place)
    elif event.outcome is Outcome.FAILED:
        device = event.chf or event.scanned_id
        hub = str(device) if device else None
        tables.execute("DELETE FROM slot_failures WHERE jig = ? AND slot = ? AND hub = ?", (jig, slot, hub))
        tables.execute(
            "INSERT INTO slot_failures VALUES (?, ?, ?, ?, ?)", (jig, slot, sequence, hub, event.code)
        )
        tables.execute(
            "DELETE FROM slot_failures WHERE jig = ?1 AND slot = ?2 AND sequence <= (SELECT sequence FROM slot_failures"
            " WHERE jig = ?1 AND slot = ?2 ORDER BY sequence DESC LIMIT 1 OFFSET ?3)",
            (jig, slot, KEPT_OF_A_SLOT),
        )


def _forget_slot_failures(tables: sqlite3.Connection, place: Place) -> None:
    tables.execute("DELETE FROM slot_failures WHERE jig = ? AND slot = ?", (place.jig, place.slot))


def _count_for_release(tables: sqlite3.Connection, sequence: int, event: AttemptClosed) -> None:
    """Keep how the last hubs fared with the release."""
    if event.outcome not in {Outcome.PASSED, Outcome.FAILED} or event.chf is None:
        return
    if event.firmware_target is None or event.manufacturer is None or event.model is None:
        return
    release = (event.manufacturer, event.model, str(event.firmware_target))
    tables.execute(
        "INSERT INTO release_results VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*release, sequence, str(event.chf), event.outcome, event.code),
    )
    tables.execute(
        "DELETE FROM release_results WHERE manufacturer = ?1 AND model = ?2 AND version = ?3 AND sequence <= ("
        "SELECT sequence FROM release_results WHERE manufacturer = ?1 AND model = ?2 AND version = ?3"
        " ORDER BY sequence DESC LIMIT 1 OFFSET ?4)",
        (*release, KEPT_OF_A_RELEASE),
    )


def _require_open_attempt(tables: sqlite3.Connection, attempt: int) -> None:
    found = tables.execute("SELECT closed FROM attempts WHERE attempt = ?", (attempt,)).fetchone()
    if found is None:
        raise EventRefused(f"there is no attempt {attempt}")
    if found[0] is not None:
        raise AttemptHasResult(attempt)


def _require_open_order(tables: sqlite3.Connection, order: str) -> None:
    found = tables.execute("SELECT closed FROM orders WHERE work_order = ?", (order,)).fetchone()
    if found in {None, (UNFINISHED_IMPORT,)}:
        raise EventRefused(f"there is no order {order}: import it first")
    if found[0] is not None:
        raise EventRefused(f"order {order} is closed: {found[0]}")


def _forget_unfinished_import(tables: sqlite3.Connection, order: str) -> None:
    """Make room for an order whose import was cut off before, by a kill or a full disk."""
    unfinished = "(SELECT work_order FROM orders WHERE work_order = ? AND closed = ?)"
    for table in ("order_lines", "orders"):
        tables.execute(f"DELETE FROM {table} WHERE work_order IN {unfinished}", (order, UNFINISHED_IMPORT))  # noqa: S608 - our own names


def _require(done: sqlite3.Cursor, refusal: str) -> None:
    """Refuse the event if the statement found nothing to change."""
    if done.rowcount == 0:
        raise EventRefused(refusal)
