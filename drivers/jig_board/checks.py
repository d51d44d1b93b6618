"""What can only be found out by trying, while no work is under way: for a technician's check-up."""

from __future__ import annotations

import asyncio

from drivers.jig_board.connection import Connection, connected
from drivers.jig_board.errors import CheckRefused
from drivers.jig_board.inputs import InputWatch
from drivers.jig_board.settings import JigBoardSettings

SETTLE_SECONDS = 5.0
"""How long presence may take to stand still before the check is given up."""


async def watchdog_acts_on_coils(jig: str, settings: JigBoardSettings) -> bool:
    """Power one empty slot, let the heartbeat fail for longer than the watchdog waits, and see what became of it.

    True means that a station that dies would cut the power of hubs it is flashing: the board's watchdog has to
    be confined to the lamps. Takes 1.5 times `watchdog_seconds`. Raises CheckRefused where a slot has power or
    none is empty, and what `connected` raises.
    """
    async with connected(jig, settings) as connection:
        registers = connection.registers
        empty = [
            slot for slot, seated in enumerate(await _presence(connection, settings), start=1) if not seated
        ]
        powered = [slot for slot, on in enumerate(await registers.power(), start=1) if on]
        if powered:
            raise CheckRefused(
                connection.name, f"slot {powered[0]} has power; check the watchdog while no work is under way"
            )
        if not empty:
            raise CheckRefused(connection.name, "every slot is taken; empty one to check the watchdog")
        slot = empty[0]
        await registers.set_power(slot, on=True)
        try:
            await asyncio.sleep(1.5 * settings.watchdog_seconds)
            return not (await registers.power())[slot - 1]
        finally:
            await registers.set_power(slot, on=False)


async def _presence(connection: Connection, settings: JigBoardSettings) -> tuple[bool | None, ...]:
    """Look until every presence switch has stood still: one look may meet a hub that is just being seated."""
    clock = asyncio.get_running_loop().time
    watch = InputWatch(settings)
    try:
        async with asyncio.timeout(SETTLE_SECONDS):
            while None in watch.seated:
                watch.look(await connection.registers.inputs(), clock())
                await asyncio.sleep(settings.poll_seconds)
    except TimeoutError as error:
        raise CheckRefused(
            connection.name,
            f"a presence switch does not stand still for {settings.debounce_seconds} s; mend it",
        ) from error
    return watch.seated
