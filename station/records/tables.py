"""What a segment file holds: the events, and the tables derived from them.

Only `events` is the record. Every other table follows from all events since the first segment by
`projection.apply`, is updated in the same transaction, and can be made again by `rebuild`.
"""

from __future__ import annotations

import sqlite3
from typing import Final

APPLICATION_ID: Final = 0x52464A4E
"""`RFJN` in the SQLite header: tells a journal from other databases."""

TABLES_VERSION: Final = 5
"""Kept as SQLite's user_version. Raise it with every change of the derived tables: see `upgrades.ADDITIONS`."""

UNFINISHED_IMPORT: Final = " import unfinished"
"""What stands as an order's `closed` until all of its lines are there: nobody can close an order for a reason that begins
with a space. Until then there is no such order for anybody."""

_OF_OPEN_ORDERS: Final = (
    "work_order IN (SELECT work_order FROM {of}.orders WHERE closed IS NULL OR closed = ' import unfinished')"
)
EVERY_OTHER_HUB: Final = "*"
"""Stands in `hubs` for each hub that has no row of its own, where answers may have been given that nobody knows of."""

KEPT: Final = {
    "order_lines": _OF_OPEN_ORDERS,
    "withdrawn_lines": _OF_OPEN_ORDERS,
    "attempts": f"closed IS NULL OR (work_order IS NOT NULL AND {_OF_OPEN_ORDERS})",
    # A hub that was opened after rows were lost, for as long as it is likely to come again.
    "hubs": (
        "wrong_answers > 0 OR EXISTS (SELECT 1 FROM {of}.order_lines"  # noqa: S608 - our own words
        f" WHERE order_lines.chf = hubs.chf AND {_OF_OPEN_ORDERS})"
    ),
    "package_labels": f"printed IS NULL OR {_OF_OPEN_ORDERS}",
    "outbox": (
        "acknowledged = 0"
        " OR number = (SELECT max(number) FROM {of}.outbox AS same WHERE same.kind = outbox.kind)"
    ),
    # The last number is not to be given again.
    "cartons": f"{_OF_OPEN_ORDERS} OR number = (SELECT max(number) FROM {{of}}.cartons)",  # noqa: S608 - the same
    "pallets": f"{_OF_OPEN_ORDERS} OR number = (SELECT max(number) FROM {{of}}.pallets)",  # noqa: S608 - the same
    "hub_places": f"iif(work_order IS NULL, left_at IS NULL, {_OF_OPEN_ORDERS})",
}
"""Which rows of a table a new segment takes over from the finished one; of other tables, all.

What is over stays behind, findable in the finished segment (an *archive*): a rotation takes as long after years as after
a week. `{of}` is the database that holds the table.
"""

ARCHIVES_SINCE: Final = 3
"""The version of the tables since which a finished segment may hold rows that the next has not."""

OUTBOX_SINCE: Final = 4
"""The version of the tables since which messages stand in `outbox`. Finished segments of the version before have results
alone, in a table of that name."""

PACKING_SINCE: Final = 4
"""The version of the tables since which there are places, cartons and pallets."""

REVISIONS_SINCE: Final = 4
"""The version of the tables since which an order may have more than one content."""

VOCABULARY_IS_KEPT: Final = 3
"""The version of the tables since which `station.vocabulary` says which facts the journal may hold."""

EVENTS: Final = """
CREATE TABLE events (
    sequence     INTEGER PRIMARY KEY,
    utc          INTEGER NOT NULL,  -- microseconds since 1970
    monotonic_ns INTEGER NOT NULL,  -- boot clock
    body         TEXT    NOT NULL,  -- canonical JSON
    hash         BLOB    NOT NULL
);
CREATE INDEX events_of_attempt ON events (json_extract(body, '$.attempt'))
    WHERE json_extract(body, '$.attempt') IS NOT NULL;
"""

