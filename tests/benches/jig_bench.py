"""What the tests of a jig's board share: the driver on a simulated board, and a person with patience."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar, cast

from benches.board_slots import Slots
from drivers.boot_clock import since_boot
from drivers.jig_board.board import JigBoard
from drivers.jig_board.events import BoardBack, BoardEvent, SlotOpened
from drivers.jig_board.settings import JigBoardSettings
from simulators.jig_board import SimulatedJigBoard

Kind = TypeVar("Kind")


class Ear:
    """Hears a board's events in order, and fails a test that waits for one in vain."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[BoardEvent] = asyncio.Queue()
        self.hear = self._events.put_nowait

    async def next(self, kind: type[Kind], *, never: type[BoardEvent] | None = None) -> Kind:
        """Return the next event of this kind; those before it are forgotten, but one that must not be among them."""
        async with asyncio.timeout(60):
            while not isinstance(event := await self._events.get(), kind):
                assert never is None or not isinstance(event, never), event
        return event

    def rest(self) -> list[BoardEvent]:
        """Return what was heard and not asked for."""
        return [self._events.get_nowait() for _ in range(self._events.qsize())]


class Bench:
    """A simulated board, the driver on it, and what the driver told. It is patient, unless told otherwise."""

    def __init__(self, path: Path, slots: Slots, simulated: SimulatedJigBoard, **settings: object) -> None:
        self.path = path
        self.slots = slots
        self.simulated = simulated
        self.ear = Ear()
        self.settings = JigBoardSettings(port=str(path), **QUICK | PATIENT | settings)
        self.slept = 0.0
        """For how long the machine was asleep, seconds."""
        self.board = JigBoard("jig1", self.settings, self.ear.hear, clock=lambda: since_boot() + self.slept)
        self.task: asyncio.Task[None]

    async def first_picture(self) -> list[BoardEvent]:
        """Wait until the board is there, and return what it tells of its slots, its lid and its stop."""
        await self.ear.next(BoardBack)
        return await self.picture()

    async def beats(self, count: int) -> None:
        """Wait until the driver has written so many heartbeats more, each with all that it looks after."""
        seen: set[int] = set()
        async with asyncio.timeout(60):
            while len(seen) <= count:
                seen.add(self.simulated.holding_registers()[-1])
                await self.board.power()

    async def picture(self) -> list[BoardEvent]:
        """Return what a board that is there tells at first."""
        told: list[BoardEvent] = []
        while len(told) < self.slots.count + 2:
            event = await self.ear.next(object)
            if not isinstance(event, SlotOpened):
                told.append(cast("BoardEvent", event))
        return told


QUICK = {
    "poll_seconds": 0.02,
    "debounce_seconds": 0.05,
    "answer_seconds": 0.15,
    "failures_to_lose": 2,
    "heartbeat_seconds": 0.1,
    "watchdog_seconds": 0.8,
    "reconnect_seconds": 0.5,
}
PATIENT = {"answer_seconds": 1.0, "failures_to_lose": 20}
"""Nothing is lost because this machine is slow."""
EASILY_LOST = {name: QUICK[name] for name in PATIENT}


@asynccontextmanager
async def running(board: JigBoard) -> AsyncIterator[asyncio.Task[None]]:
    """Let the board run. A board that ends by itself has failed the test."""
    task = asyncio.create_task(board.run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def bench(path: Path, slots: Slots | None = None, **settings: object) -> AsyncIterator[Bench]:
    slots = slots or Slots()
    simulated = SimulatedJigBoard(path, slots, watchdog_seconds=0.8)
    simulated.plug()
    made = Bench(path, slots, simulated, **settings)
    try:
        async with running(made.board) as made.task:
            yield made
    finally:
        simulated.close()
