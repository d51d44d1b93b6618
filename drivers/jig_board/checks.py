"""What can only be found out by trying, while no work is under way: for a technician's check-up."""

from __future__ import annotations

import asyncio

from drivers.jig_board.connection import Connection, connected
from drivers.jig_board.errors import CheckRefused
from drivers.jig_board.inputs import InputWatch
from drivers.jig_board.settings import JigBoardSettings

TRIES = 3
"""How often a question is asked before a check is given up: one lost answer is no finding."""

SETTLE_SECONDS = 5.0
"""How long presence may take to stand still before the check is given up."""


async def watchdog_acts_on_coils(jig: str, settings: JigBoardSettings) -> bool:
    """Power one empty slot, let the heartbeat fail for longer than the watchdog waits, and see what became of it.

    True means that a station that dies would cut the power of hubs it is flashing: the board's watchdog has to
    be confined to the lamps. Takes 1.5 times `watchdog_seconds`. Raises CheckRefused where a slot has power or
    none is empty, or the emergency stop is pressed, and what `connected` raises.
    """
    async with connected(jig, settings, tries=TRIES) as connection:
        registers = connection.registers
        inputs = await settled_inputs(connection, settings)
        empty = [slot for slot, seated in enumerate(inputs.seated, start=1) if not seated]
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


async def settled_inputs(connection: Connection, settings: JigBoardSettings) -> InputWatch:
    """Look until every presence switch has stood still: one look may meet a hub that is just being seated.

    Raises CheckRefused where one never does, or the emergency stop is pressed, and what `ModbusLine.ask` raises.
    """
    clock = asyncio.get_running_loop().time
    watch = InputWatch(settings)
    try:
        async with asyncio.timeout(SETTLE_SECONDS):
            while None in watch.seated:
                seen = await connection.registers.inputs()
                if seen.emergency_stop:
                    raise CheckRefused(
                        connection.name,
                        "the emergency stop is pressed; make the jig safe, then release the stop",
                    )
                watch.look(seen, clock())
                await asyncio.sleep(settings.poll_seconds)
    except TimeoutError as error:
        raise CheckRefused(
            connection.name,
            f"a presence switch does not stand still for {settings.debounce_seconds} s; mend it",
        ) from error
    return watch