TABLES_OF_3: Final = """
CREATE TABLE order_counts (             -- lines of the order by the outcome that counts
    work_order TEXT    NOT NULL,
    outcome    TEXT    NOT NULL,
    hubs       INTEGER NOT NULL,
    PRIMARY KEY (work_order, outcome)
) WITHOUT ROWID;
CREATE TABLE stopped_jigs (
    jig     TEXT    PRIMARY KEY,
    stopped INTEGER NOT NULL
);
CREATE TABLE slots_out_of_use (
    jig   TEXT    NOT NULL,
    slot  INTEGER NOT NULL,
    why   TEXT    NOT NULL,             -- Statement as JSON
    since INTEGER NOT NULL,
    PRIMARY KEY (jig, slot)
) WITHOUT ROWID;
CREATE TABLE slot_failures (            -- since the slot's last pass or enabling
    jig      TEXT    NOT NULL,
    slot     INTEGER NOT NULL,
    sequence INTEGER NOT NULL,          -- of the result
    hub      TEXT,                      -- CHF id or label; once, with its newest failure
    code     TEXT,
    PRIMARY KEY (jig, slot, sequence)
) WITHOUT ROWID;
CREATE TABLE release_results (          -- passed or failed, since the release was resumed
    manufacturer TEXT    NOT NULL,
    model        TEXT    NOT NULL,
    version      TEXT    NOT NULL,
    sequence     INTEGER NOT NULL,      -- of the result
    hub          TEXT    NOT NULL,      -- CHF id
    outcome      TEXT    NOT NULL,
    code         TEXT,
    PRIMARY KEY (manufacturer, model, version, sequence)
) WITHOUT ROWID;
"""
"""New with version 3."""

