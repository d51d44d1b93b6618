"""Power for hubs that are to be looked at while no daemon works: on a jig with a board they have none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

from drivers.jig_board.connection import connected
from drivers.jig_board.errors import CheckRefused, JigBoardError
from station.config import JigSettings


@asynccontextmanager
async def powered(
    jig: JigSettings, slots: Iterable[int] | None = None
) -> AsyncIterator[frozenset[int] | None]:
    """Power slots of a jig while the block lasts: the given ones, or those in which something sits.

    Yields the slots in which something sits. Does nothing on a jig without a board, and yields None there. What had power before keeps it. Raises JigBoardError when the board cannot
    be had, or while its emergency stop is pressed, which nothing may power through.
    """
    if jig.board is None:
        yield None
        return
    async with connected(jig.name, jig.board) as connection:
        inputs = await connection.registers.inputs()
        if inputs.emergency_stop:
            raise CheckRefused(
                connection.name, "the emergency stop is pressed; make the jig safe, then release the stop"
            )
        had = await connection.registers.power()
        seated = {number for number, sits in enumerate(inputs.seated, start=1) if sits}
        wanted = [
            slot for slot in (seated if slots is None else slots) if slot <= len(had) and not had[slot - 1]
        ]
        switched: list[int] = []
        try:
            for slot in wanted:
                switched.append(slot)
                await connection.registers.set_power(slot, on=True)
            yield frozenset(seated)
        finally:
            for slot in switched:
                with suppress(JigBoardError):
                    await connection.registers.set_power(slot, on=False)
