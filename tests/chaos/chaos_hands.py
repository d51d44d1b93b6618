"""A technician who does what the station's lines say, and is clumsy at times; and a desk that changes its mind."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from chaos_packer import Packer

from benches import desk_client
from benches.sentences import line_of
from benches.station_bench import Bench, StockHub
from station.domain.slot_name import SlotName

GLANCE_SECONDS = 0.15
"""Between two looks at the lamps."""
PATIENCE_SECONDS = 8.0
"""After which a hub that the station does not notice is seated again."""
_MOST_ASKED = 60
"""After which a jig stays with the order that it has."""
MOST_VISITS = 8
"""After which a hub goes to the crate, whatever the line says."""


@dataclass(frozen=True)
class Told:
    """What a slot said of a hub."""

    chf: str
    outcome: str
    recorded: datetime


def _as_scanned(label: StockHub) -> dict[str, Any]:
    return {"id": str(label.chf), "role": "CHF" if label.bridge_type is None else None}


class Technician:
    """Seats every hub, takes it out when it is done, finds it when it is missing, until none is left."""

    def __init__(
        self,
        bench: Bench,
        state: Path,
        places: Iterable[SlotName],
        hubs: Iterable[StockHub],
        seed: int,
        strangers: Iterable[StockHub] = (),
        packer: Packer | None = None,
        of_bridges: Collection[str] = (),
    ) -> None:
        """`strangers` are hubs that lie about and are on no order; `packer` gets whatever is done with.

        The jigs `of_bridges` get bridges, all others hubs; but hands exchange anything for anything.
        """
        self._of_bridges = frozenset(of_bridges)
        self._packer = packer
        self.acts: Counter[str] = Counter()
        """What was done at work that nobody had asked for."""
        self.told: list[Told] = []
        self.crate: dict[str, str] = {}
        """Hubs that are done with, by CHF, and the last line about each."""
        self._bench = bench
        self._state = state
        self._random = random.Random(seed)
        self._in_hand = deque(hubs)
        self._strangers = list(strangers)
        self._seats: dict[SlotName, StockHub | None] = dict.fromkeys(places)
        self._since: dict[SlotName, float] = {}
        self._read: dict[SlotName, str] = {}
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
                status = await desk_client.ask(self._state, "status")
            except desk_client.REFUSED:
                status = {"slots": []}  # it is dead, or dying
            for view in status["slots"]:
                await self._serve(SlotName(**view["place"]), view, clumsiness)
            for jig in {view["place"]["jig"] for view in status["slots"] if view["interlocks"]}:
                await self._ask("reset_jig", jig=jig)
            await asyncio.sleep(GLANCE_SECONDS)

    async def _fill(self) -> None:
        empty = [place for place, hub in self._seats.items() if hub is None]
        self._random.shuffle(empty)
        for place in empty:
            hub = next((one for one in self._in_hand if self._belongs_to(one, place)), None)
            if hub is not None:
                self._in_hand.remove(hub)
                await self._sit(place, hub)
                self._visits[str(hub.chf)] += 1

    def _belongs_to(self, hub: StockHub, place: SlotName) -> bool:
        """Whether the jig works on what this is: a hub, or a bridge."""
        return (place.jig in self._of_bridges) is (hub.bridge_type is not None)

    async def _serve(self, place: SlotName, view: dict[str, Any], clumsiness: float) -> None:
        hub = self._seats[place]
        if view["phase"] == "out_of_use":
            await self._ask("enable_slot", jig=place.jig, slot=place.slot)
            return
        if hub is None:
            return
        about_this_hub = view["chf"] in {None, str(hub.chf)}
        if view["phase"] == "working" and self._random.random() < clumsiness:
            await self._knock(place, hub)
        elif view["outcome"] is not None and about_this_hub and self._is_news(place, view):
            if view["phase"] != "put_aside":  # whose line is about a label, not about the result
                self.told.append(
                    Told(str(hub.chf), view["outcome"], datetime.fromisoformat(view["recorded"]))
                )
            await self._take_out(place, hub)
            self._put(hub, view)
        elif self._is_missed(place, view, hub):
            await self._seat_again(place, hub, line_of(view))

    def _is_missed(self, place: SlotName, view: dict[str, Any], hub: StockHub) -> bool:
        """Whether the station asks for this hub, or takes no notice of it."""
        if view["phase"] == "find_hub":
            return view["chf"] == str(hub.chf) and self._is_news(place, view)
        if view["phase"] == "reseat":
            return self._is_news(place, view)
        return view["phase"] == "empty" and time.monotonic() - self._since[place] > PATIENCE_SECONDS

    def _is_news(self, place: SlotName, view: dict[str, Any]) -> bool:
        """Whether the line is newer than the last that was acted on: a slot takes a moment to see a change."""
        if self._read.get(place) == view["since"]:
            return False
        self._read[place] = view["since"]
        return True

    async def _take_out(self, place: SlotName, hub: StockHub) -> None:
        await self._bench.unseat(place)
        assert self._seats[place] is hub
        self._seats[place] = None

    def _put(self, hub: StockHub, view: dict[str, Any]) -> None:
        again = view["outcome"] == "failed" and view["disposition"] in {"retry_here", "retry_other_slot"}
        again = again or view["code"] in {"in_two_slots", "label_disagrees", "not_on_order"}
        if hub in self._strangers:
            return
        most = MOST_VISITS // 2 if view["outcome"] == "rejected" else MOST_VISITS
        if again and self._visits[str(hub.chf)] < most:
            self._in_hand.append(hub)
        else:
            self.crate[str(hub.chf)] = line_of(view)
            if self._packer is not None:
                self._packer.take(hub, passed=view["to_do"] == "pass")

    async def _seat_again(self, place: SlotName, hub: StockHub, line: str) -> None:
        await self._take_out(place, hub)
        if self._visits[str(hub.chf)] < MOST_VISITS:
            self._in_hand.append(hub)
        else:
            self.crate[str(hub.chf)] = line

    async def _knock(self, place: SlotName, hub: StockHub) -> None:
        """Pull the hub out at work, seat another in its place, disturb its supply or its cable, scan a wrong label."""
        kind = self._random.choice(
            ("pull", "swap", "exchange", "scan", "power_loss", "reboot", "unplug_port")
        )
        self.acts[kind] += 1
        match kind:
            case "pull":
                await self._lay_aside(place, hub)
            case "swap":
                await self._lay_aside(place, hub)
                await self._seat_a_stranger(place)
            case "exchange":
                await self._exchange(place, hub)
            case "scan":
                label = self._random.choice([*self._strangers, *self._in_hand, hub])
                await self._ask("scan_label", jig=place.jig, slot=place.slot, **_as_scanned(label))
            case _:
                await self._bench.fault(place, kind, seconds=round(self._random.uniform(0.05, 1.0), 2))

    async def _lay_aside(self, place: SlotName, hub: StockHub) -> None:
        await self._take_out(place, hub)
        self._visits[str(hub.chf)] -= 1
        self._in_hand.append(hub)

    async def _seat_a_stranger(self, place: SlotName) -> None:
        idle = [one for one in self._strangers if one not in self._seats.values()]
        if idle:
            await asyncio.sleep(self._random.uniform(0.3, 1.0))
            await self._sit(place, self._random.choice(idle))

    async def _exchange(self, place: SlotName, hub: StockHub) -> None:
        """Take two hubs out and seat each in the other's slot."""
        others = [where for where, one in self._seats.items() if one is not None and where != place]
        if not others:
            return
        where = self._random.choice(others)
        other = self._seats[where]
        assert other is not None
        await self._take_out(place, hub)
        await self._take_out(where, other)
        await asyncio.sleep(self._random.uniform(0.3, 1.0))
        await self._sit(place, other)
        await self._sit(where, hub)

    async def _sit(self, place: SlotName, hub: StockHub) -> None:
        await self._bench.seat(hub, place)
        self._seats[place] = hub
        self._since[place] = time.monotonic()

    async def _ask(self, what: str, **fields: Any) -> None:
        """Ask the daemon for something. It may refuse, or have died meanwhile."""
        with suppress(*desk_client.REFUSED):
            await desk_client.ask(self._state, what, **fields)


