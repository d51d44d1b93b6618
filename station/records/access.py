"""Why this process may not write a journal's files: SQLite only says that it cannot."""

from __future__ import annotations

import os
import pwd
from contextlib import suppress
from pathlib import Path
from typing import Final

AS_ITS_USER: Final = "run this as the station's user: sudo -u reflash reflash ..."

_BESIDE: Final = ("", "-wal", "-shm")
"""What SQLite writes: the database, its log, and the log's index."""


def why_not_writable(path: Path) -> str | None:
    """Say what keeps this user from writing a journal's file or folder, and what to do; None if nothing is seen to.

    Opens nothing: to close a database's file would take its locks away from this whole process.
    """
    folder = path if os.path.isdir(path) else path.parent  # noqa: PTH112 - Path's own raises where it may not look
    try:
        if os.statvfs(folder).f_flag & os.ST_RDONLY:
            return (
                f"the file system of {folder} is read-only; mount it writable (dmesg may say why it is not)"
            )
        owner = folder.stat().st_uid
        for each in (folder, folder / "lock", *(path.with_name(path.name + end) for end in _BESIDE)):
            with suppress(FileNotFoundError):
                found = each.stat().st_uid
                if not os.access(each, os.W_OK, effective_ids=True):
                    return _not_ours(each, found, folder, owner)
    except PermissionError:
        return f"{folder} may not be looked into by user {_name(os.geteuid())}; {AS_ITS_USER}"
    except OSError:
        return None
    return None


def _not_ours(path: Path, owner: int, folder: Path, folder_owner: int) -> str:
    us = os.geteuid()
    what = f"{path} belongs to {_name(owner)}, and user {_name(us)} may not write it"
    if us == folder_owner != owner:
        return f"{what}; give it back: sudo chown {_name(us)} {folder}/*"
    return f"{what}; {AS_ITS_USER}"


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)
