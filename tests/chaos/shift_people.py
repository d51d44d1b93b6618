"""People at a bench whose hands take time: each serves whatever is done first, a slot or, by the batch, a whole jig."""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from benches import desk_client
from benches.station_bench import ORDER, Bench, StockHub
from station.bench.changes import Changes
from station.control.client import ask_daemon
from station.desk.label_requests import ScanLabel
from station.desk.packing_requests import OpenCarton, PackHub
from station.domain.slot_name import SlotName
from station.throughput.capacity import Loading


@dataclass
class Shift:
    """Slots, hubs, and what people have done so far. `hands` are seconds of each act, in the middle."""

    bench: Bench
    state: Path
    hands: dict[str, float]
    store: deque[StockHub]
    seats: dict[SlotName, StockHub | None]
    until: float
    """When no hub is seated any more, on `time.monotonic`'s clock."""
    dice: random.Random
    """How long each act takes this time: from half to one and a half of its seconds."""
    loading: Loading = Loading.CONTINUOUS
    """By the batch a jig's lid is opened once all its hubs are done, and closed once it is full."""
    spent: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Seconds, of all people, by act."""
    boots: list[float] = field(default_factory=list)
    """Seconds from a hub's start until it was worked on: the board's debouncing is in it, which is no shorter here."""
    packed: list[float] = field(default_factory=list)
    """When each hub was packed."""
    _taken: int = 0
    """Hubs that somebody took in hand so far."""
    _done: dict[SlotName, StockHub] = field(default_factory=dict)
    _ready: asyncio.Queue[tuple[SlotName, ...]] = field(default_factory=asyncio.Queue)
    """Slots that are served together, and have no hub that is not done."""
    _carton: str | None = None
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    _seated: dict[SlotName, float] = field(default_factory=dict)
    _shown: dict[SlotName, object] = field(default_factory=dict)
    """The hub that each slot shows."""
    _changes: Changes = field(default_factory=Changes)
    _all_out: asyncio.Event = field(default_factory=asyncio.Event)

    async def play(self, people: int) -> float:
        """Work until the last hub is packed; return the seconds that took."""
        begun = time.monotonic()
        async with self._watched() as watching:
            for places in self._together:
                self._ready.put_nowait(places)
            at_work = [asyncio.create_task(self._work()) for _ in range(people)]
            try:
                over = asyncio.create_task(self._all_out.wait())
                await asyncio.wait((*at_work, watching, over), return_when=asyncio.FIRST_COMPLETED)
                for task in (*at_work, watching):
                    if task.done():
                        task.result()
            finally:
                for task in (*at_work, over):
                    task.cancel()
                await asyncio.gather(*at_work, over, return_exceptions=True)
        return max(self.packed) - begun

    @property
    def _together(self) -> list[tuple[SlotName, ...]]:
        """What is served together."""
        if self.loading is Loading.CONTINUOUS:
            return [(place,) for place in self.seats]
        return [tuple(places) for _, places in groupby(self.seats, key=lambda place: place.jig)]

    @asynccontextmanager
    async def _watched(self) -> AsyncIterator[asyncio.Task[None]]:
        watching = asyncio.create_task(self._watch())
        try:
            yield watching
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _watch(self) -> None:
        async with desk_client.watching(self.state) as news:
            async for told in news:
                for view in told["slots"]:
                    self._see(SlotName(**view["place"]), view)

    def _see(self, place: SlotName, view: dict[str, object]) -> None:
        self._shown[place] = view["chf"]
        self._changes.tell()
        hub = self.seats.get(place)
        if hub is None or view["chf"] != str(hub.chf):
            return
        if view["phase"] == "working" and place in self._seated:
            self.boots.append(time.monotonic() - self._seated.pop(place))
        elif view["outcome"] is not None:
            if view["outcome"] != "passed":
                raise AssertionError(f"{place}: {view['outcome']}, {view['line']}")
            self.seats[place] = None
            self._done[place] = hub
            places = next(each for each in self._together if place in each)
            if all(self.seats[each] is None for each in places):
                self._ready.put_nowait(places)

    async def _work(self) -> None:
        at_once = len(self._together[0])
        while True:
            fetched: deque[StockHub] = deque()
            while len(fetched) < at_once and (following := self._next()) is not None:
                async with self._act("unpack"):
                    pass
                fetched.append(following)
            places = await self._ready.get()
            out = {place: self._done.pop(place) for place in places if place in self._done}
            await self._lid("open", places)
            for place in places:
                await self._exchange(place, out.get(place), fetched.popleft() if fetched else None)
            await self._lid("close", places)
            for place, hub in out.items():
                async with self._act("pack"):
                    await self._noticed(place, hub)
                    await self._pack(hub)
                self.packed.append(time.monotonic())
            if len(self.packed) == self._taken and not self._goes_on:
                self._all_out.set()

    async def _exchange(self, place: SlotName, out: StockHub | None, following: StockHub | None) -> None:
        """Take one hub out, and put the next one in."""
        if out is None and following is None:
            return
        if out is not None:
            await self.bench.unseat(place)
        async with self._act("seat", 1.0 if out and following else 0.5):
            pass
        if following is not None:
            async with self._act("scan"):
                await self._noticed(place, out)
                scan = ScanLabel(jig=place.jig, slot=place.slot, id=following.gpf, role="GPF")
                await ask_daemon(self.state, scan)
            self.seats[place] = following
            self._seated[place] = time.monotonic()
            await self.bench.seat(following, place)

    async def _lid(self, act: str, places: Sequence[SlotName]) -> None:
        """Where a lid begins it, hubs are on their way from then on."""
        if self.loading is Loading.BATCH:
            self._seated |= dict.fromkeys(self._seated.keys() & set(places), time.monotonic())
            await self.bench.do("board", jig=int(places[0].jig.removeprefix("jig")), act=f"{act}_lid")

    @property
    def _goes_on(self) -> bool:
        return bool(self.store) and time.monotonic() < self.until

    def _next(self) -> StockHub | None:
        if not self._goes_on:
            return None
        self._taken += 1
        return self.store.popleft()

    @asynccontextmanager
    async def _act(self, name: str, share: float = 1.0) -> AsyncIterator[None]:
        begun = time.monotonic()
        await asyncio.sleep(share * self.hands[name] * self.dice.uniform(0.5, 1.5))
        yield
        self.spent[name] += time.monotonic() - begun

    async def _pack(self, hub: StockHub) -> None:
        async with self._opening:
            if self._carton is None:
                self._carton = (await ask_daemon(self.state, OpenCarton(order=ORDER))).carton
            put = await ask_daemon(self.state, PackHub(id=hub.gpf, role="GPF", carton=self._carton))
            self._carton = None if put.closed else self._carton

    async def _noticed(self, place: SlotName, out: StockHub | None) -> None:
        """Wait until the slot shows the hub no more that was taken out: what is scanned before is held against it."""
        if out is not None:
            await self._changes.until(lambda: self._shown.get(place) != str(out.chf))
