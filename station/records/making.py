"""A segment that is being made: under another name until it is whole, so that it is there or is not."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

from station.records.errors import JournalInDoubt
from station.records.files import open_folder, sync_file, sync_opened
from station.records.tables import segment_statements

Filled = TypeVar("Filled")


_PARTIAL: Final = ".partial"


def clear_away(folder: Path) -> None:
    """Remove what whoever died before has left of a segment. The folder must be held (`lock.hold`)."""
    with suppress(OSError):  # it is in nobody's way
        for left in folder.glob(f"journal-*{_PARTIAL}*"):
            left.unlink(missing_ok=True)


class SegmentInTheMaking:
    """An empty file, to become a segment by `lay_out` and to be filled through `connection`.

    Its methods raise sqlite3.Error or OSError; after that nothing but `discard` may follow.
    """

    def __init__(self, path: Path) -> None:
        """Begin the segment that is to lie at `path`."""
        self.path = path
        self._partial = path.with_name(path.name + _PARTIAL)
        self._partial.unlink(missing_ok=True)
        # SQLite gives the files beside it the same mode.
        os.close(os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640))
        try:
            self.connection = sqlite3.connect(self._partial, isolation_level=None)
        except sqlite3.Error:
            self._partial.unlink(missing_ok=True)
            raise
        try:
            # Durability comes from the syncs below.
            self.connection.execute("PRAGMA journal_mode = OFF")
            self.connection.execute("PRAGMA synchronous = OFF")
        except BaseException:
            self.discard()
            raise

    def lay_out(self) -> Iterator[None]:
        """Make every table, one at each step."""
        for statement in segment_statements():
            self.connection.execute(statement)
            yield

    def sync(self) -> None:
        """Have what was committed so far on the disk, so that less is left for the end. Not within a transaction."""
        sync_file(self._partial)

    def finish(self) -> None:
        """Give it its name, for good. Raises JournalInDoubt if it may be there or not."""
        # Left in the file's header, so that whoever opens it first need not change it.
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.close()
        sync_file(self._partial)
        with open_folder(self.path.parent) as folder:
            self._partial.rename(self.path)
            try:
                sync_opened(folder)
            except OSError as error:
                # It is not taken back: whoever reads may have gone on to it. And were it there at the next start, the rows
                # that the old segment took from now on would be lost.
                raise JournalInDoubt(self.path, error) from error

    def discard(self) -> None:
        """Leave nothing of it, unless the disk says no: the next start does. Without effect on one that is finished."""
        self.connection.close()
        with suppress(OSError):  # it would be told in place of what went wrong before
            self._partial.unlink(missing_ok=True)


def make_segment(path: Path, fill: Callable[[sqlite3.Connection], Filled]) -> Filled:
    """Make a segment whole or not at all, and return what `fill`, which writes its first rows, returns.

    Raises sqlite3.Error or OSError, JournalInDoubt if it may be there or not, and whatever `fill` raises, with no segment made.
    """
    made = SegmentInTheMaking(path)
    try:
        for _ in made.lay_out():
            pass
        filled = fill(made.connection)
        made.finish()
    finally:
        made.discard()
    return filled
