"""Prints the labels that wait, one after the other, and keeps trying while there is a printer to try."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import structlog

from station.papers.label import Media, PackageLabel, drawing
from station.papers.zpl import zpl
from station.printing.places import LabelPlace, NotBegun, PrintedOrNot
from station.records.chain import RecordedEvent
from station.records.facts.package_labels import (
    AskedLabel,
    PackageLabelAsked,
    PackageLabelBegun,
    PackageLabelPrinted,
    waiting_package_labels,
)
from station.records.journal import Journal

RETRY_SECONDS: Final = 10.0

_log = structlog.stdlib.get_logger()


class LabelQueue:
    """Prints for as long as `run` runs. What it does not come to is printed after the next start."""

    def __init__(
        self,
        journal: Journal,
        content: Callable[[AskedLabel], Awaitable[PackageLabel | None]],
        place: LabelPlace,
        media: Media,
        show: Callable[[str | None], None],
        *,
        name: str,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        """`content` says what a label says by now; None where nobody knows its carton or pallet any more.

        `show` tells people what is amiss with the printer called `name`; None that nothing is.
        """
        self._journal = journal
        self._content = content
        self._place = place
        self._media = media
        self._show = show
        self._name = name
        self._retry_seconds = retry_seconds
        self._asked = asyncio.Event()
        self._told: str | None = None

    async def run(self) -> None:
        """Work until cancelled. Raises JournalError."""
        unsubscribe = self._journal.subscribe(self._hear)
        try:
            while True:
                self._asked.clear()
                trouble = await self._print_all()
                self._say(trouble)
                if trouble is None:
                    await self._asked.wait()
                else:
                    await asyncio.sleep(self._retry_seconds)
        finally:
            unsubscribe()

    def _hear(self, recorded: RecordedEvent) -> None:
        if isinstance(recorded.event, PackageLabelAsked):
            self._asked.set()

    async def _print_all(self) -> str | None:
        """Print what waits, up to the first that the printer does not take. Say what is amiss."""
        waiting = await self._journal.ask(waiting_package_labels)
        trouble = None
        for printed, asked in enumerate(waiting):
            worded = partial(self._worded, len(waiting) - printed)
            try:
                await self._print(asked, worded)
            except LookupError as unknown:
                trouble = worded(str(unknown))  # the others need not wait for it
            except (NotBegun, PrintedOrNot) as error:
                return worded(str(error))
        return trouble

    async def _print(self, asked: AskedLabel, worded: Callable[[str], str]) -> None:
        code = str(asked.code)
        content = await self._content(asked)
        if content is None:
            raise LookupError(f"{code} is in no books any more; bring the journal's finished segments back")
        label = zpl(drawing(content, self._media, asked.sent_before), self._media)
        begin = partial(self._journal.append, PackageLabelBegun(asked=asked.asked))
        try:
            await self._place.put(f"{code}-{asked.asked}", label, begin, lambda what: self._say(worded(what)))
        except PrintedOrNot as error:
            raise PrintedOrNot(
                f"{error}; the label of {code} may be there, and comes again as a copy: see that one is used"
            ) from error
        await self._journal.append(PackageLabelPrinted(asked=asked.asked))
        _log.info("label printed", code=code, copy=asked.sent_before)
        self._say(None)

    def _worded(self, waiting: int, what: str) -> str:
        return f"{self._name}: {what}; labels that wait: {waiting}"

    def _say(self, line: str | None) -> None:
        if line != self._told:
            self._told = line
            if line is not None:
                _log.error("label not printed", reason=line)
        self._show(line)
