"""A jig on a simulated board in the same process, with a real journal: for what only the jig itself does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benches.board_slots import Slots
from benches.looking import until
from benches.sentences import SENTENCES
from drivers.jig_board.registers import Lamp
from drivers.jig_board.settings import JigBoardSettings
from simulators.jig_board import SimulatedJigBoard
from station.bench.jig import Jig
from station.bench.view import BenchView
from station.domain.phase import SlotPhase
from station.domain.reason import Reason
from station.domain.slot_name import SlotName
from station.domain.slot_view import SlotView
from station.records.errors import JournalHeldUp
from station.records.facts.bench import JigReset, JigStopped
from station.records.facts.events import Event
from station.records.journal import Journal

TIMES = {
    "poll_seconds": 0.02,
    "debounce_seconds": 0.05,
    "answer_seconds": 0.1,
    "failures_to_lose": 3,
    "heartbeat_seconds": 0.1,
    "watchdog_seconds": 0.8,
    "reconnect_seconds": 0.3,
}
SLOTS = 3


class BoardedJig:
    """The jig, its board, and what was journalled of it."""

    def __init__(self, folder: Path, slots: Slots, journal: Journal) -> None:
        self.path = folder / "board"
        self.slots = slots
        self.journal = journal
        self.board = SimulatedJigBoard(self.path, slots, watchdog_seconds=TIMES["watchdog_seconds"])
        self.board.plug()
        self.view = BenchView(iter([self.place(slot) for slot in range(1, SLOTS + 1)]))
        self.recorded: list[Event] = []
        self.no_room = 0
        """So many times the journal's disk is full."""
        self.jig: Jig

    @staticmethod
    def place(slot: int) -> SlotName:
        return SlotName(jig="jig1", slot=slot)

    async def append(self, event: Event) -> None:
        if self.no_room:
            self.no_room -= 1
            raise JournalHeldUp("no room for the journal")
        await self.journal.append(event)
        self.recorded.append(event)

    @asynccontextmanager
    async def working(
        self, *, stopped: bool = False, policy: Any = "seated", operator: str | None = "op-1", **changes: Any
    ) -> AsyncIterator[None]:
        """Let the station work on the jig while the block lasts."""
        settings = JigBoardSettings(port=str(self.path), slots=SLOTS, **(TIMES | changes))
        self.jig = Jig(
            "jig1",
            settings,
            policy,
            self.view,
            append=self.append,
            operator=lambda: operator,
            stopped=datetime.now(UTC) if stopped else None,
        )
        running = asyncio.create_task(self.jig.run())
        try:
            yield
            assert not running.done(), running.exception()
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    def show(self, slot: int, phase: SlotPhase) -> None:
        self.view.show(SlotView(place=self.place(slot), phase=phase))

    def lamp(self, slot: int) -> Lamp:
        return Lamp(self.board.lamps[slot - 1])

    def alarm(self, *, rare_looks: bool = False) -> str:
        """Return all that is wrong; that the board is looked at too rarely, as a busy machine does, only if it is asked for."""
        found = [
            each for each in self.view.interlocks() if rare_looks or each.reason != Reason.BOARD_LOOKS_RARE
        ]
        return "; ".join(map(SENTENCES.interlock, found))

    def powered(self) -> set[int]:
        return {slot for slot, on in enumerate(self.board.powered, start=1) if on}

    def coils(self) -> set[int]:
        return {slot for slot, on in enumerate(self.board.coils(), start=1) if on}

    async def looks(self, number: int = 20) -> None:
        """Let the station look at the inputs so many times."""
        for _ in range(number):
            await asyncio.sleep(TIMES["poll_seconds"])

    async def press_start_until(self, taken: Callable[[], bool]) -> None:
        """Press start, as often as it takes: a station that is held up may miss a press."""
        async with asyncio.timeout(60):
            while not taken():
                self.board.start_pressed = not self.board.start_pressed
                await self.looks(10)
        self.board.start_pressed = False

    async def stop_and_release(self) -> None:
        """Press the emergency stop, and release it once the station has switched everything off."""
        self.board.press_emergency_stop()
        await until(lambda: "then release the stop" in self.alarm())
        self.board.release_emergency_stop()
        await until(lambda: "press start" in self.alarm())

    def facts(self) -> list[type[Event]]:
        return [type(event) for event in self.recorded if isinstance(event, JigStopped | JigReset)]


@asynccontextmanager
async def boarded_jig(folder: Path, *seated: int) -> AsyncIterator[BoardedJig]:
    async with Journal.open(folder / "journal", site="site", station="bench") as journal:
        made = BoardedJig(folder, Slots(*seated), journal)
        try:
            yield made
        finally:
            made.board.close()
