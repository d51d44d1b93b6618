"""Power for hubs that are to be looked at while no daemon works: on a jig with a board they have none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final, NoReturn

from drivers.jig_board.checks import TRIES, settled_inputs
from drivers.jig_board.connection import Connection, connected
from drivers.jig_board.errors import CheckRefused, JigBoardError
from drivers.threads import apart
from station.places.settings import JigSettings
from station.records.errors import JournalError, SegmentMissing
from station.records.facts.bench import stopped_jigs
from station.records.reader import JournalReader

_LOOK_SECONDS: Final = 0.1
"""Between two looks at the emergency stop while slots have power."""

_OFF_TRIES: Final = 8
_OFF_AGAIN_SECONDS: Final = 0.25


def why_stopped(jig: str, journal_folder: Path) -> str | None:
    """Say why no slot of a jig may be powered: an emergency stop that nobody has reset, as the journal has it."""
    try:
        with JournalReader(journal_folder) as journal:
            stopped = {each.jig for each in journal.ask(stopped_jigs)}
    except SegmentMissing:
        return None  # no station has ever worked here
    except JournalError as error:
        return f"it cannot be known whether the jig was stopped: {error}"
    if jig not in stopped:
        return None
    return (
        f"its emergency stop was not reset; start the station, then press start or: reflash jigs reset {jig}"
    )


@asynccontextmanager
async def powered(
    jig: JigSettings, journal_folder: Path, slots: Iterable[int] | None = None
) -> AsyncIterator[frozenset[int] | None]:
    """Power slots of a jig while the block lasts: the given ones, or those in which something sits.

    Yields the slots in which something sits. Does nothing on a jig without a board, and yields None there. What had
    power before keeps it. Raises JigBoardError when the board cannot be had, and before the block or at its end when
    the emergency stop is pressed or was not reset: nothing powers through it.
    """
    if jig.board is None:
        yield None
        return
    async with connected(jig.name, jig.board, tries=TRIES) as connection:
        if (why := await apart("stopped jigs", lambda: why_stopped(jig.name, journal_folder))) is not None:
            raise CheckRefused(connection.name, why)
        inputs = await settled_inputs(connection, jig.board)
        seated = {number for number, sits in enumerate(inputs.seated, start=1) if sits}
        lease = _Lease(connection)
        had = await connection.registers.power()
        watching = asyncio.create_task(lease.watch())
        try:
            for slot in seated if slots is None else slots:
                if slot <= len(had) and not had[slot - 1]:
                    await lease.switch_on(slot)
            yield frozenset(seated)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            left_on = await lease.switch_off()
        lease.check()
        if left_on:
            slots_on = ", ".join(map(str, left_on))
            raise CheckRefused(
                connection.name, f"power of slots {slots_on} could not be switched off; switch its supply off"
            )


class _Lease:
    """Slots that have power for a while, and lose it at an emergency stop."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._slots: list[int] = []
        self._stopped = False

    def check(self) -> None:
        """Raise CheckRefused once the emergency stop was pressed."""
        if self._stopped:
            raise CheckRefused(
                self._connection.name,
                "the emergency stop is pressed; make the jig safe, then release the stop",
            )

    async def switch_on(self, slot: int) -> None:
        """Power a slot, unless the stop is pressed by now."""
        await self._look()
        self.check()
        self._slots.append(slot)
        await self._connection.registers.set_power(slot, on=True)

    async def watch(self) -> NoReturn:
        """Switch off what was switched on as soon as the stop is pressed, and leave it off."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            with suppress(JigBoardError):
                await self._look()
            if self._stopped:
                await self.switch_off()

    async def switch_off(self) -> list[int]:
        """Switch off what was switched on until it reads off. Returns the slots that may still be on."""
        registers = self._connection.registers
        left = list(self._slots)
        for _ in range(_OFF_TRIES):
            for slot in left:
                with suppress(JigBoardError):
                    await registers.set_power(slot, on=False)
            with suppress(JigBoardError):
                read = await registers.power() if left else ()
                left = [slot for slot in left if read[slot - 1]]
            if not left:
                break
            await asyncio.sleep(_OFF_AGAIN_SECONDS)
        return left

    async def _look(self) -> None:
        self._stopped |= (await self._connection.registers.inputs()).emergency_stop
