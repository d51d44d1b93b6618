"""The cells of the board matrix: which answer of a jig's board is spoilt how, when, and what becomes of the hub."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaos_boards import with_boards
from chaos_books import Books
from fault_cells import Ending
from witness import GREEN_LAMP, GREEN_PHASES, RESULT_PHASES, Shown, Trace

from benches import desk_client
from benches.station_bench import Bench, StockHub, import_order, order_csv
from simulators.diary import boot_seconds
from station.daemon.assembly import Daemon
from station.domain.outcome import Code
from station.domain.reason import Reason
from station.domain.slot_name import SlotName
from station.domain.slot_view import SlotView
from station.records.journal import Journal
from station.settings import StationSettings

FAULTS = {
    "lost": "it does what it is asked, and its answer is lost",
    "late": "the answer comes after the station has given up",
    "short": "the answer breaks off",
    "wrong": "a sound answer to another question",
    "frozen": "what it knew before, and what is written is acknowledged and not done",
}
QUESTIONS = {
    "inputs": "reads the inputs",
    "coils": "reads the coils",
    "switch": "writes a coil",
    "lamp": "writes a lamp",
    "measurements": "reads currents and scan counter",
    "identity": "reads serial number and version, its cable having been out for a moment",
    "heartbeat": "writes the heartbeat",
    "last_heartbeat": "reads the heartbeat back",
}
"""What a station asks a board, by the simulated board's name for it. Insertion counters are asked for by nobody but
`reflash doctor`."""
MOMENTS = {
    "seat": "before a hub is seated",
    "flash": "as it begins to be written",
    "exchange": "as it has passed; it is then exchanged for one that no order lists",
    "stop": "as it begins to be written, and the emergency stop is pressed at once",
}
LENGTHS = {"once": 1, "on and on": 1_000_000}

CELL_SECONDS = 180.0
"""No cell takes as long: who waits longer waits in vain, on a machine with other work, too."""
SPOILT_SECONDS = 4.0
"""How long a fault lasts that does not end by itself, before a person mends the board."""
_HAND_SECONDS = 0.4
_STOP_UNSEEN = {Reason.BOARD_LOST, Reason.POWER_STAYS_ON}
"""What the screen says where the station cannot see the coils off: the supply is to be switched off first."""
_LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class BoardCell:
    """One fault of one kind of answer, at one moment."""

    fault: str
    question: str
    moment: str
    length: str

    def __str__(self) -> str:
        return f"board {self.fault} when the station {QUESTIONS[self.question]}, {self.moment}, {self.length}"


def all_board_cells() -> Iterator[BoardCell]:
    """Every fault of every answer at every moment, once and on and on."""
    for fault in FAULTS:
        for question in QUESTIONS:
            for moment in MOMENTS:
                for length in LENGTHS:
                    yield BoardCell(fault, question, moment, length)


def sparse_board_cells() -> Iterator[BoardCell]:
    """Every fault of every answer, moments and lengths by turns."""
    moments, lengths = list(MOMENTS), list(LENGTHS)
    for row, fault in enumerate(FAULTS):
        for column, question in enumerate(QUESTIONS):
            yield BoardCell(fault, question, moments[(row + column) % 4], lengths[(row + column // 4) % 2])


async def run_board_cell(
    bench: Bench, folder: Path, place: SlotName, broker_port: int, releases: Any, cell: BoardCell
) -> Ending:
    """Let the board fail, do what the slot's line says, and tell what became of the hub."""
    return await _Cell(bench, folder, place, broker_port, cell).run(releases)


