"""What the emergency stop means for one slot, said while it lasts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import NoReturn, TypeVar

from station.bench.changes import first_of
from station.bench.display import SlotDisplay
from station.bench.outlook import Outlook
from station.bench.seat import Seat
from station.bench.view import SlotPhase

T = TypeVar("T")


class StopTeller:
    """Shows, in a slot in which no hub is worked on, what to do with the hub there, or with the one that left it."""

    def __init__(self, seat: Seat, display: SlotDisplay, outlook: Outlook) -> None:
        self._seat = seat
        self._display = display
        self._outlook = outlook

    async def told_during(self, work: Callable[[], Coroutine[object, object, T]]) -> T:
        """Do something that waits while the jig is stopped, and show meanwhile what the stop means here."""
        telling = asyncio.create_task(self._tell())
        try:
            return await work()
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    async def _tell(self) -> NoReturn:
        seat = self._seat
        while True:
            await seat.until_stopped()
            hub = self._outlook.sought(self._display.place)
            if seat.present() is not False:
                which = "the hub" if hub is None else f"hub {hub.chf}"
                line = f"emergency stop; leave {which} in, it is looked at after the reset"
                self._display.show(SlotPhase.EMERGENCY_STOP, line, hub)
                await first_of(seat.until_reset(), seat.until_emptied())
            else:
                what = "nothing begins here" if hub is None else f"find hub {hub.chf}; nothing begins here"
                line = f"emergency stop; {what} before the reset"
                self._display.show(SlotPhase.EMERGENCY_STOP, line, hub)
                await seat.until_reset()
            if not seat.stopped:
                self._display.empty()
