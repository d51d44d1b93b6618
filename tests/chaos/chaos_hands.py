"""A technician who does what the station's lines say, and is clumsy at times."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from station_bench import Bench, StockHub

from station.control import ControlError, ask_daemon
from station.records.events import Place

GLANCE_SECONDS = 0.15
"""Between two looks at the lamps."""
PATIENCE_SECONDS = 8.0
"""After which a hub that the station does not notice is seated again."""
MOST_VISITS = 8
"""After which a hub goes to the crate, whatever the line says."""


@dataclass(frozen=True)
class Told:
    """What a slot's line said of a hub."""

    chf: str
    outcome: str
    line: str


class Technician:
    """Seats every hub, takes it out when it is done, finds it when it is missing, until none is left."""

    def __init__(
        self, bench: Bench, state: Path, places: Iterable[Place], hubs: Iterable[StockHub], seed: int
    ) -> None:
        self.told: list[Told] = []
        self.crate: dict[str, str] = {}
        """Hubs that are done with, by CHF, and the last line about each."""
        self._bench = bench
        self._state = state
        self._random = random.Random(seed)
        self._in_hand = deque(hubs)
        self._seats: dict[Place, StockHub | None] = dict.fromkeys(places)
        self._since: dict[Place, float] = {}
        self._read: dict[Place, str] = {}
        self._visits: Counter[str] = Counter()

    @property
    def left(self) -> int:
        """How many hubs are not in the crate yet."""
        return len(self._in_hand) + sum(hub is not None for hub in self._seats.values())

    async def work(self, *, clumsiness: float) -> None:
        """Serve the slots until every hub is in the crate. At each glance a hub at work may be knocked."""
        while self.left:
            await self._fill()
            try:
                status = await ask_daemon(self._state, {"do": "status"})
            except ControlError:
                status = {"slots": []}  # it is dead, or dying
            for view in status["slots"]:
                await self._serve(Place(**view["place"]), view, clumsiness)
            await asyncio.sleep(GLANCE_SECONDS)

    async def _fill(self) -> None:
        empty = [place for place, hub in self._seats.items() if hub is None]
        self._random.shuffle(empty)
        for place in empty[: len(self._in_hand)]:
            hub = self._in_hand.popleft()
            await self._bench.seat(hub, place)
            self._seats[place] = hub
            self._since[place] = time.monotonic()
            self._visits[str(hub.chf)] += 1

    async def _serve(self, place: Place, view: dict[str, Any], clumsiness: float) -> None:
        hub = self._seats[place]
        if view["phase"] == "out_of_use":
            await self._enable(place)
            return
        if hub is None:
            return
        about_this_hub = view["chf"] in {None, str(hub.chf)}
        if view["phase"] == "working" and self._random.random() < clumsiness:
            await self._knock(place, hub)
        elif view["outcome"] is not None and about_this_hub and self._is_news(place, view):
            self.told.append(Told(str(hub.chf), view["outcome"], view["line"]))
            await self._take_out(place, hub)
            self._put(hub, view)
        elif self._is_missed(place, view, hub):
            await self._seat_again(place, hub, view["line"])

    def _is_missed(self, place: Place, view: dict[str, Any], hub: StockHub) -> bool:
        """Whether the station asks for this hub, or takes no notice of it."""
        if view["phase"] == "find_hub":
            return view["chf"] == str(hub.chf) and self._is_news(place, view)
        return view["phase"] == "empty" and time.monotonic() - self._since[place] > PATIENCE_SECONDS

    def _is_news(self, place: Place, view: dict[str, Any]) -> bool:
        """Whether the line is newer than the last that was acted on: a slot takes a moment to see a change."""
        if self._read.get(place) == view["since"]:
            return False
        self._read[place] = view["since"]
        return True

    async def _take_out(self, place: Place, hub: StockHub) -> None:
        await self._bench.unseat(place)
        assert self._seats[place] is hub
        self._seats[place] = None

    def _put(self, hub: StockHub, view: dict[str, Any]) -> None:
        again = view["outcome"] == "failed" and view["disposition"] in {"retry_here", "retry_other_slot"}
        again = again or view["code"] == "in_two_slots"
        if again and self._visits[str(hub.chf)] < MOST_VISITS:
            self._in_hand.append(hub)
        else:
            self.crate[str(hub.chf)] = view["line"]

    async def _seat_again(self, place: Place, hub: StockHub, line: str) -> None:
        await self._take_out(place, hub)
        if self._visits[str(hub.chf)] < MOST_VISITS:
            self._in_hand.append(hub)
        else:
            self.crate[str(hub.chf)] = line

    async def _knock(self, place: Place, hub: StockHub) -> None:
        """Pull the hub out at work, or disturb its supply or its cable."""
        kind = self._random.choice(("pull", "power_loss", "reboot", "unplug_port"))
        if kind == "pull":
            await self._take_out(place, hub)
            self._visits[str(hub.chf)] -= 1
            self._in_hand.append(hub)
        else:
            await self._bench.fault(place, kind, seconds=round(self._random.uniform(0.05, 1.0), 2))

    async def _enable(self, place: Place) -> None:
        try:
            await ask_daemon(self._state, {"do": "enable_slot", "jig": place.jig, "slot": place.slot})
        except ControlError:
            return  # it died meanwhile; a new life begins with every slot in use
