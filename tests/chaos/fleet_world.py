"""Ten stations at three sites, one broker, one inventory; what of them dies; and how long results are on their way."""

from __future__ import annotations

import asyncio
import math
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fleet_books import COUNTS, FleetBooks
from fleet_process import Station
from fleet_recording import Life, record, write
from fleet_station import Part
from inventory_world import Worker
from sqlalchemy import func, select

from benches import brokers
from benches.looking import until
from benchmarks.inventory import measured_database
from benchmarks.processes import cpu_seconds, machine_cpu_seconds
from inventory.database.engine import Database
from inventory.database.tables import messages
from inventory.database.upgrade import upgrade
from inventory.intake.missing import Missing, missing
from station.messages.order_fact import ORDER_FACT
from station.messages.result import RESULT
from station.messages.topics import Topics
from station.records.facts import outbox
from station.records.reader import JournalReader

STATIONS = (
    *(Topics("site-1", f"bench-{number}") for number in (1, 2, 3, 4)),
    *(Topics("site-2", f"bench-{number}") for number in (1, 2, 3)),
    *(Topics("site-3", f"bench-{number}") for number in (1, 2, 3)),
)
_LOOK_SECONDS = 0.1
"""How often it is looked what the inventory has committed: by so much a result may seem later than it is."""
_ASKED_AFTER = timedelta(seconds=5)
"""How long a number may be missing before somebody has it sent again: results of different slots overtake each other."""
_ASK_SECONDS = 0.5
_AGAIN_SECONDS = 5.0
_STILL_SECONDS = 5.0
"""After so long without a new result, the last of each station are asked for, too."""
_LONGEST_AWAY_SECONDS = 1.5
_PATIENCE_SECONDS = 600.0
"""How long the last results may take to arrive. Nothing is measured by it."""
_Kind = tuple[str, str]
"""Whose messages, and of what kind."""
_CONFIG = """
database = "{url}"
log.format = "json"
mqtt.port = {port}
"""
_STATION = """
[[stations]]
site = "{each.site}"
station = "{each.station}"
"""


@dataclass(frozen=True)
class Request:
    """What is to be tried."""

    seed: int = 7
    rate: float = 300.0
    """Results a second, of all stations together."""
    seconds: float = 300.0
    """Without a death."""
    kills: int = 12
    """Deaths, one after another, once that time is over."""
    seconds_a_kill: float = 10.0
    database: str = "sqlite"


@dataclass(frozen=True)
class Arrival:
    """A result that the inventory has committed."""

    told: datetime
    lag: float
    """Seconds from its record at the station until it was seen in the database."""


