"""The hubs that come to one slot: each is waited for until it has said who it is, at a time when it may be begun with."""

from __future__ import annotations

import asyncio
from functools import partial

from drivers.errors import DriverError, HubInSerialRecovery
from drivers.hub import HubDriver, WatchesPlace
from station.attempt.failure import is_out_of_reach
from station.attempt.recovery_boot import RecoveryBoot
from station.bench import slot_parts
from station.bench.changes import first_of
from station.bench.display import SlotDisplay
from station.bench.idling import Idling
from station.bench.recognition import Recognised, recognise
from station.bench.slot_parts import SlotParts
from station.bench.stops import WaitTeller
from station.domain.phase import SlotPhase
from station.domain.reason import Reason


class Arrivals:
    """Waits for hubs, and for what never said who it is to be gone again."""

    def __init__(
        self,
        parts: SlotParts,
        display: SlotDisplay,
        waits: WaitTeller,
        recovery_boot: RecoveryBoot,
        idling: Idling,
    ) -> None:
        self._parts = parts
        self._display = display
        self._waits = waits
        self._recovery_boot = recovery_boot
        self._idling = idling
        self._silent_at: int | None = None
        """The gaps of the seat when nothing had answered for as long as a hub takes to boot; None unless that is known."""

    @property
    def silent(self) -> bool:
        """Whether the link is listened to, and has been for a boot's time, and nothing has answered."""
        return self._silent_at is not None and self._silent_at == self._parts.seat.gaps

    async def next(self, driver: HubDriver) -> Recognised | None:
        """Wait for a hub to say who it is, at a time when it may be begun with; None if it was taken out, or stopped."""
        parts = self._parts
        while True:
            if parts.hindrance() is not None or self._is_unattended():
                await self._until_unhindered()
                # It may have been a long time: the hub was taken out, or an emergency stop took its power.
                await self.until_ready(driver)
            await self._idling.wait(self._waits.told_during(parts.seat.until_safe))
            try:
                recognised = await self._idling.wait(
                    self._waits.told_during(partial(self._recognised, driver))
                )
            except HubInSerialRecovery:
                if not self._may_begin() or await self._left_recovery(driver):
                    continue
                raise
            if recognised is not None and not self._may_begin():
                self._display.looking(recognised.hub)
            elif recognised is not None or not self._is_unattended():
                return recognised

    def _may_begin(self) -> bool:
        """Whether a hub that sits here may be begun with now: it may have been waited for all night."""
        return self._parts.hindrance() is None and not self._is_unattended() and self._parts.seat.is_safe()

    def _is_unattended(self) -> bool:
        """Whether somebody has to sign on here first."""
        return self._parts.duty.nobody_at(self._parts.place.jig)

    async def until_ready(self, driver: HubDriver) -> None:
        """Wait for a hub that may be looked at, and first for somebody who works here, where that is asked for."""
        while True:
            await self.until_attended()
            await self._idling.wait(self._waits.told_during(partial(self._until_ready, driver)))
            if not self._is_unattended():
                return

    async def _until_ready(self, driver: HubDriver) -> None:
        """Wait for a hub that may be looked at. Raises what says that the port is gone, which nobody has asked meanwhile."""
        seat = self._parts.seat
        lost = [driver.until_lost()] if isinstance(driver, WatchesPlace) else []
        await first_of(seat.until_ready(), self.until_unattended(), *lost)

    async def until_attended(self) -> None:
        """Wait for somebody who signs on, and say so; an emergency stop is told first."""
        parts, before = self._parts, self._display.now
        while not parts.seat.stopped and self._is_unattended():
            self._display.show(SlotPhase.UNATTENDED, Reason.UNATTENDED)
            signing_on = parts.duty.until_somebody_at(parts.place.jig)
            await self._idling.wait(first_of(signing_on, parts.seat.until_stopped()))
        if self._display.now is not before and not parts.seat.stopped:
            self._display.seat(parts.seat.awaits())

    async def until_unattended(self) -> None:
        """Return once everybody has left, but not while the emergency stop has to be told."""
        parts = self._parts
        while True:
            await parts.duty.until_nobody_at(parts.place.jig)
            if not parts.seat.stopped:
                return
            await parts.seat.until_reset()

    async def _recognised(self, driver: HubDriver) -> Recognised | None:
        seat, seconds = self._parts.seat, self._parts.recognition_seconds
        recognised: Recognised | None = await first_of(
            seat.until_stopped(),
            self.until_unattended(),
            recognise(driver, seat, seconds, self._show_doubt, self._heard_nothing),
        )
        return recognised

    async def _left_recovery(self, driver: HubDriver) -> bool:
        """Have a hub that waits in its boot loader boot, once; say whether there is any use in looking again."""
        parts = self._parts
        if not await parts.conductor.may_boot_unknown(
            self._parts.place, parts.outlook.label_at(self._parts.place)
        ):
            return False
        ordering = self._recovery_boot.order(driver)
        done = await self._idling.wait(
            first_of(parts.seat.until_stopped(), parts.seat.until_opened(), ordering)
        )
        return done is not False

    async def _until_unhindered(self) -> None:
        """Wait for as long as no hub may be begun with, and say why."""
        parts, before = self._parts, self._display.now
        while (hindrance := parts.hindrance()) is not None:
            self._display.show(SlotPhase.OUT_OF_USE, Reason(hindrance.reason), details=hindrance.details)
            await self._idling.wait(asyncio.sleep(slot_parts.ROOM_RETRY_SECONDS))
        if self._display.now is not before:
            self._display.seat(parts.seat.awaits())

    async def unknown_gone(self, driver: HubDriver) -> None:
        """Wait until what never said who it is was taken out; where a switch went unwatched, until a hub answers, too."""
        seat = self._parts.seat
        while True:
            gaps = seat.gaps
            await first_of(seat.until_removed(driver, None), seat.until_gap(gaps))
            if seat.gaps == gaps:
                return
            if seat.gives_power:  # without a board the link ends it at any answer
                break
        await first_of(_until_any_hub(driver), seat.until_emptied())
        if seat.present() is False:
            await seat.until_removed(driver, None)

    def _heard_nothing(self, gaps: int | None) -> None:
        self._silent_at = gaps

    def _show_doubt(self, doubt: Reason | None) -> None:
        if doubt is None:
            self._display.seat(self._parts.seat.awaits())
        else:
            self._display.show(SlotPhase.RESEAT, doubt)


async def _until_any_hub(driver: HubDriver) -> None:
    """Wait until a hub says who it is. Raises what says that the port itself is gone."""
    try:
        await driver.wait_for_hub()
    except DriverError as error:
        if is_out_of_reach(error):
            raise
        await asyncio.Event().wait()  # it is no more than it was
