"""The way to a board: its port taken, its identity compared, and signs of life exchanged with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from drivers.jig_board.errors import BoardFrozen, BoardRestarted, BoardSilent, WrongBoard
from drivers.jig_board.events import BoardIdentity
from drivers.jig_board.inputs import Measurements
from drivers.jig_board.line import ModbusLine
from drivers.jig_board.registers import BoardRegisters
from drivers.jig_board.settings import JigBoardSettings


class SignsOfLife:
    """Shows the board that the station lives, and sees whether the board itself does."""

    def __init__(self, board: str, registers: BoardRegisters) -> None:
        self._board = board
        self._registers = registers
        self._beat = 0
        """The last heartbeat that was written, whether the board has acknowledged it or not; 0 before the first."""
        self._may_hold: frozenset[int] = frozenset()
        """Which heartbeats the board may hold, unless it was off."""
        self._scan_counter: int | None = None
        self.lamps: tuple[int, ...] | None = None
        """What the lamps showed at the last exchange, slot 1 first; None where that was not read."""

    async def exchange(self) -> Measurements:
        """Return what the board measures, and write the next heartbeat.

        Raises BoardFrozen when nothing was scanned since the last exchange, BoardRestarted when the last
        heartbeat is gone, and what `ModbusLine.ask` raises.
        """
        measured = await self._registers.measurements()
        if measured.scan_counter == self._scan_counter:
            raise BoardFrozen(
                self._board, "answers, but its scan counter stands still; switch its supply off and on"
            )
        self._scan_counter = measured.scan_counter
        self.lamps = None
        if self._may_hold:
            held = await self._registers.held()
            if held.heartbeat not in self._may_hold:
                raise BoardRestarted(
                    self._board, "was off for a moment, and its slots and lamps with it; check its supply"
                )
            self.lamps = held.lamps
        self._beat = self._beat % 0xFFFF + 1
        self._may_hold |= {self._beat}
        await self._registers.beat(self._beat)
        self._may_hold = frozenset({self._beat})
        return measured


@dataclass(frozen=True, slots=True)
class Connection:
    """A board that answers, is the right one, and lives."""

    name: str
    """The board as error messages call it."""
    registers: BoardRegisters
    identity: BoardIdentity
    life: SignsOfLife


def name_of(jig: str, settings: JigBoardSettings) -> str:
    """Return what error messages call a board."""
    return f"{jig} board at {settings.port}"


@asynccontextmanager
async def connected(jig: str, settings: JigBoardSettings, *, tries: int = 1) -> AsyncIterator[Connection]:
    """Hold the board's port, once the board there is known to be the right one and alive.

    Whoever does not look again and again anyway has `tries`: one lost answer is then no failure.
    Raises BoardUnavailable, WrongBoard, BoardFrozen, and what `ModbusLine.ask` raises.
    """
    name = name_of(jig, settings)
    async with connected_over(
        await ModbusLine.open(settings, name), name, settings, tries=tries
    ) as connection:
        yield connection


@asynccontextmanager
async def connected_over(
    line: ModbusLine, name: str, settings: JigBoardSettings, *, tries: int = 1
) -> AsyncIterator[Connection]:
    """Do as `connected` does, over a line that is there, and close it."""
    try:
        registers = BoardRegisters(line, settings, tries)
        try:
            identity = await registers.identity()
        except BoardSilent as silence:
            raise await line.explain(silence) from None
        if settings.serial_number not in {None, identity.serial_number}:
            raise WrongBoard(
                name,
                f"its serial number is {identity.serial_number}, {settings.serial_number} is configured;"
                " check that the jigs' cables are not exchanged, or correct serial_number",
            )
        life = SignsOfLife(name, registers)
        await life.exchange()
        await asyncio.sleep(2 * settings.poll_seconds)
        await life.exchange()
        yield Connection(name, registers, identity, life)
    finally:
        await line.close()