class Watch:
    """Sees each message that the inventory commits, in a thread of its own."""

    def __init__(self, database: Database) -> None:
        self.results: list[Arrival] = []
        self._database = database
        self._last = 0

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look for the length of the block. What went wrong in the thread is raised at its end."""
        over = threading.Event()
        with ThreadPoolExecutor(1, thread_name_prefix="watch") as thread:
            looking = thread.submit(self._look, over)
            try:
                yield
            finally:
                over.set()
                looking.result()

    def _look(self, over: threading.Event) -> None:
        columns = (messages.c.id, messages.c.kind, messages.c.told)
        while not over.wait(_LOOK_SECONDS):
            with self._database.read() as connection:
                rows = connection.execute(select(*columns).where(messages.c.id > self._last)).all()
            seen = datetime.now(UTC)
            for number, kind, told in rows:
                self._last = max(self._last, number)
                if kind == RESULT.kind:
                    self.results.append(Arrival(told, (seen - told).total_seconds()))


class World:
    """All of it. `play` it once."""

    def __init__(self, folder: Path, request: Request) -> None:
        self._folder = folder
        self._request = request
        self._dice = random.Random(request.seed)
        self._asked: dict[Missing, float] = {}
        self.killed: Counter[str] = Counter()
        self.finding: list[str] = []

    def play(self) -> dict[str, Any]:
        """Do it all, and return what was found."""
        first = STATIONS[0]
        state, lives = asyncio.run(record(self._folder, first.site, first.station, "WO-0"))
        with ExitStack() as stack:
            url = stack.enter_context(measured_database(self._request.database, self._folder))
            self._broker = brokers.Mosquitto(self._folder, lines=_broker_lines(self._folder))
            self._broker.start()
            stack.callback(self._broker.kill)
            config = self._folder / "inventory.toml"
            config.write_text(
                _CONFIG.format(url=url, port=self._broker.port)
                + "".join(_STATION.format(each=each) for each in STATIONS)
            )
            database = stack.enter_context(Database(url))
            upgrade(database)
            self._database = database
            self._stations = self._made_stations(state, lives)
            log = self._folder / "inventory.log"
            self._inventory = Worker(config, log, "run")
            self._inventory.start()
            stack.callback(self._inventory.kill)
            # A broker keeps nothing for whom it has not met.
            asyncio.run(until(lambda: '"listening"' in log.read_text()))
            for station in self._stations:
                station.start()
                stack.callback(station.kill)
            for station in self._stations:
                station.until_ready()
            watch = Watch(database)
            with watch.watching():
                found = self._live(watch)
            for station in self._stations:
                station.stop()
            self._inventory.kill()
            books = FleetBooks({each.topics.source: each.journal for each in self._stations}, database)
            books.compare()
        self.finding = books.lines
        return {
            **found,
            "hubs": books.hubs,
            "results": books.outcomes.total(),
            "outcomes": dict(sorted(books.outcomes.items())),
            "killed": dict(sorted(self.killed.items())),
            "asked_again": len(self._asked),
            **{kind: len(getattr(books, kind)) for kind in COUNTS},
        }

    def _made_stations(self, state: Path, lives: Sequence[Life]) -> list[Station]:
        """Prepare all of them; the one that was recorded goes on as the first."""
        request = self._request
        recording = self._folder / "lives.json"
        write(recording, lives)
        seconds = request.seconds + request.kills * request.seconds_a_kill
        attempts = sum(len(life.attempts) for life in lives) / len(lives)
        hubs_a_second = request.rate / attempts / len(STATIONS)
        return [
            Station(
                Part(
                    folder=str(state / "journal" if number == 1 else self._folder / f"station-{number}"),
                    recording=str(recording),
                    site=topics.site,
                    station=topics.station,
                    number=number,
                    port=self._broker.port,
                    hubs=math.ceil(hubs_a_second * seconds),
                    hubs_a_second=hubs_a_second,
                    seed=request.seed,
                ),
                self._folder / f"station-{number}.log",
                before=sum(len(life.attempts) for life in lives) if number == 1 else 0,
            )
            for number, topics in enumerate(STATIONS, 1)
        ]

    def _live(self, watch: Watch) -> dict[str, Any]:
        """Have all stations play, at first undisturbed, then with deaths; return once every result has come."""
        request = self._request
        while any(self._heard()[key][0] < last for key, last in self._told().items()):
            self._pass(_ASK_SECONDS)  # what the first of them told before, and facts of orders
        for station in self._stations:
            station.go()
        begun, cpu = datetime.now(UTC), self._cpu()
        self._pass(request.seconds)
        steady = datetime.now(UTC)
        used = {name: seconds - cpu[name] for name, seconds in self._cpu().items()}
        victims = ["broker", "inventory", "station"]
        for number in range(request.kills):
            before = self._dice.uniform(0, request.seconds_a_kill - _LONGEST_AWAY_SECONDS)
            self._pass(before)
            # Each of them at least once, if there are deaths enough.
            self._kill(victims[number] if number < len(victims) else self._dice.choice(victims))
            self._pass(request.seconds_a_kill - before)
        self._until_all_came()
        lasted = (steady - begun).total_seconds()
        alive = [each.lag for each in watch.results if begun <= each.told < steady]
        dying = [each.lag for each in watch.results if each.told >= steady]
        return {
            "results_a_second": round(len(alive) / lasted, 1) if lasted else 0.0,
            "lag": _spread(alive),
            "lag_with_kills": _spread(dying),
            "cores": {name: round(seconds / lasted, 3) for name, seconds in used.items()} if lasted else {},
        }

    def _pass(self, seconds: float) -> None:
        """Let time pass, and have what never came sent again meanwhile, as a person would who asks for the gaps."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, _ASK_SECONDS))
            for each in (*self._stations, self._inventory):
                each.require_alive()
            self._ask_for_gaps()

    def _ask_for_gaps(self) -> None:
        now = datetime.now(UTC)
        with self._database.read() as connection:
            found = missing(connection)
        for each in found:
            if each.since is None or now - each.since > _ASKED_AFTER:
                self._ask_again(each)

    def _ask_again(self, each: Missing) -> None:
        """Type at the station what the inventory says, and again where that did not help."""
        if time.monotonic() > self._asked.get(each, -math.inf) + _AGAIN_SECONDS:
            self._asked[each] = time.monotonic()
            station = next(one for one in self._stations if one.topics.source == each.source)
            station.tell(f"republish {each.kind} {each.first} {each.last}")

    def _kill(self, victim: str) -> None:
        self.killed[victim] += 1
        dying = {"broker": self._broker, "inventory": self._inventory}.get(victim)
        station = dying or self._dice.choice(self._stations)
        station.kill()
        time.sleep(self._dice.uniform(0, _LONGEST_AWAY_SECONDS))
        station.start()

    def _until_all_came(self) -> None:
        """Wait until every result is recorded, and the inventory has whatever the stations tell."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        before, since = -1, time.monotonic()
        while time.monotonic() < deadline:
            told, heard = self._told(), self._heard()
            if all(heard[key][0] == last for key, last in told.items()) and self._are_done(told):
                return
            came = sum(number for number, _ in heard.values())
            if came > before:
                before, since = came, time.monotonic()
            elif time.monotonic() > since + _STILL_SECONDS:
                # No later number shows that these are missing.
                for key, last in told.items():
                    if (first := heard[key][1] + 1) <= last:
                        self._ask_again(Missing(*key, first, last, None, None))
            self._pass(_ASK_SECONDS)

    def _are_done(self, told: Mapping[_Kind, int]) -> bool:
        return all(told[each.topics.source, RESULT.kind] == each.results for each in self._stations)

    def _told(self) -> dict[_Kind, int]:
        """Return how many messages of each kind each station has to tell."""
        told = {}
        for station in self._stations:
            with JournalReader(station.journal) as journal:
                for kind in (RESULT.kind, ORDER_FACT.kind):
                    told[station.topics.source, kind] = journal.ask(outbox.last_number, kind)
        return told

    def _heard(self) -> defaultdict[_Kind, tuple[int, int]]:
        """Return how many of them have come, and the highest number among them."""
        columns = (messages.c.source, messages.c.kind, func.count(), func.max(messages.c.number))
        heard: defaultdict[_Kind, tuple[int, int]] = defaultdict(lambda: (0, 0))
        with self._database.read() as connection:
            rows = connection.execute(select(*columns).group_by(messages.c.source, messages.c.kind))
            heard |= {(source, kind): (number, highest) for source, kind, number, highest in rows}
        return heard

    def _cpu(self) -> dict[str, float]:
        return {
            "machine": machine_cpu_seconds(),
            "stations": sum(cpu_seconds(each.pid) for each in self._stations),
            "broker": cpu_seconds(self._broker.pid),
            "inventory": cpu_seconds(self._inventory.pid),
        }


def _broker_lines(folder: Path) -> tuple[str, ...]:
    """Return what a shared broker keeps, and how, by the configuration that is shipped; access and TLS are tests/security's."""
    kept = ("persistence ", "autosave", "max_", "message_size_limit")
    lines = [line for line in brokers.shipped_with_tls({}).splitlines() if line.startswith(kept)]
    return (*lines, f"persistence_location {folder}/")


def _spread(lags: Sequence[float]) -> dict[str, float]:
    """Return how the seconds are spread, the worst of 100 by nearest rank."""
    if not lags:
        return {}
    ordered = sorted(lags)
    at = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    return {name: round(ordered[math.ceil(share * len(ordered)) - 1], 2) for name, share in at.items()}