TABLES_OF_4: Final = """
CREATE TABLE outbox (
    sequence     INTEGER PRIMARY KEY,   -- of the row that is told
    kind         TEXT    NOT NULL,      -- of the message
    version      INTEGER NOT NULL,
    number       INTEGER NOT NULL,      -- station_sequence: each kind counts its own
    ordering_key TEXT,                  -- messages of one key leave in order
    acknowledged INTEGER NOT NULL DEFAULT 0,
    about        TEXT,                  -- as JSON, what is told and does not stand in that row
    UNIQUE (kind, number)
);
CREATE INDEX outbox_waiting ON outbox (kind, number) WHERE acknowledged = 0;
CREATE TABLE sent_again (               -- messages of finished segments that wait for the broker once more
    kind   TEXT    NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (kind, number)
) WITHOUT ROWID;
CREATE TABLE result_versions (          -- which one results are told in
    first_sequence INTEGER PRIMARY KEY, -- of the rows that are
    version        INTEGER NOT NULL
);
CREATE TABLE command_answers (          -- the newest, for commands that are sent again
    sequence INTEGER PRIMARY KEY,       -- of the answer
    key      TEXT    NOT NULL UNIQUE,
    command  TEXT    NOT NULL,
    sha256   TEXT    NOT NULL,          -- of the command
    answer   TEXT    NOT NULL           -- as JSON
);
CREATE TABLE cartons (
    number     INTEGER PRIMARY KEY,
    work_order TEXT    NOT NULL,
    sequence   INTEGER NOT NULL,        -- of the row that opened it
    opened     INTEGER NOT NULL,
    capacity   INTEGER NOT NULL,
    hubs       INTEGER NOT NULL DEFAULT 0,
    contents   TEXT,                    -- Contents as JSON, while there are any
    closed     INTEGER,
    reason     TEXT,                    -- why it was closed short
    held       TEXT,                    -- why nobody may use it
    pallet     INTEGER
);
CREATE INDEX cartons_by_order ON cartons (work_order);
CREATE INDEX cartons_by_pallet ON cartons (pallet) WHERE pallet IS NOT NULL;
CREATE TABLE pallets (
    number     INTEGER PRIMARY KEY,
    work_order TEXT    NOT NULL,
    sequence   INTEGER NOT NULL,
    opened     INTEGER NOT NULL,
    capacity   INTEGER NOT NULL,
    cartons    INTEGER NOT NULL DEFAULT 0,
    closed     INTEGER,
    reason     TEXT
);
CREATE INDEX pallets_by_order ON pallets (work_order);
CREATE TABLE hub_places (               -- where hubs were put, and until when
    sequence   INTEGER PRIMARY KEY,     -- of the row that says so
    placed     INTEGER NOT NULL,
    hub        TEXT    NOT NULL,        -- CHF id, or what its label says where nobody knows that
    gpf        TEXT,
    work_order TEXT,
    place      TEXT    NOT NULL,
    carton     INTEGER,
    reason     TEXT,
    actor      TEXT,
    left_at    INTEGER,                 -- none while it is there
    left_for   TEXT
);
CREATE UNIQUE INDEX hub_places_now ON hub_places (hub, coalesce(work_order, '')) WHERE left_at IS NULL;
CREATE INDEX hub_places_by_hub ON hub_places (hub);
CREATE INDEX hub_places_by_gpf ON hub_places (gpf);
CREATE INDEX hub_places_by_order ON hub_places (work_order, place) WHERE left_at IS NULL;
CREATE INDEX hub_places_by_carton ON hub_places (carton) WHERE left_at IS NULL AND carton IS NOT NULL;
CREATE TABLE recalled_cartons (         -- of orders that are over too
    carton INTEGER PRIMARY KEY
);
CREATE TABLE order_revisions (          -- of orders that were amended, the first included
    work_order TEXT    NOT NULL,
    revision   INTEGER NOT NULL,
    sha256     TEXT    NOT NULL,
    hubs       INTEGER NOT NULL,
    since      INTEGER NOT NULL,
    PRIMARY KEY (work_order, revision)
) WITHOUT ROWID;
CREATE TABLE withdrawn_lines (          -- that a revision took out of an order
    work_order TEXT    NOT NULL,
    chf        TEXT    NOT NULL,
    gpf        TEXT    NOT NULL,
    line       TEXT    NOT NULL,        -- ListedDevice as JSON
    outcome    TEXT,                    -- of the attempt that counts
    revision   INTEGER NOT NULL,        -- the one that withdrew it
    PRIMARY KEY (work_order, chf)
) WITHOUT ROWID;
CREATE TABLE signed_on (
    jig       TEXT    PRIMARY KEY,      -- empty for the bench
    pseudonym TEXT    NOT NULL,
    since     INTEGER NOT NULL
);
CREATE TABLE golden_hubs (
    chf      TEXT    PRIMARY KEY,
    gpf      TEXT    NOT NULL UNIQUE,
    enrolled INTEGER NOT NULL
);
CREATE TABLE golden_doubts (            -- hubs that are not known to be as they were; also retired ones, which may be enrolled again
    chf     TEXT    PRIMARY KEY,
    unended INTEGER NOT NULL            -- start of the check since which
);
CREATE TABLE golden_checks (            -- the newest of each slot
    sequence INTEGER PRIMARY KEY,       -- of its end
    jig      TEXT    NOT NULL,
    slot     INTEGER NOT NULL,
    utc      INTEGER NOT NULL,
    passed   INTEGER NOT NULL,
    body     TEXT    NOT NULL           -- GoldenCheckEnded as JSON
);
CREATE INDEX golden_checks_of_slot ON golden_checks (jig, slot);
CREATE TABLE check_lists (              -- the newest
    sequence INTEGER PRIMARY KEY,
    utc      INTEGER NOT NULL,
    body     TEXT    NOT NULL           -- CheckListSigned as JSON
);
CREATE TABLE package_labels (           -- of cartons and pallets
    asked      INTEGER PRIMARY KEY,     -- sequence of its PackageLabelAsked
    package    TEXT    NOT NULL,
    number     INTEGER NOT NULL,
    work_order TEXT    NOT NULL,
    sscc       TEXT,
    again      INTEGER NOT NULL,        -- there was one before
    begun      INTEGER NOT NULL,        -- how often it was sent
    printed    INTEGER
);
CREATE INDEX package_labels_of ON package_labels (package, number);
CREATE INDEX package_labels_by_sscc ON package_labels (sscc);
CREATE INDEX package_labels_waiting ON package_labels (asked) WHERE printed IS NULL;
"""
"""New with version 4."""

