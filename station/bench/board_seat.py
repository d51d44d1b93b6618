"""The seat of a slot on a jig with an I/O board: presence, start and power as the board has them."""

from __future__ import annotations

import asyncio
from typing import Final

from drivers.boot_clock import since_boot
from drivers.hub import DeviceIdentity, HubDriver
from drivers.jig_board.board import JigBoard
from drivers.jig_board.errors import JigBoardError
from station.bench.changes import Changes
from station.bench.coils import Coils
from station.bench.jig_inputs import Awaits, JigInputs
from station.domain.reason import Reason

_DARK_SECONDS: Final = 1.0
"""How long a power cycle keeps a hub without power: its capacitors need a moment."""

_AGAIN_SECONDS: Final = 0.5
"""Between two tries to switch a slot."""


class BoardSeat:
    """One slot's seat. See `station.bench.seat.Seat` for what its methods promise."""

    def __init__(self, slot: int, board: JigBoard, inputs: JigInputs, changes: Changes, coils: Coils) -> None:
        self._slot = slot
        self._board = board
        self._inputs = inputs
        self._changes = changes
        self._coils = coils
        self._may_have_power = True
        """It may still have it from before the station was started."""
        self._powered: float | None = None
        """When `until_ready` had power given, on the clock that nobody sets; None if the hub may have had it before."""
        self._started = False
        """`until_ready` has returned, for the hub that sits here unless `opened`."""
        self._openings_before = 0
        """How many openings are no news: the hub got its power, or was asked, after them."""

    def present(self) -> bool | None:
        """Return the board's word, or None while it has none, contradicts itself, or has not been asked for too long."""
        self._board.notice_a_gap()
        return self._inputs.present(self._slot)

    async def is_filled(self) -> bool:
        """Ask the board, whose last look may be half a second old."""
        try:
            return (await self._board.seated())[self._slot - 1]
        except JigBoardError:
            return False  # the watch finds out for itself

    @property
    def gives_power(self) -> bool:
        """Say True: the board switches it."""
        return True

    @property
    def seconds_powered(self) -> float | None:
        """Count from the coil that was switched for the hub that sits here, and was off before."""
        return None if self._powered is None or self.opened else since_boot() - self._powered

    def awaits(self) -> Awaits | None:
        """Say what the hub here waits for, by the jig's start policy. One that was started needs no second press."""
        awaits = self._inputs.awaits(self._slot)
        return Awaits.BOOT if awaits is Awaits.START and self._started and not self.opened else awaits

    async def until_awaits_else(self, before: Awaits | None) -> None:
        """Wait for hub, lid or start button."""
        await self._changes.until(lambda: self.awaits() is not before)

    async def until_ready(self) -> None:
        """Wait for a hub, for the start that the policy asks for, and give the slot power.

        A slot that is found empty loses the power that it may still have.
        """
        self._started = False
        tried: float | None = None
        while True:
            await self._changes.until(lambda: self._inputs.may_begin(self._slot) or self._powers_nobody())
            openings = self.openings
            if not self._inputs.may_begin(self._slot):
                await self.let_go()
                tried = None
                continue
            if self._coils.has_none(self._slot):
                tried = since_boot()
            self._may_have_power = True  # whatever becomes of it
            if await self._coils.switch(self._slot, on=True):
                self._started = True
                self._powered = tried
                self._openings_before = openings
                return
            await asyncio.sleep(_AGAIN_SECONDS)

    def is_safe(self) -> bool:
        """Whether stop and lid still allow it, as far as the board has been watched."""
        self._board.notice_a_gap()
        return self._inputs.is_safe()

    async def until_safe(self) -> None:
        """Wait for the board, and for the lid where the jig's start policy minds it."""
        await self._changes.until(lambda: self._inputs.is_safe() or self._gets_no_power())

    async def until_powered(self) -> None:
        """Give a hub the power that its board may have lost, once the board is known to be there."""
        while True:
            await self._changes.until(lambda: self._may_get_power() or self._gets_no_power())
            if self._gets_no_power():
                return
            self._may_have_power = True
            if await self._coils.switch(self._slot, on=True):
                return
            await asyncio.sleep(_AGAIN_SECONDS)

    async def until_removed(self, driver: HubDriver, hub: DeviceIdentity | None) -> None:
        """Wait until the switch has opened, and go by the link while the board cannot say."""
        while not self.opened or self.present() is None:
            if self.present() is None:
                if await self._gone_by_link(driver, hub):
                    self._inputs.trust_switch(self._slot)
                    self._changes.tell()
                    return
            else:
                await self._changes.until(lambda: self.opened or self.present() is None)

    async def let_go(self) -> None:
        """Switch the slot off, again and again, for as long as it is empty and may have power."""
        while self._powers_nobody():
            if await self._coils.switch(self._slot, on=False):
                self._may_have_power = False
            else:
                await asyncio.sleep(_AGAIN_SECONDS)

    @property
    def openings(self) -> int:
        """How often the switch was seen to open."""
        return self._inputs.openings[self._slot]

    @property
    def opened(self) -> bool:
        """Whether it was since the hub got its power, or was asked."""
        return self.openings > self._openings_before

    async def until_opened(self) -> None:
        """Wait for the switch to open, however short."""
        await self._changes.until(lambda: self.opened)

    def vouch(self, openings: int) -> None:
        """Take the hub's word against an opening of the switch, but not against one that came after its question."""
        if openings > self._openings_before:
            self._openings_before = openings
            if openings == self.openings:
                self._inputs.doubt_switch(self._slot)
            self._changes.tell()

    async def until_emptied(self) -> None:
        """Wait for the switch to open."""
        await self._changes.until(lambda: self.present() is False)

    async def until_filled(self) -> None:
        """Wait for the switch to close, or for the board to be lost."""
        await self._changes.until(lambda: self.present() is not False)

    def doubt(self) -> Reason | None:
        """Say when switch and current, or switch and hub, do not agree."""
        return self._inputs.doubt(self._slot)

    async def until_doubt_changes(self) -> None:
        """Wait for switch and current to agree, or to disagree."""
        before = self.doubt()
        await self._changes.until(lambda: self.doubt() != before)

    @property
    def gaps(self) -> int:
        """How often the switch went unwatched or moved, or a hub was seated unseen."""
        self._board.notice_a_gap()
        return self._inputs.gaps[self._slot]

    async def until_gap(self, after: int) -> None:
        """Wait for one more gap."""
        await self._changes.until(lambda: self._inputs.gaps[self._slot] > after)

    @property
    def stopped(self) -> bool:
        """Whether the jig waits for the release of its emergency stop, or for a reset."""
        return self._inputs.stopped

    async def until_stopped(self) -> None:
        """Wait for an emergency stop."""
        await self._changes.until(lambda: self._inputs.stopped)

    async def until_reset(self) -> None:
        """Wait for a person's reset after an emergency stop."""
        await self._changes.until(lambda: not self._inputs.stopped)

    async def power_cycle(self) -> bool:
        """Take the hub's power away for a moment. The caller knows that its flash is not being written.

        Whatever became of switching it off, power is given again until the board has done so: only an emergency
        stop, or a slot that was emptied, leaves it off.
        """
        was_off = await self._coils.switch(self._slot, on=False)
        if not was_off and not self._inputs.online:
            return False
        await asyncio.sleep(_DARK_SECONDS)
        while not await self._coils.switch(self._slot, on=True):
            if self.stopped or self.present() is False:
                return False
            await asyncio.sleep(_AGAIN_SECONDS)
        return was_off

    def _may_get_power(self) -> bool:
        """Whether power may be given, to what is known to sit here or is doubted."""
        return self._inputs.may_power() and (self.present() is not None or self.doubt() is not None)

    def _gets_no_power(self) -> bool:
        return self.stopped or self.present() is False

    def _powers_nobody(self) -> bool:
        return self._may_have_power and self.present() is False

    async def _gone_by_link(self, driver: HubDriver, hub: DeviceIdentity | None) -> bool:
        """Whether the link says that the hub is gone before the board can say anything again."""
        link = asyncio.ensure_future(driver.wait_for_removal(hub))
        board = asyncio.ensure_future(self._changes.until(lambda: self.present() is not None))
        try:
            await asyncio.wait((link, board), return_when=asyncio.FIRST_COMPLETED)
            if link.done():
                link.result()
            return link.done()
        finally:
            link.cancel()
            board.cancel()
            await asyncio.gather(link, board, return_exceptions=True)
