"""A jig's lamps: each follows what its slot shows and nothing else, and is set until the board has it."""

from __future__ import annotations

import asyncio
from typing import Final, NoReturn

import structlog

from drivers.jig_board.board import JigBoard
from drivers.jig_board.errors import JigBoardError
from drivers.jig_board.registers import Lamp
from station.bench.changes import Changes
from station.bench.jig_inputs import JigInputs

_AGAIN_SECONDS: Final = 0.5
"""Between two tries to set lamps that could not be set."""

_log = structlog.stdlib.get_logger()


class Lamps:
    """What each lamp is to show, and what the board certainly makes it show. `keep` brings the two together."""

    def __init__(self, jig: str, board: JigBoard, inputs: JigInputs, changes: Changes) -> None:
        self._jig = jig
        self._board = board
        self._inputs = inputs
        self._changes = changes
        self._wanted: dict[int, Lamp] = {}
        self._set: dict[int, Lamp] = {}
        self._failing: set[int] = set()
        """Slots whose lamp could not be set, told once."""

    def want(self, slot: int, lamp: Lamp) -> None:
        """Have a lamp show this from now on."""
        if self._wanted.get(slot) is not lamp:
            self._wanted[slot] = lamp
            self._changes.tell()

    def forget(self, slot: int) -> None:
        """Learn that a lamp may have been darkened."""
        self._set.pop(slot, None)
        self._changes.tell()

    def forget_all(self) -> None:
        """Learn that all lamps may have been darkened."""
        self._set.clear()
        self._changes.tell()

    async def keep(self) -> NoReturn:
        """Set what is not as it is to be, for as long as the station works."""
        while True:
            await self._changes.until(lambda: self._inputs.online and bool(self._due()))
            failed = False
            for slot in self._due():
                lamp = self._wanted[slot]
                try:
                    await self._board.set_lamp(slot, lamp)
                except JigBoardError as error:
                    failed = True
                    self._tell(slot, str(error))
                else:
                    self._set[slot] = lamp
                    self._failing.discard(slot)
            self._changes.tell()
            if failed:
                await asyncio.sleep(_AGAIN_SECONDS)

    async def put_out(self) -> None:
        """Have all lamps dark, and return when they are, or when the board is away: it darkens them by itself."""
        for slot in self._wanted:
            self._wanted[slot] = Lamp.DARK
        self._changes.tell()
        await self._changes.until(lambda: not self._due() or not self._inputs.online)

    def _due(self) -> list[int]:
        return [slot for slot, lamp in self._wanted.items() if self._set.get(slot) is not lamp]

    def _tell(self, slot: int, reason: str) -> None:
        if slot not in self._failing:
            self._failing.add(slot)
            _log.warning("lamp not set; it is tried again", jig=self._jig, slot=slot, reason=reason)
