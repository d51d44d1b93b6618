"""Scans from browsers: each page is a scanner of its own, whose lines are answered in words and with a sound."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict

from station.bench.labels import ScanRefused
from station.bench.scans import ScanSession
from station.control.client import ControlError
from station.desk.label_desk import ScansAtDesk
from station.domain.scan_said import ScanCode, ScanSaid
from station.screen.asking import Ask
from station.screen.mirror import Mirror
from station.texts.scans import scan_line

_MOST_PAGES: Final = 64
"""Pages whose chosen slot is remembered; the one that scanned longest ago gives way."""


class Kind(StrEnum):
    """What a scan's answer is to eye and ear."""

    TAKEN = "taken"
    REFUSED = "refused"
    PERSON = "person"
    """Somebody has to look: it speaks against what sits there, or it is not known what became of it."""


class ScanAnswer(BaseModel):
    """The answer to one scan."""

    model_config = ConfigDict(frozen=True)

    kind: Kind
    line: str


class Scans:
    """Follows the scanner of each page that is open."""

    def __init__(self, mirror: Mirror, ask: Ask) -> None:
        self._mirror = mirror
        self._ask = ask
        self._pages: OrderedDict[tuple[str, tuple[str, ...]], tuple[ScanSession, asyncio.Lock]] = (
            OrderedDict()
        )
        """By the page, and the jigs that the bench had when it scanned."""

    async def take(self, page: str, text: str) -> ScanAnswer:
        """Take one line that was scanned on a page, after those before it."""
        session, lock = self._page(page)
        async with lock:
            try:
                said = await session.read(text)
            except ScanRefused as refused:
                person = refused.said.code is ScanCode.DISAGREES
                return self._answer(Kind.PERSON if person else Kind.REFUSED, refused.said)
            except ControlError as error:
                return self._answer(Kind.PERSON, ScanSaid.words(str(error)))
        return ScanAnswer(kind=Kind.TAKEN, line="") if said is None else self._answer(Kind.TAKEN, said)

    def _answer(self, kind: Kind, said: ScanSaid) -> ScanAnswer:
        return ScanAnswer(kind=kind, line=scan_line(self._mirror.sentences.texts, said))

    def _page(self, page: str) -> tuple[ScanSession, asyncio.Lock]:
        jigs = tuple(self._mirror.jigs)
        key = page, jigs
        if key not in self._pages:
            own = jigs[0] if len(jigs) == 1 else None
            session = ScanSession(own, jigs, ScansAtDesk(self._ask), self._mirror.badge_prefix)
            self._pages[key] = session, asyncio.Lock()
        self._pages.move_to_end(key)
        while len(self._pages) > _MOST_PAGES:
            self._pages.popitem(last=False)
        return self._pages[key]
