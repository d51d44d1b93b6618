"""One life of a station in which a scenario is played: in a fork, with the scenario's acts at its own awaits.

The life ends by itself once everything was done, the bench was tidied, and every hub of the order that sits in a slot
has its result.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from crash_points import Point, act_at, die
from witness import GRACE_SECONDS, GREEN_LAMP, GREEN_PHASES, RESULT_PHASES, Shown, Trace

from benches import desk_client
from benches.sentences import line_of
from station.daemon.assembly import Daemon
from station.desk.rights import request_named
from station.domain.slot_view import SlotView
from station.settings import StationSettings

QUIET_SECONDS = 6.0
"""How long the acts may take, and the station over them, before the bench is tidied: longer than any grace."""
LONGEST_TIDY_SECONDS = 35.0
LOOK_SECONDS = 0.05
RESTED_LOOKS = 14
"""After so many looks at rest in a row no more points are waited for."""
_HANDLING_SECONDS = 0.5
_AT_REST = {"empty", "seated", "find_hub", "no_port", "emergency_stop", "out_of_use", "reseat"}
"""What an empty slot may show in the end."""


class Stuck(Exception):
    """A hub that sits in a slot gets no result. One line."""


class Play:
    """The acts, and whether they are done."""

    def __init__(self, settings: StationSettings, request: Mapping[str, Any]) -> None:
        self._settings = settings
        self._jig: str = request["jig"]
        self._control = request["control"]
        self._chfs: Mapping[str, str] = request["chfs"]
        self._listed: list[str] = request["listed"]
        self._trace = Trace(Path(request["trace"]))
        self._shown = Shown(self._trace)
        self._acts: Mapping[str, Any] = request["acts"]
        self._board: bool = request["board"]
        self._left = {int(number) for number in self._acts}
        self._is_over = False
        self._asked: set[asyncio.Task[None]] = set()
        self._seated_again: Counter[datetime] = Counter()
        self._views: dict[int, SlotView] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread = threading.get_ident()
        points: dict[Point, list[int]] = {}
        for number, act in self._acts.items():
            points.setdefault(Point(*act["point"]), []).append(int(number))
        act_at({point: partial(self._do_all, numbers) for point, numbers in points.items()})

    async def run(self) -> None:
        """Live. Raises Stuck."""
        self._loop = asyncio.get_running_loop()
        daemon = Daemon(self._settings, on_view=self._see)
        running = asyncio.create_task(daemon.run())
        try:
            await self._let_happen(running)
            self._is_over = True
            await self._tidy()
            try:
                async with asyncio.timeout(LONGEST_TIDY_SECONDS):
                    while not await self._at_rest(with_results=True):
                        await self._help()
                        await self._look_later(running)
            except TimeoutError:
                raise Stuck(await self._what_is()) from None
            if any(str(view.phase) == "already_current" for view in self._views.values()):
                await asyncio.sleep(GRACE_SECONDS + 2 * LOOK_SECONDS)  # so that the witness sees it last
        finally:
            daemon.stop()
            await running
            for task in self._asked:
                task.cancel()
            await asyncio.gather(*self._asked, return_exceptions=True)

    async def _let_happen(self, running: asyncio.Task[None]) -> None:
        """Return when every act is done, or no more of their points come, and the slots are at rest."""
        rested = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(QUIET_SECONDS):
                while rested < (RESTED_LOOKS if self._left else 1):
                    await self._look_later(running)
                    rested = rested + 1 if await self._at_rest() else 0

    def _see(self, view: SlotView) -> None:
        self._shown.see(view)
        self._views[view.place.slot] = view

    async def _look_later(self, running: asyncio.Task[None]) -> None:
        await asyncio.wait((running,), timeout=LOOK_SECONDS)
        if running.done():
            running.result()
            raise Stuck("the station ended by itself")

    async def _at_rest(self, *, with_results: bool = False) -> bool:
        """Whether every slot shows what it will go on showing."""
        rig = await asyncio.to_thread(self._rig, {"do": "slots"})
        if rig["hands_busy_here"] or self._asked:
            return False
        lamps = (await asyncio.to_thread(self._rig, {"do": "board"}))["lamps"] if self._board else None
        for slot in rig["slots"]:
            view = self._views.get(slot["slot"])
            if view is None:
                return False
            phase = str(view.phase)
            if not slot["occupied"]:
                if phase not in _AT_REST:
                    return False
            elif (with_results or slot["powered"]) and not (
                phase in RESULT_PHASES and str(view.chf) == slot["chf"] and not _asks_to_seat_again(view)
            ):
                return False
            if lamps is not None and (lamps[slot["slot"] - 1] == GREEN_LAMP) != (phase in GREEN_PHASES):
                return False
        return True

    async def _what_is(self) -> str:
        """Say what the slots show, and what the rig knows of them."""
        rig = await asyncio.to_thread(self._rig, {"do": "slots"})
        shown = "; ".join(f"{view.phase} {view.chf}: {line_of(view)}" for view in self._views.values())
        sits = ", ".join(f"{slot['chf']} (powered: {slot['powered']})" for slot in rig["slots"])
        board = await asyncio.to_thread(self._rig, {"do": "board"}) if self._board else {"lamps": None}
        return (
            f"{shown}; in truth {sits}, lamps {board['lamps']}, hands busy {rig['hands_busy_here']},"
            f" asked {len(self._asked)}"
        )

    async def _tidy(self) -> None:
        """Put everything right that a person can put right, and seat the hubs of the order."""
        do = partial(asyncio.to_thread, self._rig)
        await do({"do": "hands_idle"})
        if self._board:
            for act in ({"act": "fault", "fault": "none"}, {"act": "plug"}, {"act": "release_stop"}):
                await do({"do": "board", **act})
        for slot in (1, 2):
            await do({"do": "disarm", "slot": slot})
            await do({"do": "port", "slot": slot, "plugged": True})
        seats = {slot["slot"]: slot["chf"] for slot in (await do({"do": "slots"}))["slots"]}
        wanted = [chf for chf in self._listed if chf not in seats.values()]
        for slot, chf in seats.items():
            if chf is not None and chf not in self._listed:
                await do({"do": "unseat", "slot": slot})
                seats[slot] = None
        for slot, chf in seats.items():
            if chf is None and wanted:
                await asyncio.sleep(0.3)
                await do({"do": "seat", "slot": slot, "chf": wanted.pop(0)})
        await self._help()

    async def _help(self) -> None:
        """Do what the slots' lines ask a person for: a reset, a slot put back into use, a hub seated again."""
        if self._board and any(view.interlocks for view in self._views.values()):
            await self._ask({"do": "reset_jig"})
        for number, view in tuple(self._views.items()):
            if str(view.phase) == "out_of_use":
                await self._ask({"do": "enable_slot", "slot": number})
            elif (_asks_to_seat_again(view) or str(view.phase) in {"find_hub", "reseat"}) and (
                self._seated_again[view.since] < 1
            ):
                self._seated_again[view.since] += 1
                await self._seat_again(number, str(view.chf) if str(view.phase) == "find_hub" else None)

    async def _seat_again(self, number: int, asked_for: str | None) -> None:
        """Seat the hub that is asked for by name, wherever there is room or here; or the slot's own hub once more."""
        do = partial(asyncio.to_thread, self._rig)
        await asyncio.sleep(_HANDLING_SECONDS)  # it may be on its way already
        seats = {slot["slot"]: slot["chf"] for slot in (await do({"do": "slots"}))["slots"]}
        chf = seats[number]
        if asked_for is not None and asked_for not in seats.values():
            room = next((slot for slot, chf in seats.items() if chf is None), number)
            if seats[room] is not None:
                await do({"do": "unseat", "slot": room})
                await asyncio.sleep(_HANDLING_SECONDS)
            await do({"do": "seat", "slot": room, "chf": asked_for})
            self._trace.write("found", where=room, chf=asked_for)
        elif chf is not None:
            await do({"do": "unseat", "slot": number})
            await asyncio.sleep(_HANDLING_SECONDS)
            await do({"do": "seat", "slot": number, "chf": chf})
            self._trace.write("seated again", where=number, chf=chf)

    # The acts, done in whatever thread has reached the point.

    def _do_all(self, numbers: list[int]) -> None:
        for number in numbers:
            if self._is_over or number not in self._left:
                continue
            self._left.discard(number)
            self._trace.write("act", number=number)
            for step in self._acts[str(number)]["steps"]:
                self._do(step)

    def _do(self, step: Mapping[str, Any]) -> None:
        match step["do"]:
            case "hands":
                self._rig({"do": "hands", "script": [self._placed(one) for one in step["script"]]})
            case "ask":
                assert self._loop is not None
                self._loop.call_soon_threadsafe(self._begin_asking, step)
            case "freeze":
                self._stand_still(lambda: _stop_and_continue(step["seconds"]))
            case "block" if threading.get_ident() == self._loop_thread:
                self._stand_still(lambda: time.sleep(step["seconds"]))
            case "block":
                time.sleep(step["seconds"])  # a slow disk: the rest goes on
            case "kill":
                self._trace.write("away", dead_seconds=step["dead_seconds"])
                die()
            case other:
                raise AssertionError(other)

    def _stand_still(self, how: Callable[[], None]) -> None:
        self._trace.write("away")
        how()
        self._trace.write("alive")

    def _begin_asking(self, step: Mapping[str, Any]) -> None:
        async def later() -> None:
            await asyncio.sleep(step.get("after", 0.0))
            await self._ask(step["request"])

        task = asyncio.get_running_loop().create_task(later())
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)

    async def _ask(self, request: Mapping[str, Any]) -> None:
        """Ask the daemon as a command would. What it refuses is refused."""
        with_jig = "jig" in request_named(request["do"]).model_fields
        asked = {**({"jig": self._jig} if with_jig else {}), **request}
        if "hub" in asked:
            asked |= {"id": self._chfs[asked.pop("hub")], "role": "CHF"}
        said = "done"
        try:
            await desk_client.ask(self._settings.state_directory, **asked)
        except desk_client.REFUSED as error:
            said = str(error)
        self._trace.write("asked", request=asked, said=said)

    def _placed(self, act: Mapping[str, Any]) -> dict[str, Any]:
        """Say which jig and which hub is meant."""
        placed = {**act, "jig": int(self._jig.removeprefix("jig"))}
        if "hub" in placed:
            placed["chf"] = self._chfs[placed.pop("hub")]
        if "fault" in placed and isinstance(placed["fault"], dict):
            placed["fault"] = {**placed["fault"], "jig": placed["jig"]}
        return placed

    def _rig(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Have something done to the rig, now: the thread waits for it."""
        placed = self._placed(request)
        with socket.socket(socket.AF_UNIX) as connection, connection.makefile("rwb") as lines:
            connection.connect(self._control)
            lines.write(json.dumps(placed).encode() + b"\n")
            lines.flush()
            answer: dict[str, Any] = json.loads(lines.readline())
        assert answer.pop("ok") or request["do"] in {"unseat", "seat"}, answer
        if request["do"] == "slots":
            answer["slots"] = [slot for slot in answer["slots"] if slot["jig"] == placed["jig"]]
            answer["hands_busy_here"] = answer["hands_busy"].get(str(placed["jig"]), 0)
        return answer


def _asks_to_seat_again(view: SlotView) -> bool:
    """Whether the line asks a person to take the hub out and to seat it once more."""
    return view.code in {"in_two_slots", "label_disagrees"} or (
        str(view.phase) == "failed" and view.chf is None
    )


def _stop_and_continue(seconds: float) -> None:
    """Stop this process, every thread of it (signal(7)), and have it go on after a while."""
    pid = os.getpid()
    with subprocess.Popen(["/bin/sh", "-c", f"sleep {seconds}; kill -CONT {pid}"]):
        os.kill(pid, signal.SIGSTOP)
