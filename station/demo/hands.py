"""The technician's part: does what the operator's line of each slot asks for."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Final

from firmware_catalog.identity import Eui64
from station.demo.rigs import Rigs
from station.domain.phase import SlotPhase
from station.domain.slot_name import SlotName
from station.domain.slot_view import SlotView

_SEARCHES: Final = 3
"""How often a hub that went silent is found and seated again before it is put aside."""

_TAKE_OUT: Final = frozenset(
    {
        SlotPhase.PASSED,
        SlotPhase.ALREADY_CURRENT,
        SlotPhase.PASSED_BEFORE,
        SlotPhase.REJECTED,
        SlotPhase.FAILED,
    }
)


class Hands:
    """Takes finished hubs out, puts the next ones in, and finds those that went missing."""

    def __init__(self, rigs: Rigs) -> None:
        self._rigs = rigs
        self._asked: asyncio.Queue[SlotView] = asyncio.Queue()
        self._searches: Counter[Eui64] = Counter()
        self._noticed: set[SlotName] = set()
        """Slots whose hub is, or will be, taken out: a result that is shown again is no second request."""
        self.put_aside: set[Eui64] = set()
        """Hubs that stayed silent however often they were seated."""

    def see(self, view: SlotView) -> None:
        """Read a slot's line; act on it when `work` comes to it."""
        if view.phase in {SlotPhase.EMPTY, SlotPhase.WORKING}:
            self._noticed.discard(view.place)
        elif view.phase is SlotPhase.FIND_HUB:
            self._asked.put_nowait(view)
        elif view.phase in _TAKE_OUT and view.place not in self._noticed:
            self._noticed.add(view.place)
            self._asked.put_nowait(view)

    async def work(self) -> None:
        """Serve the slots until cancelled."""
        while True:
            view = await self._asked.get()
            if view.phase is SlotPhase.FIND_HUB and view.chf is not None:
                self._searches[view.chf] += 1
                if self._searches[view.chf] <= _SEARCHES:
                    await self._rigs.reseat(view.place, view.chf)
                    continue
                self.put_aside.add(view.chf)
            await self._rigs.swap(view.place)
