"""Work orders as requests: the same answers whether the daemon gives them or a command that holds the journal."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from typing import Any

from station.control import ControlError, Handler, Request
from station.orders.csv_import import parse_order
from station.orders.errors import OrderFileRefused, OrderRefused
from station.orders.life_cycle import (
    events_for_assignment,
    events_for_closing,
    events_for_import,
    find_order,
)
from station.orders.reconcile import reconcile
from station.records.journal import Journal


class OrderDesk:
    """Imports, assigns and closes work orders in one journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def handlers(self) -> dict[str, Handler]:
        """Return the requests it answers, by name."""
        return {
            "import_order": self._import,
            "assign_order": self._assign,
            "close_order": self._close,
        }

    async def _import(self, request: Request) -> Mapping[str, Any]:
        data = base64.b64decode(request["content"])
        try:
            file = await asyncio.to_thread(parse_order, data, request["source"], request["number"])
            events = events_for_import(file, await self._journal.orders())
        except (OrderFileRefused, OrderRefused) as error:
            raise ControlError(str(error)) from error
        if events:
            await self._journal.append(*events)
        return {"order": file.number, "hubs": len(file.lines), "new": bool(events)}

    async def _assign(self, request: Request) -> Mapping[str, Any]:
        try:
            order = find_order(await self._journal.orders(), request["order"])
            events = events_for_assignment(order, request["jig"])
        except OrderRefused as error:
            raise ControlError(str(error)) from error
        if events:
            await self._journal.append(*events)
        return {"order": order.order, "jig": request["jig"]}

    async def _close(self, request: Request) -> Mapping[str, Any]:
        number = request["order"]
        journal = self._journal
        try:
            order = find_order(await journal.orders(), number)
            standing = reconcile(number, await journal.order_lines(number), await journal.open_attempts())
            events = events_for_closing(
                order, standing, request["reason"], incomplete_accepted=request["incomplete_accepted"]
            )
        except OrderRefused as error:
            raise ControlError(str(error)) from error
        await journal.append(*events)
        return {"order": number, "standing": str(standing)}
