"""Three people who unload 24 slots and pack, with mix-ups, while the station is killed; and what is in the crates in the end."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
from collections import Counter, deque
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from packing_station import order_of

from benches.journal_samples import chf, gpf
from benches.packing_model import Escape, model_of
from station.control.client import ConnectionLost, NoDaemon, ask_daemon
from station.desk.packing_requests import DecideHub, OpenCarton, PackHub, PutHub, ReleaseCarton
from station.desk.refusals import Refused
from station.desk.request import Command
from station.domain.destination import Destination
from station.packing.codes import PackageCode
from station.records.reader import JournalReader
from station.records.rebuild import rebuild

STATION = Path(__file__).with_name("packing_station.py")
SLOTS = 24
MIX_UPS = 0.05
ENDS: tuple[tuple[dict[str, Any], int], ...] = (
    ({"outcome": "passed"}, 80),
    ({"outcome": "already_current"}, 5),
    ({"outcome": "failed", "disposition": "rework", "code": "not_locked"}, 5),
    ({"outcome": "failed", "disposition": "retry_other_slot", "code": "no_answer"}, 6),
    ({"outcome": "failed", "disposition": "scrap", "code": "no_answer"}, 2),
    ({"outcome": "rejected", "code": "not_pending"}, 2),
)
GOOD = {("passed", None), ("already_current", None), ("rejected", "already_passed")}
PLACE_OF = {
    ("failed", "not_locked"): Destination.REWORK,
    ("rejected", "not_pending"): Destination.PARTY,
    ("rejected", "not_on_order"): Destination.QUARANTINE,
}


class Hall:
    """The station's process, and the hands around it. Everything random comes from the seed, but the moment of a death."""

    def __init__(self, folder: Path, seed: int, scans: int, hubs: int, kills: int) -> None:
        self.folder = folder
        self.chance = random.Random(seed)
        self.wanted, self.hubs, self.kills = scans, hubs, kills
        self.counts: Counter[str] = Counter()
        self.millis: list[float] = []
        self.tray = deque(self.chance.sample(range(2 * hubs + hubs // 20), 2 * hubs + hubs // 20))
        self.in_slots: dict[int, dict[str, Any]] = {}
        self.free_slots = deque(range(1, SLOTS + 1))
        self.unloaded: dict[int, tuple[str, str | None]] = {}
        """What the slot said of the hubs that lie beside it."""
        self.where: dict[int, tuple[Destination, str | None]] = {}
        """Which crate a hub lies in: the world, not the books."""
        self.open_cartons: dict[str, str] = {}
        self.opening = asyncio.Lock()
        self.up = asyncio.Event()
        self.process: asyncio.subprocess.Process | None = None
        self.finding: list[str] = []

    # The station -----------------------------------------------------------------------------------------------

    async def station(self) -> None:
        """Keep it running: killed, it is started again."""
        while True:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                str(STATION),
                str(self.folder),
                str(self.hubs),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )
            try:
                assert self.process.stdout is not None
                while line := await self.process.stdout.readline():
                    if line.endswith(b"\n"):
                        self.hear(json.loads(line))
                self.up.clear()
                if (code := await self.process.wait()) != -signal.SIGKILL:
                    raise RuntimeError(f"the station ended by itself, with {code}")
            finally:
                self.up.clear()
                with suppress(ProcessLookupError):
                    self.process.kill()
                await self.process.wait()

    def hear(self, told: dict[str, Any]) -> None:
        if "ready" in told:
            for seated in self.in_slots.values():
                self.say(seated)  # whoever sits there is seen again
            self.up.set()
            return
        hub = told["done"]
        seated = self.in_slots.pop(hub, None)
        if seated is not None:
            self.free_slots.append(seated["slot"])
            self.unloaded[hub] = (told["outcome"], told["code"])

    def say(self, seated: dict[str, Any]) -> None:
        if self.process is not None and self.process.stdin is not None:
            with suppress(ConnectionError, RuntimeError):
                self.process.stdin.write(json.dumps(seated).encode() + b"\n")

    def seat(self, hub: int) -> None:
        end = self.chance.choices([end for end, _ in ENDS], [weight for _, weight in ENDS])[0]
        seated = {"seat": hub, "slot": (self.free_slots.popleft() - 1) % 8 + 1, "end": end}
        self.in_slots[hub] = seated
        self.where.pop(hub, None)
        if self.up.is_set():
            self.say(seated)

    async def killer(self) -> None:
        """Kill it so often, spread over the scans."""
        for number in range(1, self.kills + 1):
            while self.counts["scans"] < number * self.wanted / (self.kills + 1):  # noqa: ASYNC110 - hands do not tell
                await asyncio.sleep(0.005)
            await self.up.wait()
            await asyncio.sleep(self.chance.random() * 0.02)
            assert self.process is not None
            with suppress(ProcessLookupError):
                self.process.kill()
            self.up.clear()
            self.counts["kills"] += 1

    # Hands -----------------------------------------------------------------------------------------------------

    async def ask(self, command: Command[Any]) -> Any:
        """Ask until there is an answer, under one key."""
        key, died = uuid4(), False
        while True:
            await self.up.wait()
            begun = time.perf_counter()
            try:
                answer = await ask_daemon(self.folder, command, key=key)
            except (ConnectionLost, NoDaemon):
                died = True
                self.counts["asked again"] += 1
                await asyncio.sleep(0.02)
                continue
            except Refused:
                self.note(begun, died)
                raise
            self.note(begun, died)
            return answer

    def note(self, begun: float, died: bool) -> None:
        if not died:
            self.millis.append((time.perf_counter() - begun) * 1000)

    async def hand(self) -> None:
        """Unload, mix up now and then, pack; seat what is to be seated."""
        while self.counts["scans"] < self.wanted:
            while self.tray and self.free_slots:
                self.seat(self.tray.popleft())
            if not self.unloaded:
                if not self.tray and not self.in_slots:
                    self.take_apart()
                await asyncio.sleep(0.001)
                continue
            hub = self.chance.choice(list(self.unloaded))
            said = self.unloaded.pop(hub)
            held = hub
            if self.chance.random() < MIX_UPS:
                held = self.other_than(hub)
                self.unloaded.pop(held, None)
                self.counts["mix-ups"] += held != hub
            await self.bring(held, said)
            if held != hub and hub not in self.where and hub not in self.in_slots:
                self.unloaded[hub] = said
            if self.chance.random() < 0.02:
                self.take_apart()

    def other_than(self, hub: int) -> int:
        """Whatever else lies about: another unloaded hub, or one that is packed already."""
        about = [each for each in (*self.unloaded, *self.where) if each != hub]
        return self.chance.choice(about) if about else hub

    def take_apart(self) -> None:
        """Somebody takes a packed hub for one that is still to be done, and puts it on the tray."""
        packed = [hub for hub, (place, _) in self.where.items() if place is Destination.CARTON]
        if packed:
            hub = self.chance.choice(packed)
            del self.where[hub]
            self.tray.append(hub)
            self.counts["packed and seated again"] += 1

    async def bring(self, hub: int, said: tuple[str, str | None]) -> None:
        """Bring the hub in hand to where the slot's word sends the hub that it is taken for."""
        if said not in GOOD and said not in PLACE_OF and said[1] != "no_answer":
            raise AssertionError(said)
        was = self.where.pop(hub, None)
        if said in GOOD:
            await self.pack(hub, was)
        elif said in PLACE_OF:
            await self.put(hub, PLACE_OF[said], was)
        else:
            self.tray.append(hub)

    async def pack(self, hub: int, was: tuple[Destination, str | None] | None) -> None:
        order = order_of(hub, self.hubs) or self.chance.choice(("WO-1", "WO-2"))
        async with self.opening:
            if order not in self.open_cartons:
                self.open_cartons[order] = (await self.ask(OpenCarton(order=order))).carton
        carton = self.open_cartons[order]
        self.counts["scans"] += 1
        try:
            answer = await self.ask(PackHub(id=self.chance.choice((chf, gpf))(hub), carton=carton))
        except Refused as refused:
            await self.obey(hub, refused, was)
            return
        self.counts["packed"] += 1
        self.where[hub] = (Destination.CARTON, carton)
        if answer.closed and self.open_cartons.get(order) == carton:
            del self.open_cartons[order]

    async def put(self, hub: int, place: Destination, was: tuple[Destination, str | None] | None) -> None:
        self.counts["scans"] += 1
        try:
            await self.ask(PutHub(id=gpf(hub), role="GPF", place=place))
        except Refused as refused:
            await self.obey(hub, refused, was)
            return
        self.where[hub] = (place, None)

    async def obey(self, hub: int, refused: Refused, was: tuple[Destination, str | None] | None) -> None:
        """Do what the line says."""
        self.counts["refused"] += 1
        line, belongs = str(refused), refused.facts.get("belongs", "")
        if "is held" in line or "is closed" in line or "is filled" in line:
            order = order_of(hub, self.hubs)
            code = self.open_cartons.pop(order or "", None)
            if code is not None and "is held" in line:
                with suppress(Refused):
                    await self.ask(ReleaseCarton(carton=code, reason="counted"))
            self.tray.append(hub)  # read once more, to be safe
        elif was is not None:
            self.where[hub] = was  # it is in its place by the books too: back with it
        elif belongs is None:
            self.tray.append(hub)
        elif belongs == Destination.SCRAP:
            with suppress(Refused):
                await self.ask(DecideHub(id=chf(hub), place=Destination.SCRAP, reason="failed in two slots"))
                self.where[hub] = (Destination.SCRAP, None)
        elif belongs == Destination.CARTON:
            self.unloaded[hub] = ("passed", None)
        elif belongs:
            await self.put(hub, Destination(belongs), None)
        else:
            self.tray.append(hub)

    # The end ---------------------------------------------------------------------------------------------------

    async def play(self) -> dict[str, Any]:
        begun = time.monotonic()
        async with asyncio.TaskGroup() as group:
            station = group.create_task(self.station())
            killer = group.create_task(self.killer())
            hands = [group.create_task(self.hand()) for _ in range(3)]
            await asyncio.gather(*hands)
            await self.up.wait()
            killer.cancel()
            station.cancel()
        seconds = time.monotonic() - begun
        self.count_what_is_in_the_crates()
        millis = sorted(self.millis)
        return {
            **{key: self.counts[key] for key in sorted(self.counts)},
            "answer_ms": {"p50": _part(millis, 0.5), "p95": _part(millis, 0.95), "p99": _part(millis, 0.99)},
            "seconds": round(seconds, 1),
            "escapes": self.counts["escapes"],
            "lost": self.counts["lost"],
        }

    def count_what_is_in_the_crates(self) -> None:
        """Hold the world against the books, and the books against the facts."""
        with JournalReader(self.folder / "journal") as reader:
            try:
                model = model_of(reader.events())
            except Escape as escape:
                self.counts["escapes"] += 1
                self.finding.append(str(escape))
                return
        if differing := rebuild(self.folder / "journal").differing:
            self.finding.append(f"tables differ: {differing}")
            self.counts["lost"] += 1
        for hub, (place, code) in self.where.items():
            books = model.places.get(chf(hub)) or model.places.get(gpf(hub))
            number = None if code is None else PackageCode.parse(code).number
            if books is None or (books.place, books.carton) != (place, number):
                self.counts["lost"] += 1
                self.finding.append(f"hub {hub} lies in {place} {code}, by the books {books}")
            if place is Destination.CARTON:
                order = order_of(hub, self.hubs)
                line = model.lines[order or ""].get(chf(hub))
                last = None if order is None else model.last(chf(hub), order)
                if line is None or order is None or last is None or not model.is_good(last, order, line):
                    self.counts["escapes"] += 1
                    self.finding.append(f"hub {hub} lies in a carton: {last}")


def _part(values: list[float], part: float) -> float:
    return round(values[min(len(values) - 1, int(len(values) * part))], 1) if values else 0.0
