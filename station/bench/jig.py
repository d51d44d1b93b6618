"""A jig with an I/O board: its slots' seats, their power and their lamps.

The emergency stop is hard-wired: the station only learns of it, leaves attempts open, and probes the hubs after
the release and a person's reset. An open lid while hubs are written is an alarm and never cuts anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, NoReturn

import structlog

from drivers.jig_board.board import JigBoard
from drivers.jig_board.errors import JigBoardError
from drivers.jig_board.events import BoardBack, BoardEvent, EmergencyStop, LampsInDoubt, PowerAmiss
from drivers.jig_board.registers import Lamp
from drivers.jig_board.settings import JigBoardSettings
from station.bench.board_seat import BoardSeat
from station.bench.changes import Changes
from station.bench.coils import Coils
from station.bench.jig_inputs import JigInputs
from station.bench.lamps import Lamps
from station.bench.view import BenchView
from station.domain.actor import Actor
from station.domain.interlock import Interlock
from station.domain.phase import SlotPhase
from station.domain.slot_view import SlotView
from station.places.settings import StartPolicy
from station.records.errors import JournalHeldUp
from station.records.facts.bench import JigReset, JigStopped
from station.records.facts.events import Event
from station.records.facts.upkeep import InsertionsCounted

LAMPS: Final = {
    SlotPhase.STARTING: Lamp.DARK,
    SlotPhase.NO_PORT: Lamp.RED,
    SlotPhase.EMPTY: Lamp.DARK,
    SlotPhase.UNATTENDED: Lamp.DARK,
    SlotPhase.SEATED: Lamp.DARK,
    SlotPhase.BOOTING: Lamp.DARK,
    SlotPhase.WORKING: Lamp.BLUE,
    SlotPhase.PASSED: Lamp.GREEN,
    SlotPhase.ALREADY_CURRENT: Lamp.GREEN,
    SlotPhase.PASSED_BEFORE: Lamp.GREEN,
    SlotPhase.REJECTED: Lamp.AMBER,
    SlotPhase.FAILED: Lamp.RED,
    SlotPhase.PUT_ASIDE: Lamp.AMBER,
    SlotPhase.RESEAT: Lamp.AMBER,
    SlotPhase.LOOKING: Lamp.DARK,
    SlotPhase.FIND_HUB: Lamp.AMBER,
    SlotPhase.EMERGENCY_STOP: Lamp.DARK,
    SlotPhase.OUT_OF_USE: Lamp.RED,
    SlotPhase.STOPPED: Lamp.DARK,
}
_AGAIN_SECONDS: Final = 5.0
"""Between two tries to record what the journal has no room for."""

_BOUNCE_SECONDS: Final = 0.05
"""Contacts are still long before; a board that looks at them every few milliseconds tells each of their moves."""

_log = structlog.stdlib.get_logger()


class ResetRefused(Exception):
    """The jig cannot be reset now. The message says why, in one line."""


class Jig:
    """One jig's board and what hangs on it. `run` it for as long as the station works."""

    def __init__(
        self,
        name: str,
        settings: JigBoardSettings,
        policy: StartPolicy,
        view: BenchView,
        *,
        append: Callable[[Event], Awaitable[object]],
        operator: Callable[[], str | None],
        stopped: datetime | None,
    ) -> None:
        """`append` makes an event durable. `stopped` is since when the jig is stopped by what the journal knew last."""
        self._name = name
        self._view = view
        self._append = append
        self._operator = operator
        self._inputs = JigInputs(policy, stopped=stopped is not None, stopped_since=stopped)
        self._stop_recorded = stopped is not None
        self._stops = 0
        """How often the stop was heard: one heard while a reset is recorded is not lifted by it."""
        self._recording = asyncio.Lock()
        self._changes = Changes()
        self._board = JigBoard(name, settings, self._hear)
        self._lamps = Lamps(name, self._board, self._inputs, self._changes)
        self._coils = Coils(
            name, settings.slots, self._board, self._inputs, self._changes, self._lamps.forget
        )
        view.listen(self._see)

    def seat(self, slot: int) -> BoardSeat:
        """Return the seat of one slot."""
        return BoardSeat(slot, self._board, self._inputs, self._changes, self._coils)

    async def until_online(self) -> None:
        """Wait for the board to answer."""
        await self._changes.until(lambda: self._inputs.online)

    async def closed(self) -> tuple[bool, ...] | None:
        """Ask the board which switches are closed, slot 1 first, for who cannot go by what was seen before; None where it does not say.

        It is asked twice, further apart than a switch bounces: one that was closed at either look is closed.
        """
        try:
            first = await self._board.seated()
            await asyncio.sleep(_BOUNCE_SECONDS)
            second = await self._board.seated()
        except JigBoardError:
            return None  # its loss is told where it matters
        return tuple(before or now for before, now in zip(first, second, strict=True))

    async def insertions(self) -> InsertionsCounted | None:
        """Ask the board how often hubs were seated; None where nothing counts, or the board cannot say so now."""
        try:
            board = await self._board.identity()
            counts = await self._board.insertions()
        except JigBoardError:
            return None  # its loss is told where it matters
        if counts is None:
            return None
        return InsertionsCounted(jig=self._name, board=board.serial_number, counts=counts)

    async def draws(self, slot: int) -> int | None:
        """Ask the board what a slot draws, mA; None where it cannot say so now."""
        try:
            return (await self._board.currents())[slot - 1]
        except (JigBoardError, IndexError):
            return None

    async def reset(self, actor: Actor | None, record: Callable[[Event], Awaitable[object]]) -> None:
        """Take a person's word that the jig may work again after an emergency stop that was released.

        `record` makes that durable before anything is powered. Raises ResetRefused while the stop is not known to be released,
        and JournalError, and then the jig stays stopped.
        """
        async with self._recording:
            if not self._inputs.stopped:
                return
            if self._inputs.emergency is not False:
                raise ResetRefused(
                    f"{self._name}: release the emergency stop first, with its board connected"
                )
            await self._record_stop()
            stops = self._stops
            await record(JigReset(jig=self._name, actor=actor))
            self._stop_recorded = False
            if stops == self._stops:
                self._inputs.reset()
                _log.info("jig reset", jig=self._name)
        self._changes.tell()

    async def run(self) -> None:
        """Watch the board and keep power, lamps and record as they should be, until cancelled.

        Raises JournalError when a stop or a reset cannot be recorded for another reason than lack of room.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._board.run(), name=f"{self._name} board")
            group.create_task(self._lamps.keep(), name=f"{self._name} lamps")
            group.create_task(self._coils.keep_off(), name=f"{self._name} emergency stop")
            group.create_task(self._coils.keep_on(), name=f"{self._name} power")
            group.create_task(self._keep_record(), name=f"{self._name} record")
            group.create_task(self._keep_alarm(), name=f"{self._name} alarm")

    async def put_out_lamps(self) -> None:
        """Leave no lamp lit at a stop in good order: nobody answers for it any more."""
        await self._lamps.put_out()

    def _hear(self, event: BoardEvent) -> None:
        _log.debug("jig input", jig=self._name, input=str(event))
        self._inputs.apply(event)
        match event:
            case EmergencyStop():
                _log.warning("emergency stop", jig=self._name)
                self._stops += 1
                self._coils.doubt()
            case BoardBack(power=power):
                self._coils.board_is_back(power)
                self._lamps.forget_all()  # a board that was off has forgotten them
            case LampsInDoubt():
                self._lamps.forget_all()
            case PowerAmiss(slot=slot, on=on):
                self._coils.amiss(slot, on=on)
            case _:
                pass
        self._changes.tell()

    def _see(self, view: SlotView) -> None:
        if view.place.jig == self._name:
            self._lamps.want(view.place.slot, LAMPS[view.phase])
            self._changes.tell()

    async def _keep_alarm(self) -> NoReturn:
        """Show what is wrong with the jig whenever that changes."""
        while True:
            found = self._interlocks()
            self._view.set_interlocks(f"board of {self._name}", found)
            told = [(each.reason, each.slot, each.details) for each in found]
            await self._changes.until(
                lambda told=told: (
                    told  # type: ignore[misc]
                    != [(each.reason, each.slot, each.details) for each in self._interlocks()]
                )
            )

    def _interlocks(self) -> list[Interlock]:
        working = any(
            view.phase is SlotPhase.WORKING for view in self._view.slots() if view.place.jig == self._name
        )
        of_inputs = self._inputs.interlocks(self._name, working=working, off=self._coils.off)
        return [*of_inputs, *self._coils.interlocks()]

    async def _keep_record(self) -> NoReturn:
        """Make each stop a fact of the journal, and the start button's press after one a reset."""
        inputs = self._inputs
        while True:
            await self._changes.until(
                lambda: (inputs.stopped and not self._stop_recorded) or inputs.reset_asked
            )
            try:
                if inputs.reset_asked:
                    await self.reset(self._who_pressed_start(), self._append)
                else:
                    async with self._recording:
                        await self._record_stop()
            except ResetRefused:
                pass  # pressed again, or the board lost, meanwhile: the button is to be pressed anew
            except JournalHeldUp as error:
                _log.error("not recorded; the jig stays stopped", jig=self._name, reason=str(error))
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _record_stop(self) -> None:
        """Record that the jig is stopped, unless that was done since it was."""
        if not self._stop_recorded:
            await self._append(JigStopped(jig=self._name))
            self._stop_recorded = True

    def _who_pressed_start(self) -> Actor:
        return Actor(pseudonym=self._operator(), role="technician", where="start button")
