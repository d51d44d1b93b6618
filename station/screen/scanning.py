"""Scans from browsers: each page is a scanner of its own, whose lines are answered in words and with a sound."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict

from station.bench.labels import ActCode, ScanRefused, Undo, read_scan
from station.bench.scan_session import ScanSession
from station.control.client import ControlError
from station.desk.hub_story import SIX
from station.desk.refusals import RefusalCode, Refused
from station.desk.scans_at_desk import ScansAtDesk
from station.domain.label import ScannedLabel
from station.domain.scan_said import ScanCode, ScanSaid
from station.packing.codes import PackageCode
from station.screen.asking import Ask, AskFor, Who
from station.screen.mirror import Mirror
from station.screen.packing import Chosen, PackingTable
from station.texts.scans import scan_line

BENCH: Final = "bench"
PACK: Final = "pack"
SHIFT_START: Final = "shift-start"
_MOST_PAGES: Final = 64
"""Pages whose choices are remembered; the one that scanned longest ago gives way."""


class Kind(StrEnum):
    """What a scan's answer is to eye and ear."""

    TAKEN = "taken"
    DONE = "done"
    """A box is full, or closed."""
    REFUSED = "refused"
    PERSON = "person"
    """Somebody has to look: it speaks against what sits there, or it is not known what became of it."""


class ScanAnswer(BaseModel):
    """The answer to one scan."""

    model_config = ConfigDict(frozen=True)

    kind: Kind
    line: str
    code: str | None = None
    """What the page is to do itself: it was the code of a button."""
    go: str | None = None
    """The page that shows what was scanned."""
    hub: str | None = None
    """Of which hub a supervisor may decide."""
    chosen: Chosen | None = None
    """At the packing table: what takes the next scans."""


@dataclass(frozen=True, slots=True)
class _Page:
    bench: ScanSession
    table: PackingTable
    one_by_one: asyncio.Lock = field(default_factory=asyncio.Lock)


class Scans:
    """Follows the scanner of each page that is open."""

    def __init__(self, mirror: Mirror, ask: Ask) -> None:
        self._mirror = mirror
        self._ask = ask
        self._pages: OrderedDict[tuple[str, str, str, tuple[str, ...]], _Page] = OrderedDict()
        """By the page, who is signed on there, from where it comes, and the jigs that the bench had when it scanned."""

    async def take(self, page: str, who: Who, view: str, text: str) -> ScanAnswer:
        """Take one line that somebody scanned on a page, after those before it. What it means may depend on the view."""
        at = self._page(page, who)
        async with at.one_by_one:
            try:
                if view == PACK:
                    return await self._pack(at.table, text)
                if (answer := self._of_page(view, text)) is not None:
                    return answer
                said = await at.bench.read(text)
            except ScanRefused as refused:
                person = refused.said.code is ScanCode.DISAGREES
                return self._said(Kind.PERSON if person else Kind.REFUSED, refused.said)
            except Refused as refused:
                failed = refused.code is RefusalCode.FAILED
                chosen = at.table.chosen if view == PACK else None
                return ScanAnswer(
                    kind=Kind.PERSON if failed else Kind.REFUSED, line=str(refused), chosen=chosen
                )
            except ControlError as error:
                return ScanAnswer(kind=Kind.PERSON, line=str(error))
        return ScanAnswer(kind=Kind.TAKEN, line="") if said is None else self._said(Kind.TAKEN, said)

    def chosen(self, page: str, who: Who) -> Chosen | None:
        """Return what takes the next scans of a page at the packing table. Whoever only looks there begins no page."""
        known = self._pages.get(self._key(page, who))
        return None if known is None else known.table.chosen

    async def _pack(self, table: PackingTable, text: str) -> ScanAnswer:
        if not text.strip():
            return ScanAnswer(kind=Kind.TAKEN, line="", chosen=table.chosen)
        packed = await table.read(text, self._mirror.badge_prefix)
        return ScanAnswer(
            kind=Kind.PERSON if packed.call else Kind.DONE if packed.closed else Kind.TAKEN,
            line=packed.line,
            code=ActCode.SUPERVISOR if packed.call else None,
            hub=None if packed.hub is None else str(packed.hub),
            chosen=table.chosen,
        )

    def _of_page(self, view: str, text: str) -> ScanAnswer | None:
        """Answer what means the same on every page but the packing table; None for what the bench has to say."""
        digits = "".join(each for each in text if each.isalnum())
        if (
            view != BENCH
            and len(digits) == SIX
            and all(each in "0123456789ABCDEF" for each in digits.upper())
        ):
            return self._show("/hubs", find=digits)
        match scan := read_scan(text, self._mirror.jigs, self._mirror.badge_prefix) if text.strip() else None:
            case ActCode.SUPERVISOR:
                return ScanAnswer(kind=Kind.PERSON, line=self._say("supervisor_called"), code=scan)
            case ActCode() if view != BENCH:
                return ScanAnswer(kind=Kind.TAKEN, line=self._say("code_taken", code=scan), code=scan)
            case Undo() if view == SHIFT_START:
                return ScanAnswer(kind=Kind.TAKEN, line=self._say("code_taken", code="undo"), code="undo")
            case ScannedLabel() if view != BENCH:
                return self._show("/hubs", find=str(scan.device_id))
            case PackageCode() if view != BENCH:
                return self._show("/box", code=str(scan))
        return None

    def _show(self, path: str, **what: str) -> ScanAnswer:
        return ScanAnswer(kind=Kind.TAKEN, line=" ".join(what.values()), go=f"{path}?{urlencode(what)}")

    def _said(self, kind: Kind, said: ScanSaid) -> ScanAnswer:
        return ScanAnswer(kind=kind, line=scan_line(self._mirror.sentences.texts, said))

    def _say(self, key: str, **values: object) -> str:
        return self._mirror.sentences.texts.say("screen", key, **values)

    def _key(self, page: str, who: Who) -> tuple[str, str, str, tuple[str, ...]]:
        return page, who.secret, who.place.peer, tuple(self._mirror.jigs)

    def _page(self, page: str, who: Who) -> _Page:
        key = self._key(page, who)
        jigs = key[-1]
        if key not in self._pages:
            own = jigs[0] if len(jigs) == 1 else None
            ask = AskFor(self._ask, who)
            session = ScanSession(own, jigs, ScansAtDesk(ask), self._mirror.badge_prefix)
            table = PackingTable(ask, self._say, self._mirror.jig_orders)
            self._pages[key] = _Page(session, table)
        self._pages.move_to_end(key)
        while len(self._pages) > _MOST_PAGES:
            self._pages.popitem(last=False)
        return self._pages[key]
