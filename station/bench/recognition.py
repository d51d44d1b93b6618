"""Waiting for the hub in a slot to say who it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from drivers.errors import HubAction, NoAnswer
from drivers.hub import DeviceIdentity, ExplainsSilence, HubDriver
from station.bench.seat import Seat
from station.domain.reason import Reason


@dataclass(frozen=True, slots=True)
class Recognised:
    """A hub that has said who it is."""

    hub: DeviceIdentity
    gaps: int
    """How many gaps the seat had counted when it was asked: at a newer one it may be another."""
    boot_seconds: float | None = None
    """From its power until it said so; None where the seat gives none."""


async def recognise(
    driver: HubDriver,
    seat: Seat,
    seconds: float,
    on_doubt: Callable[[Reason | None], None],
    on_silence: Callable[[int | None], None],
) -> Recognised | None:
    """Return who sits in the slot, or None when it was taken out before it said so.

    Raises NoAnswer when something is seen to sit there and stays silent for `seconds`, and what the driver raises.
    `on_doubt` is told what speaks against a hub that seems to sit there, and None once nothing does; `on_silence` each
    time that nothing has answered for `seconds`, with the seat's gaps, and None once that holds no more.
    """
    asking = asyncio.create_task(_ask(driver, seat, seconds, on_silence))
    emptied = asyncio.create_task(seat.until_opened())
    doubting = asyncio.create_task(_tell_doubts(seat, on_doubt))
    try:
        await asyncio.wait((asking, emptied), return_when=asyncio.FIRST_COMPLETED)
        return asking.result() if asking.done() else None
    finally:
        for task in (asking, emptied, doubting):
            task.cancel()
        await asyncio.gather(asking, emptied, doubting, return_exceptions=True)
        on_silence(None)


async def _ask(
    driver: HubDriver, seat: Seat, seconds: float, on_silence: Callable[[int | None], None]
) -> Recognised:
    while True:
        gaps = seat.gaps
        try:
            async with asyncio.timeout(seconds):
                hub = await driver.wait_for_hub()
        except TimeoutError:
            # One whose board was away may have lost its power with it, and has its time anew.
            if not seat.present() or seat.gaps != gaps:
                on_silence(gaps)
                continue
            why = await driver.explain_silence() if isinstance(driver, ExplainsSilence) else None
            if seat.present() and seat.gaps == gaps:
                raise why or NoAnswer(
                    "what sits here does not answer, upside down, or a bad contact",
                    action=HubAction.WAIT,
                    state_known=True,
                ) from None
        else:
            on_silence(None)
            return Recognised(hub, gaps, seat.seconds_powered)


async def _tell_doubts(seat: Seat, tell: Callable[[Reason | None], None]) -> NoReturn:
    while True:
        await seat.until_doubt_changes()
        tell(seat.doubt())
