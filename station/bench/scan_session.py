"""What a scanner's lines mean, one after the other: it knows who reads it, and no slot."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from station.bench.labels import (
    ActCode,
    Badge,
    NewBox,
    ScanRefused,
    SignOffCode,
    SlotCode,
    Undo,
    read_scan,
)
from station.domain.destination import Destination
from station.domain.label import ScannedLabel
from station.domain.scan_said import ScanCode, ScanSaid
from station.domain.slot_name import SlotName
from station.packing.codes import PackageCode


class LabelTaker(Protocol):
    """Where scans go. Each answers what became of it, or raises ScanRefused."""

    async def take(self, jig: str, slot: int | None, label: ScannedLabel) -> ScanSaid:
        """Take a label scanned at a jig, for a slot or for whichever is meant."""
        ...

    async def take_back(self, jig: str, slot: int | None, label: ScannedLabel | None) -> ScanSaid:
        """Let a label wait no more: this one, or whichever waits at the slot."""
        ...

    async def sign_on(self, jig: str | None, badge: Badge) -> ScanSaid:
        """Have whoever has this badge work at a jig, or at the bench."""
        ...

    async def sign_off(self, jig: str | None) -> ScanSaid:
        """Have nobody work there any more."""
        ...


class ScanSession:
    """Follows one scanner: the code of a slot chooses the slot of the next label; undo takes the last label back.

    A badge signs its holder on, at the scanner's jig, at that of the slot scanned just before, or for the bench.
    """

    def __init__(
        self, jig: str | None, jigs: Collection[str], taker: LabelTaker, badge_prefix: str | None = None
    ) -> None:
        """Prepare; `jig` is where the scanner belongs, or None for one that serves several of the `jigs`."""
        self._own_jig = jig
        self._jigs = jigs
        self._taker = taker
        self._badge_prefix = badge_prefix
        self._chosen: SlotCode | None = None
        self._last: tuple[str, ScannedLabel] | None = None

    async def read(self, text: str) -> ScanSaid | None:
        """Take one line; return what became of it, None for an empty one. Raises ScanRefused."""
        if not text.strip():
            return None
        scan = read_scan(text, self._jigs, self._badge_prefix)
        chosen, self._chosen = self._chosen, None
        match scan:
            case SlotCode():
                return self._choose(scan)
            case Undo():
                return await self._undo(chosen)
            case Badge():
                return await self._taker.sign_on(self._jig_of(chosen), scan)
            case SignOffCode():
                return await self._taker.sign_off(self._jig_of(chosen))
            case ScannedLabel():
                return await self._take(chosen, scan)
            case PackageCode() | Destination() | ActCode():
                raise ScanRefused(ScanSaid(code=ScanCode.FOR_PACKING, detail=str(scan)))
            case NewBox():
                raise ScanRefused(ScanSaid(code=ScanCode.FOR_PACKING, detail=f"new {scan.package}"))

    def _choose(self, code: SlotCode) -> ScanSaid:
        jig = code.jig or self._own_jig
        if jig is None:
            example = self._example(code.slot)
            raise ScanRefused(ScanSaid(code=ScanCode.WHICH_JIG, number=code.slot, example=example))
        if jig not in self._jigs:
            raise ScanRefused(ScanSaid(code=ScanCode.NO_SUCH_JIG, named=jig, jigs=tuple(self._jigs)))
        self._chosen = SlotCode(jig, code.slot)
        return ScanSaid.at(SlotName(jig=jig, slot=code.slot), ScanCode.CHOSEN)

    def _jig_of(self, chosen: SlotCode | None) -> str | None:
        return chosen.jig if chosen is not None else self._own_jig

    async def _take(self, chosen: SlotCode | None, label: ScannedLabel) -> ScanSaid:
        jig = self._jig_of(chosen)
        if jig is None:
            raise ScanRefused(ScanSaid(code=ScanCode.WHICH_SLOT, example=self._example(3)))
        self._last = None
        answer = await self._taker.take(jig, chosen.slot if chosen else None, label)
        self._last = jig, label
        return answer

    async def _undo(self, chosen: SlotCode | None) -> ScanSaid:
        if chosen is not None and chosen.jig is not None:
            return await self._taker.take_back(chosen.jig, chosen.slot, None)
        if self._last is None:
            raise ScanRefused(ScanSaid(code=ScanCode.NOTHING_TO_UNDO))
        (jig, label), self._last = self._last, None
        return await self._taker.take_back(jig, None, label)

    def _example(self, slot: int) -> str:
        return f"{next(iter(self._jigs), 'jig1')}/{slot}"
