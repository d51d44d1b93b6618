"""The unlock answers that count against a hub, over all journals of a station.

docs/decisions says why answers in two journals are added up.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from drivers.errors import HubAction, UnlockAuthorityFailed
from drivers.threads import Worker
from firmware_catalog.identity import Eui64
from station.records.errors import JournalError
from station.records.facts.unlocks import wrong_unlock_answers
from station.records.journal import Journal
from station.records.reader import JournalReader
from station.records.segments import segment_paths

BY_HAND_FOLDER: Final = "by-hand"
"""Folder, below the state directory, of the journal of what is flashed by hand."""

_CLOSING_SECONDS: Final = 1.0
_READING_SECONDS: Final = 15.0
"""How long another journal of the station may take to say how many answers it counts."""


class CountedAnswers:
    """The answers that count against a hub in this process's journal and in the station's others.

    Used as a context, which ends the thread that reads the others.
    """

    def __init__(self, journal: Journal, others: Iterable[Path]) -> None:
        """`others` are the folders of the journals that other processes of this station write, made or not."""
        self._journal = journal
        self._others = tuple(others)
        self._worker = Worker("other journals")

    async def of(self, chf: Eui64) -> int:
        """Return how many there are. Raises UnlockAuthorityFailed when another journal cannot be read."""
        own = await self._journal.wrong_unlock_answers(chf)
        return own + sum([await self._in_other(folder, chf) for folder in self._others])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._worker.close(_CLOSING_SECONDS)

    async def _in_other(self, folder: Path, chf: Eui64) -> int:
        def read() -> int:
            if not segment_paths(folder):
                return 0
            with JournalReader(folder) as reader:
                return reader.ask(wrong_unlock_answers, chf)

        try:
            return await self._worker.run(read, _READING_SECONDS)
        except (JournalError, TimeoutError) as error:
            why = str(error) or f"no answer after {_READING_SECONDS:g} s"
            raise UnlockAuthorityFailed(
                f"hub {chf} is given no answer, for wrong ones may be counted in {folder}, which cannot be read ({why})",
                action=HubAction.UNLOCK,
                state_known=True,
            ) from error