class _Cell:
    """One cell while it lasts."""

    def __init__(
        self, bench: Bench, folder: Path, place: SlotName, broker_port: int, cell: BoardCell
    ) -> None:
        folder.mkdir()
        self._bench = bench
        self._cell = cell
        self._place = place
        self._jig = int(place.jig.removeprefix("jig"))
        self._hub = bench.hub("old")
        self._other = bench.hub("new")
        settings = with_boards(
            bench,
            bench.settings(
                folder / "state",
                {place.jig: [place.slot]},
                station=folder.name,
                mqtt={"port": broker_port},
                drain_seconds=0,
            ),
        )
        self._settings = StationSettings.model_validate(settings)
        self._trace = Trace(folder / "trace.jsonl")
        self._shown = Shown(self._trace)
        self._view: SlotView | None = None
        self._seated = self._hub
        self._seated_again: SlotView | None = None
        self._changed = asyncio.Event()
        self._moment_came = asyncio.Event()
        self._words: list[str] = []
        self._wrong: list[str] = []

    async def run(self, releases: Any) -> Ending:
        begun = (await self._bench.do("diary", only_count=True))["count"]
        names = {"site": self._settings.site, "station": self._settings.station}
        async with Journal.open(self._settings.journal_folder, **names) as journal:
            await import_order(journal, order_csv(self._hub), self._place.jig)
        daemon = Daemon(self._settings, on_view=self._see)
        async with asyncio.timeout(CELL_SECONDS), asyncio.TaskGroup() as group:
            running = group.create_task(daemon.run())
            await self._play()
            until = boot_seconds()
            daemon.stop()
            await running
        hubs = (self._hub, self._other)
        books = Books(self._settings.journal_folder)
        books.against_hubs(hubs, {str(hub.chf): await self._bench.look(hub) for hub in hubs})
        diary = await asyncio.to_thread(self._bench.diary, begun)
        mine = {str(hub.chf) for hub in hubs}
        about = [
            entry
            for entry in diary
            if entry.get("chf") in mine or ("chf" not in entry and entry.get("jig") == self._jig)
        ]
        place = (self._jig, self._place.slot)
        books.against_witness(about, self._trace.read(), hubs, releases, [place], until)
        return Ending(", ".join(self._words), (*self._wrong, *books.findings.lines))

    def _see(self, view: SlotView) -> None:
        before, self._view = self._view, view
        if (before is None or before.stage != view.stage) and view.stage == "flash":
            self._moment_came.set()
        self._shown.see(view)
        self._changed.set()

    async def _play(self) -> None:
        cell, hub = self._cell, self._hub
        await self._until(self._is_empty, "the slot is empty and the board works")
        if cell.moment == "seat":
            await self._spoil()
        await self._bench.seat(hub, self._place)
        if cell.moment == "exchange":
            await self._until(lambda: self._is_at_rest(hub), "the hub passed")
            await self._spoil()
            await asyncio.sleep(_HAND_SECONDS)
            await self._bench.unseat(self._place)
            await asyncio.sleep(_HAND_SECONDS)
            hub = self._seated = self._other
            await self._bench.seat(hub, self._place)
        elif cell.moment in {"flash", "stop"}:
            await self._until_moment()
            await self._spoil()
        if cell.moment == "stop":
            await self._stop_and_reset()
        if cell.length != "once":
            await self._settle(hub)
            await self._board(act="disarm")
        await self._until(lambda: self._shows(hub), "the hub has its result", helping=True)
        await self._lamp_follows(hub)
        await self._until(lambda: self._shows(hub), "the hub has its result", helping=True)
        assert self._view is not None
        self._words.append(str(self._view.outcome))
        if self._view.code is not None:
            self._words.append(str(self._view.code))

    async def _spoil(self) -> None:
        times = LENGTHS[self._cell.length]
        await self._board(act="arm", fault=self._cell.fault, on=self._cell.question, times=times)
        if self._cell.question == "identity":  # which is asked of a board that comes back
            await self._board(act="unplug")
            await self._board(act="plug")

    async def _stop_and_reset(self) -> None:
        """Press the stop, make the jig safe, release it; after a while the technician resets the jig.

        The stop acts by itself. A station that cannot learn of it, or cannot see its coils off, has to say so: then
        whoever releases the stop has been told.
        """
        await self._board(act="press_stop")
        await asyncio.sleep(4 * _HAND_SECONDS)
        with suppress(AssertionError):  # nobody releases it before the screen has said to
            await self._until(self._is_told_what_becomes_of_the_stop, "an alarm")
        told = self._told()
        await self._board(act="release_stop")
        if not told & {Reason.STOP_PRESSED, Reason.STOP_STILL_ON} or told & _STOP_UNSEEN:
            if not told and (self._cell.fault, self._cell.question) != ("frozen", "inputs"):
                self._wrong.append("nothing was said of the emergency stop or of its board")
            return
        until = boot_seconds() + 2 * _HAND_SECONDS
        while boot_seconds() < until:
            if (await self._board())["powered"][self._place.slot - 1]:
                self._wrong.append("the slot has power after the stop's release and before the reset")
                break
            await asyncio.sleep(_LOOK_SECONDS)

    async def _settle(self, hub: StockHub) -> None:
        """Wait for the hub's result while the board is spoilt, as long as that lasts."""
        until = boot_seconds() + SPOILT_SECONDS
        while boot_seconds() < until and not await self._is_at_rest(hub):
            await self._help()  # which is never broken off: a hand that has taken a hub out seats it again
            await self._next_change()

    async def _lamp_follows(self, hub: StockHub) -> None:
        """See that the mended board's lamp shows what the screen shows, some looks later at the latest."""
        try:
            async with asyncio.timeout(CELL_SECONDS / 6):
                while not await self._is_at_rest(hub):
                    await self._next_change()
        except TimeoutError:
            self._wrong.append("the lamp does not show what the screen shows")

    async def _until_moment(self) -> None:
        async with asyncio.timeout(CELL_SECONDS / 4):
            await self._moment_came.wait()

    async def _until(self, right: Callable[[], Awaitable[bool]], what: str, *, helping: bool = False) -> None:
        try:
            async with asyncio.timeout(CELL_SECONDS / 3):
                while not await right():
                    if helping:
                        await self._help()
                    await self._next_change()
        except TimeoutError:
            raise AssertionError(f"waited for: {what}; the slot shows {self._view!r}") from None

    async def _next_change(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_SECONDS):
                await self._changed.wait()
        self._changed.clear()

    async def _is_empty(self) -> bool:
        heard = (await self._board())["heartbeat"] > 0
        return heard and self._view is not None and self._view.phase == "empty" and not self._told()

    async def _is_told_what_becomes_of_the_stop(self) -> bool:
        told = self._told()
        return bool(told) and (Reason.STOP_STILL_ON not in told or bool(told & _STOP_UNSEEN))

    def _told(self) -> set[Reason | Code]:
        """Return what is said to keep hubs from being begun with."""
        return {each.reason for each in self._view.interlocks} if self._view is not None else set()

    async def _shows(self, hub: StockHub) -> bool:
        view = self._view
        return view is not None and str(view.phase) in RESULT_PHASES and view.chf == hub.chf

    async def _is_at_rest(self, hub: StockHub) -> bool:
        """Whether screen and lamp show a result of the hub that sits there."""
        if not await self._shows(hub) or self._view is None:
            return False
        lamp = (await self._board())["lamps"][self._place.slot - 1]
        return (lamp == GREEN_LAMP) == (str(self._view.phase) in GREEN_PHASES)

    async def _help(self) -> None:
        """Do what the line asks for: a reset after a stop, a slot put back into use."""
        view = self._view
        request: dict[str, Any] | None = None
        if self._cell.moment == "stop" and self._told():
            request = {"do": "reset_jig", "jig": self._place.jig}
        elif view is not None and view.phase == "out_of_use":
            request = {"do": "enable_slot", "jig": self._place.jig, "slot": self._place.slot}
        if request is not None:
            with suppress(*desk_client.REFUSED):
                await desk_client.ask(self._settings.state_directory, **request)
        elif (
            view is not None
            and self._seated_again != view
            and (view.phase == "reseat" or (view.phase == "failed" and view.chf is None))
        ):
            self._seated_again = view
            if view.phase == "failed":
                self._words.append("seated again")
            await self._bench.unseat(self._place)
            await asyncio.sleep(_HAND_SECONDS)
            await self._bench.seat(self._seated, self._place)

    async def _board(self, **act: Any) -> dict[str, Any]:
        return await self._bench.do("board", jig=self._jig, **act)
