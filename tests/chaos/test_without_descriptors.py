"""A station that runs out of file descriptors at work, and one that was never given enough."""

from __future__ import annotations

import asyncio
import re
import resource
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from chaos_books import Books
from chaos_consumer import Consumer
from chaos_station import REFLASH, StationProcess
from run_chaos import broker_lines

from benches import brokers, desk_client, processes
from benches.sentences import line_of
from benches.station_bench import Bench, StockHub, import_order, order_csv, running_bench, slot
from station.descriptors import SPARE, needed, of_clients
from station.domain.outcome import Stage
from station.domain.slot_name import SlotName
from station.messages.topics import Topics
from station.records.facts.attempts import AttemptClosed, StageEnded
from station.records.facts.events import Event
from station.records.facts.journal import StationStarted
from station.records.journal import Journal
from station.records.reader import JournalReader
from station.settings import StationSettings

pytestmark = pytest.mark.proofs

PATIENCE = 60.0
"""For what takes some seconds at most: the longest pause between two tries is ten."""
NONE_LEFT = 8
"""The station has more open than that in any case, so it can open nothing."""
TOLD = re.compile(
    r"no more file descriptors \(8 allowed\)[:;] "
    r"raise LimitNOFILE or run, as root, prlimit --pid \d+ --nofile=4096"
)
WORKING, EMPTY, REPLUGGED = slot(1), slot(2), slot(3)


@pytest.fixture(scope="module")
def shared_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with running_bench(tmp_path_factory.mktemp("bench"), stock={"old": 4}) as bench:
        yield bench


@pytest.fixture
def bench(shared_bench: Bench) -> Iterator[Bench]:
    yield shared_bench
    shared_bench.tidy()


