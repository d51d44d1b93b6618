"""Slot power of one jig: given where it may be, given back where the board lost it, and surely off at a stop."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, NoReturn

import structlog

from drivers.jig_board.board import JigBoard
from drivers.jig_board.errors import JigBoardError
from station.bench.changes import Changes
from station.bench.jig_inputs import JigInputs
from station.domain.interlock import Interlock, interlock
from station.domain.reason import Reason

_AGAIN_SECONDS: Final = 0.25
"""Between two tries to switch what would not be switched."""

_RESTORE_TRIES: Final = 3
"""So often a slot is switched again that the board acknowledged and did not switch."""

_log = structlog.stdlib.get_logger()


class Coils:
    """The power coils of a jig of `slots` slots. `keep_off` and `keep_on` run for as long as the station works."""

    def __init__(
        self,
        jig: str,
        slots: int,
        board: JigBoard,
        inputs: JigInputs,
        changes: Changes,
        on_powered: Callable[[int], None],
    ) -> None:
        """`on_powered` is told of each slot that may have been given power, which makes its lamp dark."""
        self._jig = jig
        self._slots = range(1, slots + 1)
        self._board = board
        self._inputs = inputs
        self._changes = changes
        self._on_powered = on_powered
        self._turn = asyncio.Lock()
        """What is switched on while a stop is heard is switched off after that, not before."""
        self._without: set[int] = set()
        """Slots that are known to have no power."""
        self._given: set[int] = set()
        self._dropped: set[int] = set()
        """Slots that were given power, and found without."""
        self._lingering: set[int] = set()
        """Slots whose power was taken, and found with it."""
        self._unkept: Counter[int] = Counter()
        """How often each slot was found otherwise than the board had acknowledged, since it last was given power."""
        self._may_be_on = list(self._slots)
        """Slots not yet read to be off since the last stop, or since the board came back."""
        self._off_failed = False

    async def switch(self, slot: int, *, on: bool) -> bool:
        """Switch one slot and return whether the board did it. Nothing is powered through an emergency stop."""
        async with self._turn:
            if on and not (self._inputs.may_power() and self._inputs.present(slot) is not False):
                return False
            (self._lingering if on else self._dropped).discard(slot)
            if on and slot not in self._given:
                self._given.add(slot)
                self._unkept[slot] = 0
            self._without.discard(slot)  # whatever becomes of it
            try:
                await self._board.set_power(slot, on)
            except JigBoardError as error:
                _log.warning("power not switched", jig=self._jig, slot=slot, on=on, reason=str(error))
                return False
            finally:
                if on:
                    self._on_powered(slot)
            if not on:
                self._given.discard(slot)
                self._without.add(slot)
            (self._dropped if on else self._lingering).discard(slot)
            return True

    def amiss(self, slot: int, *, on: bool) -> None:
        """Learn that a slot reads otherwise than the board acknowledged: it is switched again, some times."""
        self._unkept[slot] += 1
        self._without.discard(slot)
        if self._unkept[slot] <= _RESTORE_TRIES and on is not (slot in self._given):
            (self._lingering if on else self._dropped).add(slot)

    def doubt(self) -> None:
        """Learn of an emergency stop: no coil counts as off before it has been read."""
        self._may_be_on = list(self._slots)
        self._off_failed = False

    def board_is_back(self, power: tuple[bool, ...]) -> None:
        """Learn what the board powers, which may have been off itself."""
        self.doubt()
        self._without = {slot for slot in self._slots if not power[slot - 1]}
        self._dropped = {slot for slot in self._given if not power[slot - 1]}
        self._lingering.clear()

    def has_none(self, slot: int) -> bool:
        """Whether a slot is known to have no power."""
        return slot in self._without

    @property
    def off(self) -> bool:
        """Whether every coil has been read to be off since the last stop, or since the board came back."""
        return not self._may_be_on

    def interlocks(self) -> Iterator[Interlock]:
        """Say which slots the board does not switch, or could not switch off at an emergency stop."""
        if self._inputs.stopped:
            if self._may_be_on and (self._off_failed or self._inputs.lost_because is not None):
                yield interlock(Reason.POWER_STAYS_ON, jig=self._jig, slots=tuple(self._may_be_on))
            return
        for slot, times in sorted(self._unkept.items()):
            if times > _RESTORE_TRIES:
                yield interlock(Reason.POWER_NOT_SWITCHED, jig=self._jig, slot=slot)

    async def keep_off(self) -> NoReturn:
        """Switch every slot off at an emergency stop, until each coil reads off: its release alone powers nothing."""
        while True:
            await self._changes.until(
                lambda: self._inputs.stopped and self._inputs.online and bool(self._may_be_on)
            )
            async with self._turn:
                failure = await self._switch_all_off()
            if failure is not None:
                self._off_failed = True
                _log.error("slots not switched off", jig=self._jig, slots=self._may_be_on, reason=failure)
            self._changes.tell()
            if failure is not None:
                await asyncio.sleep(_AGAIN_SECONDS)

    async def keep_on(self) -> NoReturn:
        """Give a hub back the power that the board lost, once it is known that one still sits there; take what stayed."""
        while True:
            await self._changes.until(lambda: bool(self._due()))
            slot, on = self._due().popitem()
            if not await self.switch(slot, on=on):
                await asyncio.sleep(_AGAIN_SECONDS)

    def _due(self) -> dict[int, bool]:
        if not self._inputs.may_power():
            return {}
        return dict.fromkeys(self._lingering, False) | {
            slot: True for slot in self._dropped if self._inputs.present(slot)
        }

    async def _switch_all_off(self) -> str | None:
        """Write and read every coil once; return why one may still be on, if one may."""
        for state in (self._given, self._dropped, self._lingering):
            state.clear()
        self._unkept.clear()
        failure: JigBoardError | None = None
        for slot in self._slots:
            try:
                await self._board.set_power(slot, on=False)
            except JigBoardError as error:
                failure = error  # the others are not to wait for it
        try:
            read = await self._board.power()
        except JigBoardError as error:
            return str(error)
        self._may_be_on = [slot for slot in self._slots if read[slot - 1]]
        self._without = set(self._slots) - set(self._may_be_on)
        if not self._may_be_on:
            return None
        return str(failure or "the board says that they are on")