TABLES_OF_5: Final = """
CREATE TABLE wrong_pins (               -- since the last that was right
    pseudonym TEXT    NOT NULL,
    place     TEXT    NOT NULL,         -- where it was right before; empty for the bench, `elsewhere` for all others
    wrong     INTEGER NOT NULL,
    latest    INTEGER NOT NULL,
    PRIMARY KEY (pseudonym, place)
) WITHOUT ROWID;
"""
"""New with version 5."""

DERIVED: Final = """
CREATE TABLE station (
    journal    TEXT PRIMARY KEY,        -- the identity of its newest rows
    site       TEXT NOT NULL,
    station    TEXT NOT NULL,
    vocabulary INTEGER NOT NULL DEFAULT 1  -- the newest of its rows
);
CREATE TABLE identities (
    first_sequence INTEGER PRIMARY KEY, -- of the rows that are known by it
    journal        TEXT NOT NULL
);
CREATE TABLE segments (
    name          TEXT    PRIMARY KEY,  -- file name of a finished segment
    last_sequence INTEGER NOT NULL,
    last_hash     BLOB    NOT NULL
);
CREATE TABLE orders (
    work_order TEXT    PRIMARY KEY,
    imported   INTEGER NOT NULL,
    source     TEXT    NOT NULL,
    sha256     TEXT    NOT NULL,
    hubs       INTEGER NOT NULL,
    closed     TEXT                     -- the reason, once closed
);
CREATE TABLE order_lines (
    work_order TEXT NOT NULL REFERENCES orders,
    chf        TEXT NOT NULL,
    gpf        TEXT NOT NULL,
    line       TEXT NOT NULL,           -- ListedDevice as JSON
    outcome    TEXT,                    -- of the attempt that counts for the order
    PRIMARY KEY (work_order, chf),
    UNIQUE (work_order, gpf)
) WITHOUT ROWID;
CREATE INDEX order_lines_by_outcome ON order_lines (work_order, outcome);
CREATE INDEX order_lines_by_chf ON order_lines (chf);
CREATE INDEX order_lines_by_gpf ON order_lines (gpf);
CREATE TABLE jig_orders (
    jig        TEXT PRIMARY KEY,
    work_order TEXT NOT NULL REFERENCES orders
);
CREATE TABLE attempts (
    attempt      INTEGER PRIMARY KEY,   -- sequence of its AttemptOpened
    opened       INTEGER NOT NULL,
    work_order   TEXT,
    jig          TEXT    NOT NULL,
    slot         INTEGER NOT NULL,
    chf          TEXT,
    gpf          TEXT,
    scanned_id   TEXT,
    scanned_role TEXT,
    number       INTEGER NOT NULL,
    operator     TEXT,
    hub          TEXT,                  -- DeviceFacts as JSON while open
    plan         TEXT,                  -- array of StepTarget as JSON while open
    lost         INTEGER NOT NULL DEFAULT 0,
    closed       INTEGER,
    outcome      TEXT,
    stage        TEXT,
    code         TEXT,
    disposition  TEXT,
    boots        INTEGER,               -- the hub's boot counter at the end
    interrupted  TEXT,                  -- why the bench ended work on it, while open
    unsettled    TEXT,                  -- what could not be put right about the hub
    read_back    TEXT                   -- the version that it said last; none of attempts before vocabulary 3
);
CREATE INDEX attempts_open ON attempts (attempt) WHERE closed IS NULL;
CREATE INDEX attempts_by_chf ON attempts (chf, work_order);
CREATE INDEX attempts_by_gpf ON attempts (gpf);
CREATE INDEX attempts_by_scan ON attempts (scanned_id);
CREATE TABLE waiting_labels (           -- scanned, and their hubs not yet seen
    jig          TEXT    NOT NULL,
    slot         INTEGER NOT NULL,
    scanned_id   TEXT    NOT NULL,
    scanned_role TEXT,
    PRIMARY KEY (jig, slot)
) WITHOUT ROWID;
CREATE TABLE stages (                   -- of open attempts only
    attempt  INTEGER NOT NULL REFERENCES attempts,
    step     INTEGER NOT NULL,
    stage    TEXT    NOT NULL,
    running  INTEGER NOT NULL,          -- started and not ended
    failures INTEGER NOT NULL,          -- tries that ended with a code
    seconds  REAL    NOT NULL,          -- over all ended tries
    latest   INTEGER NOT NULL,          -- sequence of the last event
    PRIMARY KEY (attempt, step, stage)
) WITHOUT ROWID;
CREATE TABLE hubs (
    chf           TEXT    PRIMARY KEY,
    wrong_answers INTEGER NOT NULL      -- to unlock challenges, since the last that was right; or perhaps: see above
);
CREATE TABLE stopped_releases (
    manufacturer TEXT NOT NULL,
    model        TEXT NOT NULL,
    version      TEXT NOT NULL,
    why          TEXT NOT NULL,
    PRIMARY KEY (manufacturer, model, version)
) WITHOUT ROWID;
"""