class Screen:
    """What a screen shows that was there before the descriptors ran out."""

    def __init__(self) -> None:
        self.slots: dict[SlotName, dict[str, Any]] = {}
        self.broker: dict[str, Any] = {}
        self._changed = asyncio.Event()

    def take(self, news: dict[str, Any]) -> None:
        self.slots.update((SlotName(**view["place"]), view) for view in news["slots"])
        self.broker = news["broker"]
        self._changed.set()

    async def until(self, what: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                while not what():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            lines = [line_of(view) for view in self.slots.values()]
            raise AssertionError(f"not within {PATIENCE:g} s: {lines}, {self.broker}") from None

    async def until_shown(self, place: SlotName, phase: str) -> str:
        await self.until(lambda: self.slots[place]["phase"] == phase)
        return line_of(self.slots[place])


@asynccontextmanager
async def screen_of(state: Path) -> AsyncIterator[Screen]:
    screen = Screen()

    async def follow() -> None:
        async with desk_client.watching(state) as answers:
            async for news in answers:
                screen.take(news)

    following = asyncio.create_task(follow())
    try:
        await screen.until(lambda: bool(screen.slots))
        yield screen
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


def journalled(station: StationProcess) -> list[Event]:
    with JournalReader(station.state / "journal") as journal:
        return [row.event for row in journal.events()]


async def station_with_order(
    folder: Path, settings: dict[str, Any], hubs: Sequence[StockHub], allowed: str
) -> StationProcess:
    """Prepare a station whose shell, or service manager, allows it so many descriptors (as prlimit(1) has it)."""
    program = ("prlimit", f"--nofile={allowed}", REFLASH, "run", "--config")
    station = StationProcess(folder, settings, program)
    names = {"site": settings["site"], "station": settings["station"]}
    async with Journal.open(station.state / "journal", **names) as journal:
        await import_order(journal, order_csv(*hubs), "jig1")
    return station


def allow(station: StationProcess, count: int) -> None:
    """Change the running station's limit, as far as anybody may."""
    _, hard = resource.prlimit(station.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(station.pid, resource.RLIMIT_NOFILE, (count, hard))


def until_received(consumer: Consumer, count: int) -> None:
    while len(consumer.received) < count:
        consumer.more.clear()
        if len(consumer.received) < count:
            assert consumer.more.wait(PATIENCE), f"{len(consumer.received)} of {count} results came"


@pytest.mark.timeout(600)
def test_a_station_without_descriptors_ends_what_it_began_begins_nothing_and_goes_on_with_more(
    bench: Bench, tmp_path: Path
) -> None:
    async def work(broker: brokers.Mosquitto) -> None:
        hubs = [bench.hub() for _ in range(3)]
        settings = bench.settings(tmp_path / "state", {"jig1": [1, 2, 3]}, mqtt={"port": broker.port})
        station = await station_with_order(tmp_path, settings, hubs, allowed="40:")
        consumer = Consumer(broker.port, Topics(settings["site"], settings["station"]).every_result)
        consumer.start()
        try:
            await station.start()
            await station.until_ready()
            assert resource.prlimit(station.pid, resource.RLIMIT_NOFILE)[0] == 4096, "it allows itself enough"
            async with screen_of(station.state) as screen:
                await screen.until(lambda: screen.broker["state"] == "connected")
                await screen.until_shown(REPLUGGED, "empty")
                asking = await run_out(screen, station, bench, broker, hubs)
                assert consumer.received == {}
                allow(station, 4096)
                async with asyncio.timeout(PATIENCE):
                    assert (await asking)["descriptors_allowed"] == 4096
                for place in (EMPTY, REPLUGGED):
                    await screen.until_shown(place, "passed")
                await screen.until(lambda: screen.broker["state"] == "connected")
            await asyncio.to_thread(until_received, consumer, 3)
            assert await station.stop() == 0
        finally:
            await station.end()
            consumer.stop()
        books = Books(station.state / "journal")
        books.against_consumer(consumer)
        books.against_hubs(hubs, {hub["chf"]: hub for hub in (await bench.do("hubs"))["hubs"]})
        assert set(books.findings.numbers.values()) == {0}, books.findings.numbers
        assert books.findings.outcomes == {"passed": 3}
        assert len([event for event in journalled(station) if isinstance(event, StationStarted)]) == 1
        log = station.log.read_text()
        assert "Traceback" not in log
        for said_once in ("commands and screens have to wait", "no hub is begun with", "begun with again"):
            assert log.count(said_once) == 1, log

    (tmp_path / "broker").mkdir()
    with brokers.mosquitto(tmp_path / "broker", lines=broker_lines(tmp_path / "broker")) as broker:
        asyncio.run(work(broker))


async def run_out(
    screen: Screen, station: StationProcess, bench: Bench, broker: brokers.Mosquitto, hubs: list[StockHub]
) -> asyncio.Task[dict[str, Any]]:
    """Take the station's descriptors away while it writes a hub, and see what becomes of everything else.

    Returns a command's question that nobody has answered.
    """
    at_work, late, replugged = hubs
    # A hub that answers slowly is still being written when there are no more.
    await bench.fault(WORKING, "delay_reply", on="upload", times=10, seconds=0.3)
    await bench.seat(at_work, WORKING)
    await screen.until(lambda: screen.slots[WORKING]["stage"] == "flash")
    allow(station, NONE_LEFT)
    before = len(journalled(station))

    await bench.seat(late, EMPTY)
    await bench.do("port", jig=1, slot=REPLUGGED.slot, plugged=False)
    await screen.until_shown(REPLUGGED, "no_port")
    await bench.do("port", jig=1, slot=REPLUGGED.slot, plugged=True)
    await bench.seat(replugged, REPLUGGED)
    await asyncio.to_thread(broker.kill)
    await asyncio.to_thread(broker.start)
    asking = asyncio.create_task(desk_client.ask(station.state, "status"))
    try:
        # Broker and port are there again: it is for want of descriptors that they are not used.
        await screen.until(lambda: bool(TOLD.search(screen.broker["line"])))
        await screen.until(lambda: bool(TOLD.search(line_of(screen.slots[REPLUGGED]))))
        assert TOLD.search(await screen.until_shown(EMPTY, "out_of_use"))
        await screen.until_shown(WORKING, "passed")
        under_the_limit = journalled(station)[before:]
        ended = {event.stage for event in under_the_limit if isinstance(event, StageEnded)}
        # A station that was held up asks its hub again and goes on where that is: an open lock is found open.
        assert ended - {Stage.UNLOCK} == {
            Stage.FLASH,
            Stage.ACTIVATE,
            Stage.VERIFY,
            Stage.CONFIRM,
            Stage.CHECK,
        }
        assert [event.chf for event in under_the_limit if isinstance(event, AttemptClosed)] == [at_work.chf]
        await bench.assert_runs(at_work, "new")
        for untouched in (late, replugged):
            await bench.assert_untouched(untouched)
        assert screen.slots[REPLUGGED]["phase"] == "no_port"
        assert not asking.done()
    except BaseException:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        raise
    return asking


async def test_a_station_that_was_given_too_few_says_so_and_begins_with_no_hub(
    bench: Bench, tmp_path: Path
) -> None:
    hub = bench.hub()
    settings = bench.settings(tmp_path / "state", {"jig1": [1, 2]}, mqtt={"port": 1})
    configured = StationSettings.model_validate(settings)
    enough = needed(configured)
    few = enough - SPARE - of_clients(configured)  # who are not here
    station = await station_with_order(tmp_path, settings, [hub], allowed=f"{few}:{few}")
    try:
        await station.start()
        await station.until_ready()
        said = f"{few} file descriptors are allowed, this bench needs {enough}: raise LimitNOFILE or"
        assert station.log.read_text().count(said) == 1
        async with screen_of(station.state) as screen:
            await bench.seat(hub, EMPTY)
            line = await screen.until_shown(EMPTY, "out_of_use")
            assert re.search(rf"only \d+ left of {few} file descriptors: raise LimitNOFILE or ", line)
            await bench.assert_untouched(hub)
        assert await station.stop() == 0
    finally:
        await station.end()
    assert "Traceback" not in station.log.read_text()


@pytest.mark.parametrize("allowed", [6, 9, 12])
def test_a_station_that_cannot_even_start_for_want_of_descriptors_says_so_in_one_line(
    bench: Bench, tmp_path: Path, allowed: int
) -> None:
    settings = bench.settings(tmp_path / "state", {"jig1": [1]}, mqtt={"port": 1})
    program = ["prlimit", f"--nofile={allowed}:{allowed}", REFLASH, "run", "--config"]
    config = StationProcess(tmp_path, settings).config
    ended = processes.run([*program, config], capture_output=True, text=True)
    assert ended.returncode == 1
    too_few, reason = ended.stderr.splitlines()
    assert f"{allowed} file descriptors are allowed, this bench needs " in too_few
    assert reason.startswith("reflash: ")
    assert (
        f"no more file descriptors ({allowed} allowed): raise LimitNOFILE or run, as root, prlimit" in reason
    )
