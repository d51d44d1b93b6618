"""What a slot waits for in which no hub is worked on: the jig's start, or the end of an emergency stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import NoReturn, TypeVar

from station.bench.changes import first_of
from station.bench.display import UNKNOWN_HUB, UNSURE, SlotDisplay
from station.bench.outlook import Outlook
from station.bench.seat import Seat
from station.domain.phase import SlotPhase
from station.domain.reason import Reason

T = TypeVar("T")


class WaitTeller:
    """Shows, in a slot in which no hub is worked on, what to do with the hub there, or with the one that left it."""

    def __init__(self, seat: Seat, display: SlotDisplay, outlook: Outlook) -> None:
        self._seat = seat
        self._display = display
        self._outlook = outlook

    async def told_during(
        self,
        work: Callable[[], Coroutine[object, object, T]],
        port_is_sound: Callable[[], bool] = lambda: True,
    ) -> T:
        """Do something that waits, and show meanwhile what the hub here waits for, or what a stop means here.

        Where the port itself is not to be had, that is what the slot shows: there nothing is said of its hub.
        """
        telling = asyncio.create_task(self._tell(port_is_sound))
        try:
            return await work()
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    async def _tell(self, port_is_sound: Callable[[], bool]) -> NoReturn:
        seat, display = self._seat, self._display
        while True:
            if seat.stopped:
                await self._tell_stop()
            awaits = seat.awaits()
            sound = port_is_sound()
            unsure = sound and display.phase in UNSURE
            emptied = unsure and seat.present() is False
            if sound and (awaits is not None or emptied or display.phase in UNKNOWN_HUB):
                display.seat(awaits)
                unsure = False
            news = [seat.until_stopped(), seat.until_awaits_else(awaits)]
            await first_of(*news, *([seat.until_emptied()] if unsure else []))

    async def _tell_stop(self) -> None:
        seat = self._seat
        while seat.stopped:
            hub = self._outlook.sought(self._display.place)
            if seat.present() is not False:
                self._display.show(SlotPhase.EMERGENCY_STOP, Reason.STOP_WITH_HUB, hub)
                await first_of(seat.until_reset(), seat.until_emptied())
            else:
                reason = Reason.STOP_EMPTY if hub is None else Reason.STOP_WITHOUT_HUB
                self._display.show(SlotPhase.EMERGENCY_STOP, reason, hub)
                await first_of(seat.until_reset(), seat.until_filled())
        self._display.empty()
