"""The way to a board: its port taken, its identity read and compared, its life seen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from drivers.jig_board.errors import BoardFrozen, WrongBoard
from drivers.jig_board.events import BoardIdentity
from drivers.jig_board.line import ModbusLine
from drivers.jig_board.registers import BoardRegisters
from drivers.jig_board.settings import JigBoardSettings


@dataclass(frozen=True, slots=True)
class Connection:
    """A board that answers, is the right one, and lives."""

    name: str
    """The board as error messages call it."""
    registers: BoardRegisters
    identity: BoardIdentity
    scan_counter: int


@asynccontextmanager
async def connected(jig: str, settings: JigBoardSettings) -> AsyncIterator[Connection]:
    """Hold the board's port, once the board there is known to be the right one and alive.

    Raises BoardUnavailable, WrongBoard, BoardFrozen, and what `ModbusLine.ask` raises.
    """
    name = f"{jig} board at {settings.port}"
    line = await ModbusLine.open(settings, name)
    try:
        registers = BoardRegisters(line, settings)
        identity = await registers.identity()
        if settings.serial_number not in {None, identity.serial_number}:
            raise WrongBoard(
                name,
                f"its serial number is {identity.serial_number}, {settings.serial_number} is configured;"
                " check that the jigs' cables are not exchanged, or correct serial_number",
            )
        before = (await registers.measurements()).scan_counter
        await asyncio.sleep(2 * settings.poll_seconds)
        now = (await registers.measurements()).scan_counter
        if now == before:
            raise frozen(name)
        yield Connection(name, registers, identity, now)
    finally:
        await line.close()


def frozen(board: str) -> BoardFrozen:
    """Word the error of a board whose scan counter stands still."""
    return BoardFrozen(board, "answers, but its scan counter stands still; switch its supply off and on")