FIND_SETS: Final = """
CREATE INDEX IF NOT EXISTS order_lines_by_premises ON order_lines (json_extract(line, '$.premises'))
    WHERE json_extract(line, '$.premises') IS NOT NULL;
"""
"""By which a scan at the packing table finds a bridge's set. No hub's line is in it. It came after version 5 and is made where it is
missing: an index holds nothing of its own, and a program that does not know of it keeps it up."""

_EVERY_DERIVED: Final = DERIVED + TABLES_OF_3 + TABLES_OF_4 + TABLES_OF_5 + FIND_SETS

DERIVED_TABLES: Final = (
    "station",
    "identities",
    "segments",
    "orders",
    "order_lines",
    "order_counts",
    "order_revisions",
    "withdrawn_lines",
    "jig_orders",
    "attempts",
    "waiting_labels",
    "stages",
    "hubs",
    "stopped_releases",
    "stopped_jigs",
    "slots_out_of_use",
    "slot_failures",
    "release_results",
    "outbox",
    "sent_again",
    "result_versions",
    "command_answers",
    "cartons",
    "pallets",
    "hub_places",
    "recalled_cartons",
    "signed_on",
    "wrong_pins",
    "package_labels",
    "golden_hubs",
    "golden_doubts",
    "golden_checks",
    "check_lists",
)
"""In an order that satisfies their references."""


def tables_version(segment: sqlite3.Connection) -> int:
    """Return the version of the tables in a segment, finished ones' included."""
    found: tuple[int] = segment.execute("PRAGMA user_version").fetchone()
    return found[0]


def segment_statements() -> tuple[str, ...]:
    """Return what makes every table of a segment in an empty database, statement by statement."""
    return (
        *_statements(EVENTS),
        *_statements(_EVERY_DERIVED),
        f"PRAGMA application_id = {APPLICATION_ID}",
        f"PRAGMA user_version = {TABLES_VERSION}",
    )


def create_segment(connection: sqlite3.Connection) -> None:
    """Make every table of a segment in an empty database."""
    for statement in segment_statements():
        connection.execute(statement)


def create_derived(connection: sqlite3.Connection) -> None:
    """Make the derived tables, empty. May run within a transaction."""
    run_script(connection, _EVERY_DERIVED)


def run_script(connection: sqlite3.Connection, script: str) -> None:
    """Run the statements of a script. Unlike `executescript`, this ends no transaction that is open."""
    for statement in _statements(script):
        connection.execute(statement)


def _statements(script: str) -> list[str]:
    return script.split(";\n")
