"""Scenarios on simulated jigs, several at a time, and the books of each held against each other."""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import Any

from chaos_boards import with_boards
from chaos_books import Books, Findings
from chaos_consumer import Consumer
from chaos_station import toml
from crash_lives import End, Lives
from scenario import LISTED, ORDER, OTHER_ORDER, ROLES, Scenario
from witness import Trace

from benches import brokers
from benches.station_bench import Bench, import_order, order_csv, releases_of, running_bench
from simulators.diary import boot_seconds
from station.messages.topics import Topics
from station.records.journal import Journal

SITE = "hands"
JIGS = 8
"""Odd ones are serial, even ones on USB; the second half have boards. So many scenarios are played at a time."""
MOST_LIVES = 8
DELIVERY_SECONDS = 10.0

_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Outcome:
    """What came of a scenario."""

    scenario: Scenario
    findings: Findings
    reached: int
    """How many of its points the station came to; what lies behind the last one was not done."""

    @property
    def is_good(self) -> bool:
        return not any(self.findings.numbers.values())


@dataclass
class Stage:
    """One rig, one broker, and jigs that are free."""

    folder: Path
    bench: Bench
    broker: brokers.Mosquitto
    releases: dict[Any, str]
    jigs: dict[tuple[str, bool], SimpleQueue[int]]
    lives: SimpleQueue[Lives]
    acts: Counter[str] = field(default_factory=Counter)
    """How often each act was done."""
    lock: Lock = field(default_factory=Lock)

    def play(self, scenarios: Iterable[Scenario]) -> list[Outcome]:
        """Play them all, each on a free jig of its kind."""
        with ThreadPoolExecutor(JIGS) as players:
            return list(players.map(self._play, scenarios))

    def _play(self, scenario: Scenario) -> Outcome:
        free = self.jigs[scenario.kind]
        jig, lives = free.get(), self.lives.get()
        try:
            return _Performance(self, scenario, jig, lives).outcome()
        finally:
            self.lives.put(lives)
            free.put(jig)


