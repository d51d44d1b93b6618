"""What an open that fails for want of file descriptors means, and what to do about it."""

from __future__ import annotations

import errno
import os
import resource
from contextlib import ExitStack

ENOUGH = 4096
"""What the shipped systemd unit allows (LimitNOFILE): several times what the largest bench needs."""


def shortage_in(error: BaseException | None) -> str | None:
    """Say in one line what to do if the error is for want of file descriptors; None if it is not.

    EMFILE: this process has all that it may have. ENFILE: the whole computer has. (open(2))
    """
    code = error.errno if isinstance(error, OSError) else None
    if code == errno.EMFILE:
        allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return f"no more file descriptors ({allowed} allowed): {how_to_raise()}"
    if code == errno.ENFILE:
        return "no more file descriptors on this computer: end other programs, or raise sysctl fs.file-max"
    return None


def shortage(wanted: int = 1) -> str | None:
    """Say in one line what to do if this process cannot open so many files just now; None if it can.

    For errors that do not say what they come from. Opens and closes the files.
    """
    try:
        with ExitStack() as opened:
            for _ in range(wanted):
                opened.callback(os.close, os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        return shortage_in(error)
    return None


def how_to_raise() -> str:
    """Say how this process gets more file descriptors: for good, and while it runs."""
    # Short: with what is lacking it has to fit into a slot's line.
    return f"raise LimitNOFILE or run, as root, prlimit --pid {os.getpid()} --nofile={ENOUGH}"
