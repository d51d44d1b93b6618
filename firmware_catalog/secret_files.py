"""One rule for every file that holds a secret: who may read it besides whoever needs it, and what to run where too many may.

It is the reader's own and nobody else's (0600 or 0400); or it is root's and its group may read it too (0640 or 0440),
which is how an administrator, or systemd's `LoadCredential=`, hands a secret to a service.
"""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path
from typing import Final

from firmware_catalog.files import read_regular_file

_ROOT: Final = 0
_OTHERS: Final = 0o077
_GROUP_MAY_READ: Final = 0o040


class SecretExposed(Exception):
    """A secret's file is open to others. The message is one line, from the file's path to what to run."""


def read_secret(path: Path, limit: int) -> bytes:
    """Return the bytes of a secret's file of `limit` bytes at most. A link is followed: its target is what counts.

    Raises SecretExposed, and OSError when it cannot be read.
    """
    target = Path(os.path.realpath(path))
    require_secrecy(target.stat(), path)
    content = read_regular_file(target, limit)
    require_secrecy(target.stat(), path)  # it may have been put there just now
    return content


def require_secrecy(status: os.stat_result, path: Path, user: int | None = None) -> None:
    """Hold a file's owner and mode against the rule, for this process's user or another. Raises SecretExposed."""
    user = os.geteuid() if user is None else user
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid not in {user, _ROOT} and user != _ROOT:
        raise SecretExposed(f"{path} belongs to another user; run: chown {_name(user)} {path}")
    handed_over = status.st_uid == _ROOT and user != _ROOT
    if mode & _OTHERS & ~(_GROUP_MAY_READ if handed_over else 0):
        wanted = "640" if handed_over else "600"
        raise SecretExposed(f"{path} can be read by other users; run: chmod {wanted} {path}")


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)
