"""Which work order each jig works on, and how far that is, for its slots' views."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import NoReturn

from station.bench.view import BenchView
from station.domain.jig_order import JigOrder
from station.records.chain import RecordedEvent
from station.records.facts.attempts import AttemptClosed
from station.records.facts.order_revisions import OrderRevised
from station.records.facts.orders import OrderAssigned, OrderClosed, OrderUnassigned

_MAY_CHANGE_IT = OrderAssigned | OrderUnassigned | OrderRevised | OrderClosed | AttemptClosed


class JigOrders:
    """Looks at the journal's tables at the start, and again after each fact that may have changed what they say."""

    def __init__(self, view: BenchView, look: Callable[[], Awaitable[Mapping[str, JigOrder]]]) -> None:
        """`look` returns the open order of each jig that has one."""
        self._view = view
        self._look = look
        self._heard = asyncio.Event()
        self._jigs: frozenset[str] = frozenset()

    def hear(self, recorded: RecordedEvent) -> None:
        """Take a recorded fact in."""
        if isinstance(recorded.event, _MAY_CHANGE_IT):
            self._heard.set()

    async def show(self) -> None:
        """Show what the tables say now."""
        found = await self._look()
        for jig in self._jigs | found.keys():
            self._view.set_order(jig, found.get(jig))
        self._jigs = frozenset(found)

    async def keep_showing(self) -> NoReturn:
        """Show it whenever it may have changed, until cancelled."""
        while True:
            self._heard.clear()
            await self.show()
            await self._heard.wait()
