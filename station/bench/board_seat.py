"""The seat of a slot on a jig with an I/O board: presence, start and power as the board has them."""

from __future__ import annotations

import asyncio
from typing import Final

from drivers.errors import DriverError
from drivers.hub import HubDriver, HubIdentity
from drivers.jig_board.board import JigBoard
from station.bench.changes import Changes
from station.bench.coils import Coils
from station.bench.jig_inputs import Awaits, JigInputs

_DARK_SECONDS: Final = 1.0
"""How long a power cycle keeps a hub without power: its capacitors need a moment."""

_AGAIN_SECONDS: Final = 0.5
"""Between two tries to switch a slot."""

_STILL_THERE_SECONDS: Final = 0.5
"""How long a hub may take to speak against a switch that has opened."""


class BoardSeat:
    """One slot's seat. See `station.bench.seat.Seat` for what its methods promise."""

    def __init__(self, slot: int, board: JigBoard, inputs: JigInputs, changes: Changes, coils: Coils) -> None:
        self._slot = slot
        self._board = board
        self._inputs = inputs
        self._changes = changes
        self._coils = coils

    def present(self) -> bool | None:
        """Return the board's word, or None while it has none or contradicts itself."""
        return self._inputs.present(self._slot)

    @property
    def gives_power(self) -> bool:
        """Say True: the board switches it."""
        return True

    def awaits(self) -> Awaits | None:
        """Say what the hub here waits for, by the jig's start policy."""
        return self._inputs.awaits(self._slot)

    async def until_awaits_else(self, before: Awaits | None) -> None:
        """Wait for hub, lid or start button."""
        await self._changes.until(lambda: self.awaits() is not before)

    async def until_ready(self) -> None:
        """Wait for a hub, for the start that the policy asks for, and give the slot power.

        An empty slot loses the power that it may still have from before the station was started.
        """
        await self._changes.until(lambda: self.present() is not None or self._inputs.may_begin(self._slot))
        while self.present() is False:
            if await self._coils.switch(self._slot, on=False):
                break
            await asyncio.sleep(_AGAIN_SECONDS)
        while True:
            await self._changes.until(lambda: self._inputs.may_begin(self._slot))
            if await self._coils.switch(self._slot, on=True):
                return
            await asyncio.sleep(_AGAIN_SECONDS)

    async def until_removed(self, driver: HubDriver, hub: HubIdentity | None) -> None:
        """Wait until the switch opens, by the link while the board cannot say; then take the power away."""
        while True:
            present = self.present()
            if present:
                await self._changes.until(lambda: not self.present())
            elif present is None:
                if await self._gone_by_link(driver, hub):
                    break
            elif hub is not None and await _answers(driver, hub):
                self.doubt_switch()
            else:
                break
        await self._coils.switch(self._slot, on=False)

    async def until_emptied(self) -> None:
        """Wait for the switch to open."""
        await self._changes.until(lambda: self.present() is False)

    def doubt(self) -> str | None:
        """Say when switch and current, or switch and hub, do not agree."""
        return self._inputs.doubt(self._slot)

    async def until_doubt_changes(self) -> None:
        """Wait for switch and current to agree, or to disagree."""
        before = self.doubt()
        await self._changes.until(lambda: self.doubt() != before)

    def doubt_switch(self) -> None:
        """Take the hub's word against the switch's."""
        self._inputs.doubt_switch(self._slot)
        self._changes.tell()

    @property
    def gaps(self) -> int:
        """How often the switch went unwatched, or a hub was seated unseen."""
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

    async def _gone_by_link(self, driver: HubDriver, hub: HubIdentity | None) -> bool:
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


async def _answers(driver: HubDriver, hub: HubIdentity) -> bool:
    """Whether this very hub still says who it is."""
    try:
        async with asyncio.timeout(_STILL_THERE_SECONDS):
            found = await driver.identify()
    except (DriverError, TimeoutError):
        return False
    return found.device == hub.device
