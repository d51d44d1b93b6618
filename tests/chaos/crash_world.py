"""One bench, one broker and a station to be killed on it, driven step by step from ordinary code."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaos_boards import with_boards
from chaos_books import Books, Findings
from chaos_consumer import Consumer
from chaos_station import toml
from crash_lives import End, Lives
from crash_points import Point
from witness import Trace

from benches import brokers
from benches.station_bench import Bench, StockHub, import_order, order_csv, releases_of
from simulators.diary import boot_seconds
from station.domain.slot_name import SlotName
from station.messages.topics import Topics
from station.records.journal import Journal

SITE = "crash"
DELIVERY_SECONDS = 10.0

_NUMBERS = itertools.count(1)


@dataclass
class World:
    """What outlives every station."""

    folder: Path
    bench: Bench
    broker: brokers.Mosquitto
    lives: Lives
    deaths: Counter[str] = field(default_factory=Counter)
    """How many stations died at each point, and of SIGKILL."""


class DoomedStation:
    """A station with an order for some hubs, a journal of its own, and a consumer that hears it."""

    def __init__(self, world: World, places: Sequence[SlotName], hubs: Sequence[StockHub]) -> None:
        """Set it up in these places, the hubs seated in the first of them."""
        name = f"bench{next(_NUMBERS)}"
        self.world = world
        self._places = [(int(place.jig.removeprefix("jig")), place.slot) for place in places]
        self._begun: int = world.bench.do_now("diary", only_count=True)["count"]
        self.hubs = list(hubs)
        self.seats: dict[SlotName, StockHub] = {}
        self._folder = world.folder / name
        self._folder.mkdir()
        self.journal = self._folder / "state" / "journal"
        self._config = self._folder / "station.toml"
        self._trace = Trace(self._folder / "trace.jsonl")
        jigs: dict[str, list[int]] = {}
        for place in places:
            jigs.setdefault(place.jig, []).append(place.slot)
        settings = with_boards(
            world.bench,
            world.bench.settings(
                self._folder / "state",
                jigs,
                site=SITE,
                station=name,
                mqtt={"port": world.broker.port},
                thresholds={
                    "release_failed_hubs": 99,
                    "hubs_failing_in_a_row": 99,
                    "least_free_mebibytes": 16,
                },
            ),
        )
        self._config.write_text("".join(f"{key} = {toml(value)}\n" for key, value in settings.items()))
        asyncio.run(self._import_order(name, *jigs))
        self.consumer = Consumer(world.broker.port, Topics(SITE, name).every_result, client_id=name)
        self.consumer.start()
        for place, hub in zip(places, hubs, strict=False):
            self.seat(place, hub)

    async def _import_order(self, name: str, *jigs: str) -> None:
        async with Journal.open(self.journal, site=SITE, station=name) as journal:
            await import_order(journal, order_csv(*self.hubs), *jigs)

    def do(self, what: str, place: SlotName, **fields: Any) -> dict[str, Any]:
        return self.world.bench.do_now(what, jig=place.jig, slot=place.slot, **fields)

    def seat(self, place: SlotName, hub: StockHub) -> None:
        self.do("seat", place, chf=str(hub.chf))
        self.seats[place] = hub

    def unseat(self, place: SlotName) -> StockHub:
        self.do("unseat", place)
        return self.seats.pop(place)

    def place_of(self, hub: StockHub) -> SlotName | None:
        return next((place for place, seated in self.seats.items() if seated is hub), None)

    def fault(self, place: SlotName, name: str, **fields: Any) -> None:
        jig = int(place.jig.removeprefix("jig"))
        self.world.bench.do_now("fault", fault={"name": name, "jig": jig, "slot": place.slot, **fields})

    def live(self, point: Point | None = None, kill_after: float | None = None) -> End:
        """Live one life: to its point, to its kill, or until every hub seated has its result."""
        hubs = [str(hub.chf) for hub in self.seats.values()]
        end = self.world.lives.live(
            self._config, hubs, point=point, kill_after=kill_after, trace=self._trace.path
        )
        self._trace.write("away")
        if end is End.POINT:
            self.world.deaths[f"{point.side} {point.name}" if point else ""] += 1
        elif end is End.KILLED:
            self.world.deaths["SIGKILL"] += 1
        return end

    def held(self) -> dict[str, dict[str, Any]]:
        """Look into every hub of this station."""
        return {str(hub.chf): self.world.bench.do_now("hub", chf=str(hub.chf)) for hub in self.hubs}

    def close(self) -> None:
        """Give the slots and the consumer back."""
        self.consumer.stop()
        for place in tuple(self.seats):
            self.unseat(place)

    def compare(self) -> Findings:
        """Hold the books against each other, once the consumer has what was acknowledged."""
        until = boot_seconds()
        books = Books(self.journal)
        deadline = time.monotonic() + DELIVERY_SECONDS
        while len(self.consumer.received) < books.results and time.monotonic() < deadline:
            self.consumer.more.wait(0.5)
            self.consumer.more.clear()
        books.against_consumer(self.consumer)
        held = self.held()
        books.against_hubs(self.hubs, held)
        about = [entry for entry in self.world.bench.diary(self._begun) if self._is_about(entry, set(held))]
        books.against_witness(
            about, self._trace.read(), self.hubs, releases_of(self.world.bench), self._places, until
        )
        return books.findings

    def _is_about(self, entry: dict[str, Any], hubs: set[str]) -> bool:
        """Whether an entry of the rig's diary is about this station: others work on the same rig."""
        if "chf" in entry:
            return entry["chf"] in hubs
        return entry.get("jig") in {jig for jig, _ in self._places}
