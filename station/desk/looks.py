"""Looks into the journal beside whoever writes it, and lists told a page at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from drivers.threads import apart
from station.desk.refusals import NotFound
from station.records.reader import JournalReader

T = TypeVar("T")
_AT_ONCE: Final = 2
"""So many looks at once: a page that is asked for again and again keeps no core of the bench."""


class Looks:
    """Answers questions from one journal folder, each from one state of it, in a thread of its own."""

    def __init__(self, journal_folder: Path) -> None:
        """Prepare, on the event loop that waits for the answers."""
        self._folder = journal_folder
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def ask(self, question: Callable[[JournalReader], T]) -> T:
        """Return what the question finds. Raises JournalError, and what the question raises."""

        def read() -> T:
            with JournalReader(self._folder) as journal:
                return question(journal)

        return await self.apart("looking", read)

    async def apart(self, thread: str, work: Callable[[], T]) -> T:
        """Return what comes of work that reads something else beside the bench: there is one room for all of it.

        Raises what the work raises.
        """
        async with self._room:
            return await apart(thread, work)


def page_of(
    every: Sequence[T], name: Callable[[T], str], after: str | None, limit: int
) -> tuple[Sequence[T], str | None]:
    """Return those behind one of this name, and the name behind which to go on. Raises NotFound where it is gone."""
    begin = 0
    if after is not None:
        begin = next((at + 1 for at, each in enumerate(every) if name(each) == after), 0)
        if not begin:
            raise NotFound(f"there is no {after[:40]!r} any more: begin anew, without it")
    page = every[begin : begin + limit]
    return page, name(page[-1]) if page and begin + limit < len(every) else None
