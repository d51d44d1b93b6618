"""One process at a time may write a journal."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from station.records.errors import JournalInUse, journal_error

LOCK_NAME: Final = "lock"


def is_held(folder: Path) -> bool:
    """Whether a process holds the folder. Makes and changes nothing there. Raises OSError where that cannot be seen."""
    try:
        descriptor = os.open(folder / LOCK_NAME, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Hold the journal folder, making it if need be, until the block ends or the process dies.

    Raises JournalInUse when another process, or another holder in this one, has it, and JournalFailed when
    the folder cannot be made or written. The kernel drops the lock with its holder, so none is ever stale.
    """
    try:
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o640)
    except OSError as error:
        raise journal_error(error, folder) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            text = os.pread(descriptor, 20, 0)
            raise JournalInUse(folder, int(text) if text.strip().isdigit() else None) from None
        if not _is_at(descriptor, folder / LOCK_NAME):
            raise JournalInUse(folder, None)  # a journal was put here, or taken away, since it was opened
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False
