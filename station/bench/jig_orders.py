"""Which work order each jig works on, for its slots' views."""

from __future__ import annotations

from collections.abc import Mapping

from station.bench.view import BenchView
from station.records.chain import RecordedEvent
from station.records.facts.orders import OrderAssigned, OrderClosed, OrderUnassigned


class JigOrders:
    """Follows the journal: its tables at the start, then each fact after its commit."""

    def __init__(self, view: BenchView) -> None:
        self._view = view
        self._orders: dict[str, str] = {}

    def recall(self, orders: Mapping[str, str]) -> None:
        """Begin with the open order of each jig that has one."""
        for jig, order in orders.items():
            self._set(jig, order)

    def hear(self, recorded: RecordedEvent) -> None:
        """Take a recorded fact in."""
        match recorded.event:
            case OrderAssigned(order=order, jig=jig):
                self._set(jig, order)
            case OrderUnassigned(jig=jig):
                self._set(jig, None)
            case OrderClosed(order=order):
                for jig in [jig for jig, worked_on in self._orders.items() if worked_on == order]:
                    self._set(jig, None)
            case _:
                pass

    def _set(self, jig: str, order: str | None) -> None:
        if order is None:
            self._orders.pop(jig, None)
        else:
            self._orders[jig] = order
        self._view.set_order(jig, order)
