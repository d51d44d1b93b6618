"""What can go wrong with the reports. Each message is one line: what, where, what to do next.

Nothing here ever is the journal's own trouble: a station that cannot keep its reports works on.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from drivers.descriptors import shortage, shortage_in
from station.records.errors import DAMAGED, LOCKED, MAY_BE_SHORT, NO_ROOM, JournalError


class ReportError(Exception):
    """The reports cannot be kept, or be read."""


class ReportsUnusable(ReportError):
    """The file is there and is not what this program keeps of this journal: whoever may write makes it anew."""


_FILES: Final = 3
"""What SQLite holds for one connection: database, log and its index."""


def report_error(error: sqlite3.Error | UnicodeDecodeError | OSError, path: Path) -> ReportError:
    """Say in the reports' own terms what SQLite or the system says of this file or folder."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the primary code; the rest is detail
    if isinstance(error, UnicodeDecodeError) or code in DAMAGED:
        return ReportsUnusable(f"{path} is damaged; delete it, it is made again: rm {path}")
    if code == sqlite3.SQLITE_FULL or (isinstance(error, OSError) and error.errno in NO_ROOM):
        return ReportError(f"no room for {path}: free some disk space, it goes on by itself")
    if code in LOCKED:
        return ReportError(
            f"{path} is locked by another program: close it (fuser {path}), it goes on by itself"
        )
    short = shortage_in(error) if isinstance(error, OSError) else None
    if code in MAY_BE_SHORT:
        short = shortage(_FILES)
    if short is not None:
        return ReportError(f"{path}: {short}")
    if code == sqlite3.SQLITE_IOERR:
        return ReportError(
            f"{path}: {error}; check that its disk is mounted, writable and sound (reflash doctor)"
        )
    what = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
    return ReportError(
        f"{path}: {what}; give the folder back to the station's user, writable, or delete it: it is made again"
    )


def journal_unreadable(error: JournalError) -> ReportError:
    """Say that the reports have nothing to go by. Theirs must not be taken for the journal's own trouble, which ends a station."""
    return ReportError(f"the journal cannot be read for the reports: {error}")
