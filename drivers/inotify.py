"""The kernel's notices of files, inotify(7), by the library for it: `INotify` and `flags` come from here, ready for the event loop."""

from __future__ import annotations

import ctypes

import inotify_simple
from inotify_simple import INotify, flags

__all__ = ["INotify", "flags"]

# The first INotify would look for the C library by starting a process. It is loaded already.
inotify_simple._libc = ctypes.CDLL(None, use_errno=True)  # noqa: SLF001 - there is no public way
