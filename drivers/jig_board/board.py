"""A jig's I/O board for as long as the station lives: found, watched, lost, and found again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NoReturn

from drivers.jig_board.connection import Connection, connected
from drivers.jig_board.errors import (
    BoardFrozen,
    BoardOffline,
    BoardRestarted,
    BoardUnavailable,
    JigBoardError,
)
from drivers.jig_board.events import BoardBack, BoardEvent, BoardIdentity, BoardLost
from drivers.jig_board.inputs import InputWatch, Measurements, PresenceDoubt
from drivers.jig_board.registers import BoardRegisters, Lamp
from drivers.jig_board.settings import JigBoardSettings

FIRST_RECONNECT_SECONDS = 0.25
"""Pause before the first attempt to reach a lost board; it doubles from attempt to attempt."""


class JigBoard:
    """One jig's board. `run` watches it and tells `on_event`; the other methods may be called meanwhile.

    Commands raise BoardOffline while there is no connection, and else what `ModbusLine.ask` raises. A command's
    failure does not end the connection: the watch finds out for itself. Slots are numbered from 1.
    """

    def __init__(self, jig: str, settings: JigBoardSettings, on_event: Callable[[BoardEvent], None]) -> None:
        self._jig = jig
        self._settings = settings
        self._tell = on_event
        self._online: BoardRegisters | None = None

    async def run(self) -> NoReturn:
        """Watch the board until cancelled, whatever becomes of it. `on_event` is called here, and must not wait."""
        settings = self._settings
        clock = asyncio.get_running_loop().time
        watch = InputWatch(settings)
        told: type[JigBoardError] | None = None
        pause = FIRST_RECONNECT_SECONDS
        while True:
            began = clock()
            try:
                async with connected(self._jig, settings) as connection:
                    power = await connection.registers.power()
                    told = None
                    self._online = connection.registers
                    try:
                        self._tell(BoardBack(connection.identity, power))
                        await self._watch(connection, watch)
                    finally:
                        self._online = None
            except JigBoardError as error:
                if type(error) is not told:
                    told = type(error)
                    self._tell(BoardLost(error))
            # A board that comes and goes gets no more attention than one that stays away.
            if clock() - began > settings.reconnect_seconds:
                pause = FIRST_RECONNECT_SECONDS
            await asyncio.sleep(pause)
            pause = min(2 * pause, settings.reconnect_seconds)

    async def set_power(self, slot: int, on: bool) -> None:
        """Switch one slot's power. Its lamp goes dark before it gets power: a green lamp is never the last hub's."""
        registers = self._registers()
        if on:
            await registers.set_lamp(slot, Lamp.DARK)
        await registers.set_power(slot, on)

    async def set_lamp(self, slot: int, lamp: Lamp) -> None:
        """Set one slot's lamp."""
        await self._registers().set_lamp(slot, lamp)

    async def power(self) -> tuple[bool, ...]:
        """Ask which slots the board powers, slot 1 first."""
        return await self._registers().power()

    async def measurements(self) -> Measurements:
        """Ask for currents and supply."""
        return await self._registers().measurements()

    async def currents(self) -> tuple[int, ...]:
        """Ask what each slot draws, in mA, slot 1 first."""
        return (await self.measurements()).slot_milliamperes

    async def insertions(self) -> tuple[int, ...]:
        """Ask how often a hub was seated in each slot, slot 1 first."""
        return await self._registers().insertions()

    async def identity(self) -> BoardIdentity:
        """Ask which board this is. It is the configured one: another is never online."""
        return await self._registers().identity()

    def _registers(self) -> BoardRegisters:
        if self._online is None:
            raise BoardOffline(
                f"{self._jig} board at {self._settings.port}",
                "is not connected; see why it was lost, it is looked for again and again",
            )
        return self._online

    async def _watch(self, connection: Connection, watch: InputWatch) -> NoReturn:
        settings = self._settings
        clock = asyncio.get_running_loop().time
        doubt = PresenceDoubt(settings)
        failures = 0
        check_due = clock() + settings.heartbeat_seconds
        while True:
            try:
                for event in watch.look(await connection.registers.inputs(), clock()):
                    self._tell(event)
                if clock() >= check_due:
                    measured = await connection.life.exchange()
                    power = await connection.registers.power()
                    if not watch.emergency_stop:
                        for event in doubt.compare(watch.seated, power, measured.slot_milliamperes):
                            self._tell(event)
                    check_due = clock() + settings.heartbeat_seconds
                failures = 0
            except (BoardUnavailable, BoardFrozen, BoardRestarted):
                raise
            except JigBoardError:
                failures += 1
                if failures >= settings.failures_to_lose:
                    raise
            # All boards look at the same moments, so that the process wakes up once for all of them.
            await asyncio.sleep(settings.poll_seconds - clock() % settings.poll_seconds)