@contextmanager
def stage(folder: Path, scenarios: int) -> Iterator[Stage]:
    """Run everything that outlives the stations, with hubs for so many scenarios."""
    folder.mkdir(exist_ok=True)
    stock = Counter(ROLES.values())
    with ExitStack() as stack:
        broker = stack.enter_context(brokers.mosquitto(folder))
        bench = stack.enter_context(
            running_bench(
                folder,
                stock={firmware: count * scenarios for firmware, count in stock.items()},
                transport="mixed",
                jigs=JIGS,
                slots=2,
                boards=",".join(str(jig) for jig in range(JIGS // 2 + 1, JIGS + 1)),
            )
        )
        jigs: dict[tuple[str, bool], SimpleQueue[int]] = {
            (transport, board): SimpleQueue() for transport in ("serial", "usb") for board in (False, True)
        }
        lives: SimpleQueue[Lives] = SimpleQueue()
        for jig in range(1, JIGS + 1):
            jigs["usb" if jig % 2 == 0 else "serial", jig > JIGS // 2].put(jig)
            lives.put(stack.enter_context(Lives()))
        yield Stage(folder, bench, broker, releases_of(bench), jigs, lives)


class _Performance:
    """One scenario, from the order to the comparison."""

    def __init__(self, stage: Stage, scenario: Scenario, jig: int, lives: Lives) -> None:
        self._stage = stage
        self._scenario = scenario
        self._jig = jig
        self._lives = lives
        name = f"scenario{next(_NUMBERS)}"
        self._name = name
        self._folder = stage.folder / name
        self._folder.mkdir()
        self._trace = Trace(self._folder / "trace.jsonl")
        with stage.lock:
            self._hubs = {role: stage.bench.hub(firmware) for role, firmware in ROLES.items()}
        self._config = self._folder / "station.toml"
        settings = with_boards(
            stage.bench,
            stage.bench.settings(
                self._folder / "state",
                {f"jig{jig}": [1, 2]},
                site=SITE,
                station=name,
                mqtt={"port": stage.broker.port},
                drain_seconds=0,
                thresholds={
                    "release_failed_hubs": 99,
                    "hubs_failing_in_a_row": 99,
                    "least_free_mebibytes": 16,
                },
            ),
        )
        self._config.write_text("".join(f"{key} = {toml(value)}\n" for key, value in settings.items()))
        self._journal = self._folder / "state" / "journal"

    def outcome(self) -> Outcome:
        bench, scenario = self._stage.bench, self._scenario
        begun = bench.do_now("diary", only_count=True)["count"]
        asyncio.run(self._import_orders())
        consumer = Consumer(
            self._stage.broker.port, Topics(SITE, self._name).every_result, client_id=self._name
        )
        consumer.start()
        try:
            for number, role in enumerate(scenario.seated, start=1):
                bench.do_now("seat", jig=self._jig, slot=number, chf=str(self._hubs[role].chf))
            stuck = self._live()
            findings = self._compare(consumer, begun)
            findings.lost.extend(stuck)
        finally:
            consumer.stop()
            self._clear()
        done = [entry["number"] for entry in self._trace.read() if entry["what"] == "act"]
        with self._stage.lock:
            self._stage.acts.update(scenario.acts[number].name for number in done)
        if not any(findings.numbers.values()):
            shutil.rmtree(self._folder)
        return Outcome(scenario, findings, len(done))

    async def _import_orders(self) -> None:
        listed = [self._hubs[role] for role in LISTED]
        async with Journal.open(self._journal, site=SITE, station=self._name) as journal:
            await import_order(journal, order_csv(*listed, order=ORDER), f"jig{self._jig}")
            await import_order(journal, order_csv(self._hubs["of_other_order"], order=OTHER_ORDER))

    def _live(self) -> list[str]:
        """Live from life to life until one comes to its end. Returns what did not."""
        for _ in range(MOST_LIVES):
            done = {entry["number"] for entry in self._trace.read() if entry["what"] == "act"}
            try:
                end = self._lives.play(self._config, self._request(done))
            except AssertionError as error:
                self._trace.write("away")
                return [_last_words(str(error))]
            self._trace.write("away")
            if end is not End.POINT:
                return []
            deaths = [entry for entry in self._trace.read() if "dead_seconds" in entry]
            time.sleep(deaths[-1]["dead_seconds"])  # nobody is there: hands may do what they like
        return ["it died again and again"]

    def _request(self, done: set[int]) -> dict[str, Any]:
        scenario = self._scenario
        acts = {
            str(number): {
                "point": [act.point.name, act.point.side, act.point.number],
                "steps": act.steps,
            }
            for number, act in enumerate(scenario.acts)
            if number not in done
        }
        return {
            "jig": f"jig{self._jig}",
            "board": scenario.board,
            "control": str(self._stage.bench.folder / "control.sock"),
            "trace": str(self._trace.path),
            "chfs": {role: str(hub.chf) for role, hub in self._hubs.items()},
            "listed": [str(self._hubs[role].chf) for role in scenario.seated],
            "acts": acts,
        }

    def _compare(self, consumer: Consumer, begun: int) -> Findings:
        bench = self._stage.bench
        hubs = tuple(self._hubs.values())
        until = boot_seconds()
        books = Books(self._journal)
        deadline = time.monotonic() + DELIVERY_SECONDS
        while len(consumer.received) < books.results and time.monotonic() < deadline:
            consumer.more.wait(0.5)
            consumer.more.clear()
        books.against_consumer(consumer)
        inside = {str(hub.chf): bench.do_now("hub", chf=str(hub.chf)) for hub in hubs}
        books.against_hubs(hubs, inside)
        diary = bench.diary(begun)
        places = [(self._jig, 1), (self._jig, 2)]
        names = set(inside)
        about = [
            entry
            for entry in diary
            if entry.get("chf") in names or ("chf" not in entry and entry.get("jig") == self._jig)
        ]
        (self._folder / "diary.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in about))
        books.against_witness(about, self._trace.read(), hubs, self._stage.releases, places, until)
        seated = {slot["chf"] for slot in bench.do_now("slots")["slots"] if slot["jig"] == self._jig}
        books.findings.lost.extend(
            f"hub {chf} sits in its slot and its attempt is still open" for chf in books.waiting & seated
        )
        return books.findings

    def _clear(self) -> None:
        """Leave the jig as it was found."""
        do = self._stage.bench.do_now
        for slot in do("slots")["slots"]:
            if slot["jig"] != self._jig:
                continue
            if slot["occupied"] or slot["loose"]:
                do("unseat", jig=self._jig, slot=slot["slot"])
            do("disarm", jig=self._jig, slot=slot["slot"])
            do("port", jig=self._jig, slot=slot["slot"], plugged=True)
        if self._scenario.board:
            do("board", jig=self._jig, act="fault", fault="none")
            for act in ("release_stop", "plug", "restart"):
                do("board", jig=self._jig, act=act)


def _last_words(log: str) -> str:
    """Take the reason out of the end of a station's log."""
    lines = [line for line in log.splitlines() if line.strip()]
    return f"{lines[0]} {lines[-1]}"
