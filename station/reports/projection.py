"""The reports' file, brought up to where the journal is, slice by slice.

Each slice is one transaction with the cursor in it: whoever is killed goes on where the last one ended. What is there and
cannot be gone on with (damaged, another program's, of a journal that lies here no more) is made anew.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from uuid import UUID

from station.records.errors import UNREADABLE
from station.reports.account import Account
from station.reports.errors import ReportError, ReportsUnusable, report_error
from station.reports.progress import read_cursor, read_progress, write_progress
from station.reports.source import Cursor, Source
from station.reports.tables import FILE_NAME, create, insert, is_ours

SLICE_ROWS: Final = 2_000
"""In one transaction, when there is much to be caught up with."""
_BREATH: Final = 16
"""Events between two breaths: well below a millisecond's work."""


class BeingProjected(ReportError):
    """Another process is at this file just now. Nothing needs to be done: it goes on."""


class Projection:
    """Writes one folder's reports from one journal, in one thread. Every method may raise ReportError.

    Several processes may do so by turns: each slice begins with what the file says.
    """

    def __init__(
        self, folder: Path, journal: Path, *, room: int, made_anew: Callable[[str], object] = lambda _: None
    ) -> None:
        """Prepare. `room` bytes of the disk are left free: the journal's own need comes first.

        `made_anew` is told why, whenever the file is.
        """
        self._folder = folder
        self._path = folder / FILE_NAME
        self._source = Source(journal)
        self._room = room
        self._made_anew = made_anew
        self._file: sqlite3.Connection | None = None
        self._inode: tuple[int, int] | None = None
        self._cursor = Cursor(UUID(int=0), 0, b"")
        self._account = Account()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        self._source.close()

    @property
    def sequence(self) -> int:
        """How far in the journal it is."""
        return self._cursor.sequence

    def step(self, rows: int, breathe: Callable[[], object] = lambda: None) -> int:
        """Take so many rows of the journal in, or what is left of them; return how many. 0: it is up to date.

        `breathe` is called every now and then, that others may have the processor; what it raises ends the slice.

        Raises BeingProjected while another process has the file.
        """
        with self._held():
            try:
                self._require_room()
                file = self._opened()
                file.execute("BEGIN IMMEDIATE")
                try:
                    return self._take(file, rows, breathe)
                finally:
                    if file.in_transaction:
                        file.execute("ROLLBACK")
            except (*UNREADABLE, OSError) as error:
                self._close()
                raise report_error(error, self._path) from error
            except BaseException:
                self._close()
                raise

    def _take(self, file: sqlite3.Connection, rows: int, breathe: Callable[[], object]) -> int:
        before = self._cursor
        taken = self._source.after(before, rows)
        if taken is None:
            return 0
        for number, recorded in enumerate(taken.events(), start=1):
            insert(file, self._account.hear(recorded))
            if number % _BREATH == 0:
                breathe()
        write_progress(file, taken.cursor, self._account)
        file.execute("COMMIT")
        self._cursor = taken.cursor
        return taken.cursor.sequence - before.sequence

    def _opened(self) -> sqlite3.Connection:
        """Return the file, which may have been deleted or written by another process since."""
        if self._file is None or self._inode != _inode(self._path):
            self._close()
            try:
                self._file = self._open()
            except ReportsUnusable as unusable:
                self._made_anew(str(unusable))
                self._file = self._make()
            self._inode = _inode(self._path)
        elif read_cursor(self._file) != self._cursor:
            self._cursor, self._account = read_progress(self._file)
        return self._file

    def _open(self) -> sqlite3.Connection:
        """Open what is there. Raises ReportsUnusable if it cannot be gone on with."""
        if not self._path.exists():
            raise ReportsUnusable(f"{self._path} is not there")
        try:
            file = _connect(self._path)
            try:
                self._take_up(file)
            except BaseException:
                file.close()
                raise
        except UNREADABLE as error:
            raise report_error(error, self._path) from error
        return file

    def _take_up(self, file: sqlite3.Connection) -> None:
        if not is_ours(file):
            raise ReportsUnusable(f"{self._path} is another version's")
        if file.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise ReportsUnusable(f"{self._path} is damaged")
        self._cursor, self._account = read_progress(file)
        if not self._source.holds(self._cursor):
            raise ReportsUnusable(f"{self._path} is of a journal that lies here no more")

    def _make(self) -> sqlite3.Connection:
        begins = self._source.begins()
        for end in ("", "-wal", "-shm"):
            self._path.with_name(FILE_NAME + end).unlink(missing_ok=True)
        # SQLite gives the files beside it the same mode.
        os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640))
        file = _connect(self._path)
        try:
            file.execute("BEGIN")
            create(file)
            self._cursor, self._account = begins, Account()
            write_progress(file, self._cursor, self._account)
            file.execute("COMMIT")
        except BaseException:
            file.close()
            raise
        return file

    def _close(self) -> None:
        if self._file is not None:
            with suppress(sqlite3.Error):  # what was committed stays, whatever the disk says now
                self._file.close()
            self._file = None

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Keep other processes from this folder meanwhile. Its lock is the folder's own: there is no file to be left."""
        try:
            self._folder.mkdir(mode=0o750, exist_ok=True)
            descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise report_error(error, self._path) from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BeingProjected(
                    f"{self._path} is being brought up to date by another process"
                ) from error
            yield
        finally:
            os.close(descriptor)

    def _require_room(self) -> None:
        free = shutil.disk_usage(self._folder).free
        if free < self._room:
            raise ReportError(
                f"only {free >> 20} MiB free in {self._folder}, and they leave {self._room >> 20} to the journal; free some "
                "disk space, they go on by themselves"
            )


def _connect(path: Path) -> sqlite3.Connection:
    file = sqlite3.connect(path, timeout=1, isolation_level=None)
    try:
        # Readers keep their state while this goes on. What a power cut takes is made again.
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        file.close()
        raise
    return file


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
