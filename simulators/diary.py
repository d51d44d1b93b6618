"""What happened on a rig, and when: for a judge who believes neither station nor hub.

Every entry is stamped with the boot clock, which all processes of the machine share. Entries are numbered; the oldest
are forgotten when there are too many.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Any, Final

_MOST_ENTRIES: Final = 500_000


class Diary:
    """Takes notes.

    `what` is one of these:

    | what | says |
    |---|---|
    | `seated`, `removed` | hub `chf` went into, or out of, `jig` and `slot` |
    | `condition` | what hub `chf` runs now, and whether that is confirmed, pending and locked |
    | `deed` | what was done to hub `chf` from outside: `answered` (an unlock answer came), `refused` (it was wrong, and counts), `unlocked`, `written`, `reset` |
    | `lamp` | the lamp of `jig` and `slot` shows `colour` |
    | `board` | the board of `jig` works (`works`) or does not; one spoilt answer is no reason not to |
    | `hands` | an act of a script of hands that could not be done, and why |
    """

    def __init__(self) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=_MOST_ENTRIES)
        self._count = 0

    @property
    def count(self) -> int:
        """How many entries were ever made."""
        return self._count

    def note(self, what: str, **facts: Any) -> None:
        """Enter something that has just happened."""
        self._count += 1
        self._entries.append({"at": boot_seconds(), "what": what, **facts})

    def since(self, number: int) -> list[dict[str, Any]]:
        """Return the entries from this number on, the first being 0. Raises ValueError when they are forgotten."""
        first = self._count - len(self._entries)
        if number < first:
            raise ValueError(f"the diary no longer holds entry {number}, it begins with {first}")
        return list(self._entries)[number - first :]


def boot_seconds() -> float:
    """Return the seconds since the machine's boot (CLOCK_BOOTTIME of clock_gettime(2))."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
