"""What makes an older program's tables into those of today where they lie, without a replay of the events."""

from __future__ import annotations

import sqlite3
from typing import Final

from station.records.tables import TABLES_OF_3, TABLES_OF_4, TABLES_OF_5, TABLES_VERSION, run_script

_ALTERED_BY_3: Final = """
ALTER TABLE station ADD COLUMN vocabulary INTEGER NOT NULL DEFAULT 1;
ALTER TABLE attempts ADD COLUMN interrupted TEXT;
ALTER TABLE attempts ADD COLUMN unsettled TEXT;
CREATE TABLE identities (
    first_sequence INTEGER PRIMARY KEY,
    journal        TEXT NOT NULL
);
INSERT INTO identities SELECT 1, journal FROM station;
CREATE TABLE sent_again (
    station_sequence INTEGER PRIMARY KEY
);
"""

_FILLED_BY_3: Final = """
INSERT INTO order_counts SELECT work_order, outcome, count(*) FROM order_lines
    WHERE outcome IS NOT NULL GROUP BY work_order, outcome;
"""

_ALTERED_BY_4: Final = """
ALTER TABLE results RENAME TO results_of_3;
ALTER TABLE sent_again RENAME TO sent_again_of_3;
ALTER TABLE attempts ADD COLUMN read_back TEXT;
"""

_FILLED_BY_4: Final = """
INSERT INTO outbox SELECT sequence, 'result', 1, station_sequence, hub, acknowledged, NULL FROM results_of_3;
DROP TABLE results_of_3;
INSERT INTO sent_again SELECT 'result', station_sequence FROM sent_again_of_3;
DROP TABLE sent_again_of_3;
CREATE TABLE wrong_pins (
    pseudonym TEXT    PRIMARY KEY,
    wrong     INTEGER NOT NULL,
    latest    INTEGER NOT NULL
);
"""

_ALTERED_BY_5: Final = """
ALTER TABLE wrong_pins RENAME TO wrong_pins_of_4;
"""

_FILLED_BY_5: Final = """
INSERT INTO wrong_pins SELECT pseudonym, '', wrong, latest FROM wrong_pins_of_4;
DROP TABLE wrong_pins_of_4;
"""

ADDITIONS: Final = {
    3: _ALTERED_BY_3 + TABLES_OF_3 + _FILLED_BY_3,
    4: _ALTERED_BY_4 + TABLES_OF_4 + _FILLED_BY_4,
    5: _ALTERED_BY_5 + TABLES_OF_5 + _FILLED_BY_5,
}
"""What makes tables of the version before into those of this one, in place: new tables and columns, filled if need be.

After them the tables must be what a replay of the events makes. What a new table holds may therefore only follow
from rows of the vocabulary that came with it (`station.vocabulary`), or be filled here. A change that cannot be made so
has no entry, and has the events replayed.
"""


def add_in_place(connection: sqlite3.Connection, version: int) -> bool:
    """Bring tables of this version up to date by additions alone, in one transaction; say whether that was possible."""
    steps = range(version + 1, TABLES_VERSION + 1)
    if not all(step in ADDITIONS for step in steps):
        return False
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in steps:
            run_script(connection, ADDITIONS[step])
        connection.execute(f"PRAGMA user_version = {TABLES_VERSION}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return True
