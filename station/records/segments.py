"""The files of a journal: `journal-000001.sqlite` and on, one segment each.

Only the newest is written. An older one is finished: complete in its main file, with no write-ahead log
beside it. A new one is made under another name (`making`) and renamed when whole.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import Final

from station.records.errors import (
    UNREADABLE,
    JournalCorrupt,
    JournalNewer,
    JournalOutdated,
    SegmentMissing,
    journal_error,
)
from station.records.facts.events import VOCABULARY
from station.records.tables import (
    APPLICATION_ID,
    TABLES_VERSION,
    VOCABULARY_IS_KEPT,
    tables_version,
)

_NAME: Final = re.compile(r"journal-(\d{6})\.sqlite")
BUSY_TIMEOUT_S: Final = 10
SET_ASIDE: Final = ".set-aside-"
"""Between a journal folder's name and the time at which it was put away."""


def segment_path(folder: Path, number: int) -> Path:
    """Return where the segment of this number lies."""
    return folder / f"journal-{number:06d}.sqlite"


def segment_number(path: Path) -> int:
    """Return the number in a segment's name."""
    return int(path.name[8:14])


def segment_paths(folder: Path) -> list[Path]:
    """Return the segments in the folder, oldest first; none if it is not there. Raises JournalFailed."""
    try:
        paths = list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise journal_error(error, folder) from error
    return sorted(path for path in paths if _NAME.fullmatch(path.name))


def set_aside(folder: Path) -> bool:
    """Whether a journal that lay here was set aside. Raises JournalFailed where this user may not look."""
    try:
        return any(folder.parent.glob(f"{escape(folder.name)}{SET_ASIDE}*"))
    except OSError as error:
        raise journal_error(error, folder) from error


def is_there(path: Path) -> bool:
    """Whether a journal's file or folder is there. Raises JournalFailed where this user may not look."""
    try:
        return path.exists()
    except OSError as error:
        raise journal_error(error, path) from error


def open_for_writing(path: Path) -> sqlite3.Connection:
    """Open the newest segment, every commit durable on return. Raises JournalError."""
    connection = _connect(path, str(path))
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        # The writer moves the log into the file when it has nothing more urgent to do.
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute(f"PRAGMA journal_size_limit = {64 << 20}")
        check_kind(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise journal_error(error, path) from error
    except BaseException:
        connection.close()
        raise
    return connection


def fold_log(connection: sqlite3.Connection) -> bool:
    """Move the whole log into the file, and leave it empty. False if a reader is in the middle of it: it is not waited for."""
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    finally:
        # The commits that follow wait for a lock, whatever the disk said to this.
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000}")
    return not busy


def open_for_reading(path: Path, *, finished: bool) -> sqlite3.Connection:
    """Open a segment for reading, while another process may write to it. Raises JournalError."""
    if not is_there(path):
        raise SegmentMissing(path.parent, path.name)
    connection = _connect(path, read_only_uri(path, finished=finished), uri=True, check_same_thread=False)
    try:
        check_kind(connection, path)
    except UNREADABLE as error:
        connection.close()
        raise journal_error(error, path) from error
    except BaseException:
        connection.close()
        raise
    return connection


def open_up_to_date(path: Path) -> sqlite3.Connection:
    """Open the newest segment for reading its tables. Raises JournalOutdated while those are an older program's."""
    connection = open_for_reading(path, finished=False)
    if tables_version(connection) < TABLES_VERSION:
        connection.close()
        raise JournalOutdated(path)
    return connection


def _connect(path: Path, name: str, **options: bool) -> sqlite3.Connection:
    """Open the database file; look at nothing in it yet. Raises JournalError."""
    try:
        return sqlite3.connect(name, timeout=BUSY_TIMEOUT_S, isolation_level=None, **options)
    except sqlite3.Error as error:
        raise journal_error(error, path) from error


def read_only_uri(path: Path, *, finished: bool) -> str:
    """Name the segment to SQLite for reading only.

    A finished segment, or one on a read-only disk, is read as it lies, without any file beside it; but never past a
    log, which holds the newest facts: whoever died left it there, and whoever writes now is at it.
    """
    log = path.with_name(f"{path.name}-wal")
    as_it_lies = finished or not (os.access(path.parent, os.W_OK) or is_there(log))
    return f"{path.resolve().as_uri()}?mode=ro{'&immutable=1' if as_it_lies else ''}"


def check_kind(connection: sqlite3.Connection, path: Path) -> None:
    """Raise JournalCorrupt for a database that is no journal, JournalNewer for one of a newer program."""
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise JournalCorrupt(path, "this is no journal segment")
    # In a file from elsewhere these would act, or lie, in the journal's name.
    if connection.execute("SELECT 1 FROM sqlite_master WHERE type IN ('trigger', 'view')").fetchone():
        raise JournalCorrupt(path, "it holds triggers or views, which no journal has")
    version = tables_version(connection)
    if version > TABLES_VERSION:
        raise JournalNewer(path, "tables of version", version, TABLES_VERSION)
    if version >= VOCABULARY_IS_KEPT:
        (vocabulary,) = connection.execute("SELECT max(vocabulary) FROM station").fetchone()
        if vocabulary is not None and vocabulary > VOCABULARY:
            raise JournalNewer(path, "facts of vocabulary", vocabulary, VOCABULARY)


@contextmanager
def snapshot(connection: sqlite3.Connection, path: Path) -> Iterator[sqlite3.Connection]:
    """Read several times from one state of the segment. Raises JournalError."""
    try:
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
    except UNREADABLE as error:
        raise journal_error(error, path) from error
