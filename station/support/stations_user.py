"""Whose eyes root looks through: the station's user's, for all that is the station's."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def as_owner_of(folder: Path) -> Iterator[None]:
    """Have root act as who owns this folder, in that user's groups; changes nothing for anybody else.

    What is made meanwhile is that user's, and may be used by the daemon; what that user may not do is found out. It holds
    for the whole process, threads included. Raises OSError.
    """
    user = _owner_of(folder)
    if os.geteuid() != 0 or user is None or user.st_uid == 0:
        yield
        return
    group, groups = os.getegid(), os.getgroups()
    try:
        try:
            known = pwd.getpwuid(user.st_uid)
            os.initgroups(known.pw_name, known.pw_gid)
            os.setegid(known.pw_gid)
        except KeyError:  # a user without a name has no groups but the folder's
            os.setgroups([user.st_gid])
            os.setegid(user.st_gid)
        os.seteuid(user.st_uid)
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


def _owner_of(folder: Path) -> os.stat_result | None:
    try:
        return folder.stat()
    except OSError:
        return None  # the station has made nothing yet