class Desk:
    """Somebody who assigns a jig to another order for a while, closes a small order, and leans on a stop."""

    def __init__(
        self, bench: Bench, state: Path, jigs: Iterable[str], orders: tuple[str, str], seed: int
    ) -> None:
        """The first of the two orders is the one that all jigs work on, the other is small."""
        self.acts: Counter[str] = Counter()
        self._bench = bench
        self._state = state
        self._jigs = tuple(jigs)
        self._order, self._small = orders
        self._random = random.Random(seed)

    async def work(self) -> None:
        """Disturb until cancelled."""
        while True:
            await asyncio.sleep(self._random.uniform(0.5, 4.0))
            jig = self._random.choice(self._jigs)
            has_board = jig in self._bench.ready.get("boards", {})
            match self._random.choice(
                ("assign", "close", "stop", "board", "board") if has_board else ("assign", "close")
            ):
                case "assign":
                    await self._ask("assign", "assign_order", order=self._small, jig=jig)
                    await asyncio.sleep(self._random.uniform(0.2, 2.0))
                    await self.put_right(jig)
                case "close" if self._random.random() < 0.1:
                    fields = {"reason": "tried", "incomplete_accepted": True}
                    await self._ask("close", "close_order", order=self._small, **fields)
                case "stop":
                    await self._at_the_board("stop", jig, {"act": "press_stop"}, {"act": "release_stop"})
                case "board":
                    fault = self._random.choice(
                        ("silent", "frozen", "short", "damaged", "exceptions", "late")
                    )
                    ways = (
                        ({"act": "fault", "fault": fault}, {"act": "fault", "fault": "none"}),
                        ({"act": "unplug"}, {"act": "plug"}),
                        ({"act": "restart"}, {}),
                    )
                    await self._at_the_board("board", jig, *self._random.choice(ways))
                case _:
                    continue

    async def put_right(self, *jigs: str) -> None:
        """Have the jigs work on their order again, each as soon as no hub of it is at work."""
        for jig in jigs or self._jigs:
            for _ in range(_MOST_ASKED):
                if await self._ask("assign", "assign_order", order=self._order, jig=jig):
                    break
                await asyncio.sleep(GLANCE_SECONDS)

    async def _at_the_board(self, name: str, jig: str, *acts: dict[str, Any]) -> None:
        number = int(jig.removeprefix("jig"))
        self.acts[name] += 1
        await self._bench.do("board", jig=number, **acts[0])
        try:
            await asyncio.sleep(self._random.uniform(0.1, 2.0))
        finally:
            await self._bench.do("board", jig=number, **acts[1])

    async def _ask(self, name: str, what: str, **fields: Any) -> bool:
        """Return whether the daemon did it: it may refuse, or be dead."""
        try:
            await desk_client.ask(self._state, what, **fields)
        except desk_client.REFUSED:
            return False
        self.acts[name] += 1
        return True
