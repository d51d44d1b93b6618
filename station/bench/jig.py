"""A jig with an I/O board: its slots' seats, their power and their lamps.

The emergency stop is hard-wired: the station only learns of it, leaves attempts open, and probes the hubs after
the release and a person's reset. An open lid while hubs are written is an alarm and never cuts anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import structlog

from drivers.hub import HubDriver, HubIdentity
from drivers.jig_board.board import JigBoard
from drivers.jig_board.errors import JigBoardError
from drivers.jig_board.events import BoardBack, BoardEvent, EmergencyStop
from drivers.jig_board.registers import Lamp
from drivers.jig_board.settings import JigBoardSettings
from station.bench.changes import Changes
from station.bench.jig_inputs import JigInputs, StartPolicy
from station.bench.view import BenchView, SlotPhase, SlotView

_LAMPS: Final = {
    SlotPhase.STARTING: Lamp.DARK,
    SlotPhase.NO_PORT: Lamp.RED,
    SlotPhase.EMPTY: Lamp.DARK,
    SlotPhase.WORKING: Lamp.BLUE,
    SlotPhase.PASSED: Lamp.GREEN,
    SlotPhase.ALREADY_CURRENT: Lamp.GREEN,
    SlotPhase.REJECTED: Lamp.AMBER,
    SlotPhase.FAILED: Lamp.RED,
    SlotPhase.PUT_ASIDE: Lamp.AMBER,
    SlotPhase.RESEAT: Lamp.AMBER,
    SlotPhase.FIND_HUB: Lamp.AMBER,
    SlotPhase.EMERGENCY_STOP: Lamp.DARK,
    SlotPhase.OUT_OF_USE: Lamp.RED,
    SlotPhase.STOPPED: Lamp.DARK,
}
_DARK_SECONDS: Final = 1.0
"""How long a power cycle keeps a hub without power: its capacitors need a moment."""

_log = structlog.stdlib.get_logger()


class Jig:
    """One jig's board and what hangs on it. `run` it for as long as the station works."""

    def __init__(self, name: str, settings: JigBoardSettings, policy: StartPolicy, view: BenchView) -> None:
        self._name = name
        self._view = view
        self._inputs = JigInputs(policy)
        self._board = JigBoard(name, settings, self._hear)
        self._changes = Changes()
        self._lamps: dict[int, Lamp] = {}
        self._lamps_due: set[int] = set()
        view.listen(self._see)

    def seat(self, slot: int) -> BoardSeat:
        """Return the seat of one slot."""
        return BoardSeat(slot, self._inputs, self._changes, self._power)

    def reset(self) -> None:
        """Take a person's word that the jig may work again after an emergency stop that was released."""
        self._inputs.reset()
        self._show_alarm()
        self._changes.tell()

    async def run(self) -> None:
        """Watch the board and keep power and lamps as they should be, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._board.run(), name=f"{self._name} board")
            group.create_task(self._keep_lamps(), name=f"{self._name} lamps")
            group.create_task(self._keep_dark(), name=f"{self._name} emergency stop")

    def _hear(self, event: BoardEvent) -> None:
        _log.debug("jig input", jig=self._name, input=str(event))
        self._inputs.apply(event)
        if isinstance(event, BoardBack):
            self._lamps_due.update(self._lamps)  # a board that was off has forgotten them
        if isinstance(event, EmergencyStop):
            _log.warning("emergency stop", jig=self._name)
        self._show_alarm()
        self._changes.tell()

    def _see(self, view: SlotView) -> None:
        if view.place.jig == self._name and self._lamps.get(view.place.slot) is not _LAMPS[view.phase]:
            self._lamps[view.place.slot] = _LAMPS[view.phase]
            self._lamps_due.add(view.place.slot)
            self._show_alarm()
            self._changes.tell()

    def _show_alarm(self) -> None:
        working = any(
            view.phase is SlotPhase.WORKING for view in self._view.slots() if view.place.jig == self._name
        )
        self._view.set_alarm(self._name, self._inputs.alarm(working=working))

    async def _keep_lamps(self) -> None:
        while True:
            await self._changes.until(lambda: self._inputs.online and bool(self._lamps_due))
            slot = self._lamps_due.pop()
            try:
                await self._board.set_lamp(slot, self._lamps[slot])
            except JigBoardError as error:
                _log.warning("lamp not set", jig=self._name, slot=slot, reason=str(error))

    async def _keep_dark(self) -> None:
        """Switch every slot off at an emergency stop, so that its release alone powers nothing."""
        while True:
            await self._changes.until(lambda: self._inputs.online and self._inputs.emergency)
            with suppress(JigBoardError):
                for number, powered in enumerate(await self._board.power(), start=1):
                    if powered:
                        await self._board.set_power(number, on=False)
            await self._changes.until(lambda: not self._inputs.emergency)

    async def _power(self, slot: int, on: bool) -> bool:
        """Switch one slot; its lamp is dark before it gets power. Returns whether the board did it."""
        try:
            await self._board.set_power(slot, on)
        except JigBoardError as error:
            _log.warning("power not switched", jig=self._name, slot=slot, on=on, reason=str(error))
            return False
        if on and slot in self._lamps:
            self._lamps_due.add(slot)  # switching on made it dark, whatever the slot has to show
            self._changes.tell()
        return True


class BoardSeat:
    """The seat of a slot on a jig with a board."""

    def __init__(
        self,
        slot: int,
        inputs: JigInputs,
        changes: Changes,
        power: Callable[[int, bool], Awaitable[bool]],
    ) -> None:
        self._slot = slot
        self._inputs = inputs
        self._changes = changes
        self._power = power

    def present(self) -> bool | None:
        """Return the board's word, or None while it is away or contradicts itself."""
        return self._inputs.present(self._slot)

    async def until_ready(self) -> None:
        """Wait for a hub, for the start that the policy asks for, and give the slot power.

        An empty slot loses the power that it may still have from before the station was started.
        """
        await self._changes.until(lambda: self.present() is not None or self._inputs.may_begin(self._slot))
        if self.present() is False:
            await self._power(self._slot, False)
        while True:
            await self._changes.until(lambda: self._inputs.may_begin(self._slot))
            if await self._power(self._slot, True):
                return
            await asyncio.sleep(_DARK_SECONDS)

    async def until_removed(self, driver: HubDriver, hub: HubIdentity | None) -> None:
        """Wait until the switch opens, by the link while the board cannot say; then take the power away."""
        while self.present() is not False:
            if self.present():
                await self._changes.until(lambda: not self.present())
            elif await self._gone_by_link(driver, hub):
                break
        await self._power(self._slot, False)

    async def until_emptied(self) -> None:
        """Wait for the switch to open."""
        await self._changes.until(lambda: self.present() is False)

    def doubt(self) -> str | None:
        """Say when the switch sees a hub and the current does not."""
        return self._inputs.doubt(self._slot)

    async def until_doubt_changes(self) -> None:
        """Wait for switch and current to agree, or to disagree."""
        before = self.doubt()
        await self._changes.until(lambda: self.doubt() != before)

    async def until_stopped(self) -> None:
        """Wait for an emergency stop."""
        await self._changes.until(lambda: self._inputs.stopped)

    async def power_cycle(self) -> bool:
        """Take the hub's power away for a moment. The caller knows that its flash is not being written."""
        if not await self._power(self._slot, False):
            return False
        await asyncio.sleep(_DARK_SECONDS)
        return await self._power(self._slot, True)

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
