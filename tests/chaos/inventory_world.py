"""An inventory with two workers, a database, a broker and an upstream, each of which dies at any moment; and what the books say after."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import aiomqtt
import pytest
from inventory_books import Books, Ending
from sqlalchemy import func, select

from benches import brokers, postgres
from benches.processes import wait_for
from benches.told_results import Said, SayingStation, chf_of, gpf_of
from benches.upstream import Upstream, hub_record
from inventory.cli import main as type_command
from inventory.database.engine import Database, DatabaseUnavailable
from inventory.database.tables import counts
from inventory.database.upgrade import upgrade
from inventory.database.upstream_tables import pre_notifications
from inventory.intake.missing import missing
from station.domain.outcome import SUCCESSES, Outcome
from station.messages.order_fact import ORDER_FACT
from station.messages.result import RESULT

OLD, NEW, NEWER, HALF = "0001012F", "0002012F", "0003012F", "0001022F"
COUNTS = ("lost", "doubled", "wrong", "unrecorded")
_CONFIG = """
database = "{url}"
log.format = "json"
[mqtt]
port = {port}
[requests]
orders_folder = "{folder}"
releases = [{{manufacturer = "10A8", model = "00000011", firmware_version = "{new}"}}]
[[upstream.routes]]
csp = "one"
regions = ["Central"]
n3 = {n3}
"""
_STATION = """
[[stations]]
site = "north-site"
station = "{name}"
"""
_AHEAD = 3
"""Orders that stations are ahead of the kills, so that there is always work that something dies at."""
_STILL = 60
"""How often in a row, twenty times a second, nothing may come upstream before something else dies."""
_PATIENCE_SECONDS = 1800.0
"""How long what was begun may take to come to its end, once nothing is killed any more. Nothing is measured by it."""


class Worker:
    """One program of the inventory, killed and started again at will."""

    def __init__(self, config: Path, log: Path, *command: str) -> None:
        start = "from station.program import main; main()"
        self._command = (sys.executable, "-c", start, "inventory", *command, "--config", str(config))
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The number of the process that runs."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Begin it; nobody waits until it is ready."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stderr=log)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            wait_for(self._process)
            self._process = None

    def require_alive(self) -> None:
        """Raise AssertionError if it has ended by itself."""
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"a worker ended by itself: {self._log.read_text()[-2000:]}")


class World:
    """All of it. `play` it once."""

    def __init__(self, folder: Path, seed: int, *, hubs: int, kills: int, order_hubs: int, kind: str) -> None:
        self._folder = folder
        self._dice = random.Random(seed)
        self._hubs = hubs
        self._kills = kills
        self._order_hubs = order_hubs
        self._kind = kind
        self._seed = seed
        self.stations = [SayingStation(station=f"bench-{number}") for number in (1, 2, 3)]
        self.said: dict[tuple[str, str, int], Said] = {}
        self.ending = Ending()
        self.killed: Counter[str] = Counter()
        self.finding: list[str] = []

    def play(self) -> dict[str, int]:
        """Do it all, and return what was found."""
        with ExitStack() as stack:
            server = stack.enter_context(postgres.postgres()) if self._kind == "postgresql" else None
            url = server.create("inventory") if server else f"sqlite:///{self._folder}/inventory.db"
            broker = stack.enter_context(
                brokers.mosquitto(self._folder, lines=("max_queued_messages 0", "max_inflight_messages 500"))
            )
            there = self._folder / "there"
            there.mkdir()
            self._there = Upstream(there, "--faults", "realistic", "--seed", self._seed)
            self._there.start()
            stack.callback(self._there.kill)
            self._config = self._folder / "inventory.toml"
            text = _CONFIG.format(
                url=url,
                port=broker.port,
                folder=self._folder,
                new=NEW,
                n3=self._there.https("n3", "csp", timeout_seconds=1),
            )
            self._config.write_text(
                text + "".join(_STATION.format(name=each.station) for each in self.stations)
            )
            database = stack.enter_context(Database(url))
            upgrade(database)
            self._database, self._broker, self._server = database, broker, server
            orders = self._prepare()
            workers = {
                "listener": Worker(self._config, self._folder / "listener.log", "run"),
                "sender": Worker(self._config, self._folder / "sender.log", "upstream", "run"),
            }
            for each in workers.values():
                each.start()
                stack.callback(each.kill)
            asyncio.run(self._live(orders, workers))
            for each in workers.values():
                each.kill()
            self._there.kill()
            books = Books(there / "smi.db", database, self.said, self.ending)
            books.compare(self._hubs)
        self.finding = books.lines
        return {kind: len(getattr(books, kind)) for kind in COUNTS} | {
            "updates": books.updates,
            "calls": books.calls,
        }

    def _prepare(self) -> list[range]:
        """Have all hubs asked for and authorised, order by order."""
        orders = []
        for first in range(1, self._hubs + 1, self._order_hubs):
            hubs = range(first, min(self._hubs + 1, first + self._order_hubs))
            self._there.ask(
                "register", hubs=[hub_record(chf_of(hub), gpf_of(hub), firmware=OLD) for hub in hubs]
            )
            name = f"WO-{len(orders) + 1}"
            ids = [f"{chf_of(hub)},{gpf_of(hub)}" for hub in hubs]
            lists = self._folder / "list.csv", self._folder / "extract.csv"
            asked = [f"reflash-request-1,{each}," for each in ids]
            lists[0].write_text("\n".join(["template,chf_id,gpf_id,installation_end_date", *asked]))
            columns = (
                "chf_id,gpf_id,manufacturer,model,firmware_version,device_status,owner,region,han_variant,"
                "chts_version,extract_taken"
            )
            # From before the first hub says anything, whatever is imported when.
            rest = f"10A8,00000011,{OLD},Pending,PARTY,Central,DBCH,CHTS V1.4,2025-11-01T08:00Z"
            lists[1].write_text("\n".join([columns, *(f"{each},{rest}" for each in ids)]))
            by = ("--by", "A. Person", "--config", self._config)
            said = self._typed(
                *("requests", "import", lists[0], "--party", "PARTY", "--extract", lists[1], "--json", *by)
            )
            request = json.loads(said)["request"]
            self._typed(
                *("requests", "authorise", request, "--work-order", name, "--purchase-order", "PO", *by)
            )
            orders.append(hubs)
        return orders

    @staticmethod
    def _typed(*arguments: object) -> str:
        said = io.StringIO()
        with (
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(io.StringIO()),
            pytest.raises(SystemExit) as ended,
        ):
            type_command([*map(str, arguments)])
        assert not ended.value.code, said.getvalue()
        return said.getvalue()

    async def _live(self, orders: Sequence[range], workers: dict[str, Worker]) -> None:
        """Have stations say all that happens, some orders ahead, while things die at their work; then wait until all is told."""
        waiting: list[Said] = []
        publishing = [
            asyncio.create_task(self._publish(waiting)),
            asyncio.create_task(self._republish(waiting)),
        ]
        told = 0
        try:
            for done in range(self._kills):
                while told < min(len(orders), done * len(orders) // self._kills + _AHEAD):
                    told += 1
                    waiting.extend(self._say(f"WO-{told}", orders[told - 1]))
                await self._until_at_work()
                await self._kill_one(workers)
            deadline = time.monotonic() + _PATIENCE_SECONDS
            while await asyncio.to_thread(self._is_under_way) and time.monotonic() < deadline:
                for each in workers.values():
                    each.require_alive()
                await asyncio.sleep(1)
        finally:
            for each in publishing:
                each.cancel()
            await asyncio.wait(publishing)

    async def _until_at_work(self) -> None:
        """Wait until so many calls more have come upstream, or nothing has come for a while: then somebody starts, or waits."""
        last, more = self._calls(), self._dice.randrange(2 * self._hubs // self._kills)
        wanted, still = last + more, 0
        while last < wanted and still < _STILL:
            await asyncio.sleep(0.05)
            now = self._calls()
            still, last = (0, now) if now > last else (still + 1, last)

    def _calls(self) -> int:
        with closing(sqlite3.connect(self._there.folder / "smi.db")) as smi:
            number: int = smi.execute("SELECT coalesce(max(number), 0) FROM calls").fetchone()[0]
        return number

    def _say(self, order: str, hubs: range) -> Iterator[Said]:
        """Return what a station says of an order: attempts that pass, were current, fail, or stop half-way; and its end."""
        station = self._dice.choice(self.stations)
        later = []
        for hub in hubs:
            fate = self._dice.random()
            outcome, read_back = (
                (Outcome.PASSED, NEW)
                if fate < 0.85
                else (Outcome.ALREADY_CURRENT, NEW)
                if fate < 0.9
                else (Outcome.FAILED, HALF)
                if fate < 0.95
                else (Outcome.FAILED, None)
            )
            yield self._keep(station, station.result(hub, order=order, outcome=outcome, read_back=read_back))
            if read_back is not None:
                self.ending.versions[hub].append(read_back)
            if outcome in SUCCESSES:
                self.ending.succeeded.add(hub)
                if self._dice.random() < 0.1:
                    later.append(hub)
        yield self._keep(station, station.order_fact(order, "closed"))
        for hub in later:
            # Seen once more, it says that it runs something newer: that is told, after what may be on its way.
            self.ending.versions[hub].append(NEWER)
            yield self._keep(
                station, station.result(hub, order=order, outcome=Outcome.ALREADY_CURRENT, read_back=NEWER)
            )

    def _keep(self, station: SayingStation, said: Said) -> Said:
        data = said.event["data"]
        kind = RESULT.kind if "outcome" in data else ORDER_FACT.kind
        self.said[station.topics.source, kind, data["station_sequence"]] = said
        return said

    async def _publish(self, waiting: list[Said]) -> None:
        """Publish what waits, again where the broker did not say that it has it."""
        while True:
            try:
                async with brokers.Client(
                    "127.0.0.1", self._broker.port, max_inflight_messages=100
                ) as client:
                    client.pending_calls_threshold = 101
                    while True:
                        some = waiting[:100]
                        if not some:
                            await asyncio.sleep(0.05)
                            continue
                        await asyncio.gather(
                            *(client.publish(each.topic, each.payload, qos=1) for each in some)
                        )
                        del waiting[: len(some)]
            except (aiomqtt.MqttError, OSError):
                await asyncio.sleep(0.05)

    async def _kill_one(self, workers: dict[str, Worker]) -> None:
        victims = [*workers, "broker", "upstream", *(["database"] if self._server else [])]
        victim = self._dice.choice(victims)
        self.killed[victim] += 1
        await asyncio.to_thread(self._kill, victim, workers)

    def _kill(self, victim: str, workers: dict[str, Worker]) -> None:
        match victim:
            case "broker":
                self._broker.kill()
                self._broker.start()
            case "upstream":
                self._there.kill()
                self._there.start()
            case "database":
                assert self._server is not None
                self._server.kill()
                self._server.start()
            case _:
                workers[victim].kill()
                workers[victim].start()

    async def _republish(self, waiting: list[Said]) -> None:
        """Have stations send again what never came, as a person would who asks for the gaps now and then."""
        while True:
            await asyncio.sleep(2)
            if not waiting:
                with suppress(DatabaseUnavailable):
                    waiting.extend(await asyncio.to_thread(self._never_came))

    def _never_came(self) -> list[Said]:
        with self._database.read() as connection:
            gone = {
                (each.source, each.kind, number)
                for each in missing(connection)
                for number in range(each.first, each.last + 1)
            }
            heard = {
                (source, kind): highest
                for source, kind, highest in connection.execute(
                    select(counts.c.source, counts.c.kind, func.max(counts.c.highest)).group_by(
                        counts.c.source, counts.c.kind
                    )
                )
            }
        return [
            said
            for (source, kind, number), said in self.said.items()
            if (source, kind, number) in gone or number > heard.get((source, kind), 0)
        ]

    def _is_under_way(self) -> bool:
        """Say whether something has not come yet, or is not told yet."""
        try:
            if self._never_came():
                return True
            with self._database.read() as connection:
                sent = pre_notifications.c
                waiting = connection.scalar(select(func.count()).where(sent.state == "waiting"))
                told = {
                    (device, firmware)
                    for device, firmware in connection.execute(
                        select(sent.device, sent.firmware).where(sent.state == "accepted")
                    )
                }
        except DatabaseUnavailable:
            return True
        wanted = {(chf_of(hub), self.ending.versions[hub][-1]) for hub in self.ending.succeeded}
        return bool(waiting) or not wanted <= told
