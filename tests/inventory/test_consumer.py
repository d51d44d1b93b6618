"""The way from a real broker: nothing is acknowledged before it is in the database, whoever dies."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiomqtt
import pytest
from sqlalchemy import func, select, text

from benches import brokers
from benches.looking import until
from benches.postgres import Postgres
from benches.processes import running, wait_for
from benches.told_results import Said, SayingStation
from inventory.database.engine import Database
from inventory.database.tables import asset_records, messages
from inventory.intake import broker as intake_broker
from inventory.intake.consumer import Consumer, topics_of
from inventory.intake.intake import Intake
from inventory.intake.settings import MqttSettings, StationSettings
from inventory.intake.store import Taken
from inventory.moments import system_clock


async def publish(broker: brokers.Mosquitto, said: Sequence[Said]) -> None:
    async with brokers.Client("127.0.0.1", broker.port, max_inflight_messages=0) as client:
        client.pending_calls_threshold = len(said) + 1
        await asyncio.gather(*(client.publish(each.topic, each.payload, qos=1) for each in said))


@dataclass
class Listening:
    """A consumer at work, and what it has taken in."""

    new: int = 0
    known: int = 0

    def on_taken(self, taken: Taken) -> None:
        self.new += taken.new
        self.known += taken.known


@asynccontextmanager
async def listening(
    broker: brokers.Mosquitto, database: Database, station: SayingStation, *, client_id: str
) -> AsyncIterator[Listening]:
    told = Listening()
    settings = MqttSettings(host="127.0.0.1", port=broker.port, client_id=client_id)
    topics = topics_of([StationSettings(site=station.site, station=station.station)])
    with ThreadPoolExecutor(1) as thread:
        intake = Intake(database, {station.topics.source: station.topics}, system_clock)
        task = asyncio.create_task(Consumer(settings, topics, intake, thread, told.on_taken).run())
        try:
            yield told
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def listens(broker: brokers.Mosquitto, station: SayingStation, told: Listening) -> None:
    """Knock until that is heard: the broker knows the session from then on."""
    while not told.new:
        await publish(broker, [station.order_fact("WO-1", "assigned")])


def taken_in(database: Database) -> int:
    """Return how many results are in the database."""
    with database.read() as connection:
        results = select(func.count()).select_from(messages).where(messages.c.kind == "result")
        return connection.scalar(results) or 0


async def test_what_comes_while_nobody_listens_waits_at_the_broker(
    shared_broker: brokers.Mosquitto, database: Database, request: pytest.FixtureRequest
) -> None:
    station = SayingStation(station=f"away-{database.is_sqlite}")
    name = f"inventory-{station.station}"
    async with listening(shared_broker, database, station, client_id=name) as told:
        await listens(shared_broker, station, told)
    said = [station.result(hub) for hub in range(2, 102)]
    await publish(shared_broker, [*said, *said[:20]])
    async with listening(shared_broker, database, station, client_id=name) as told:
        # Of what was said to be heard first, some may come again now.
        await until(lambda: told.new + told.known >= 120 and taken_in(database) >= station.results)
    assert taken_in(database) == station.results
    assert told.known >= 20


async def test_a_database_that_goes_away_and_comes_back_loses_and_doubles_nothing(
    shared_broker: brokers.Mosquitto, server: Postgres
) -> None:
    station = SayingStation(station="database-dies")
    with Database(server.create("dies", "made_once")) as database:
        async with listening(shared_broker, database, station, client_id="inventory-dies") as told:
            await listens(shared_broker, station, told)
            server.kill()
            said = [station.result(hub) for hub in range(2, 202)]
            await publish(shared_broker, said[:100])
            server.start()
            await publish(shared_broker, said[100:])
            await until(lambda: taken_in(database) >= station.results)
        assert taken_in(database) == station.results
        with database.read() as connection:
            history = connection.scalar(select(func.count()).select_from(asset_records))
        assert history == 2 * station.results
    server.drop("dies")


CONFIG = """
database = "{url}"
gap_alarm_seconds = 0
log.format = "json"
[mqtt]
port = {port}
client_id = "{name}"
[[stations]]
site = "north-site"
station = "{name}"
"""


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_the_program_killed_at_any_time_takes_each_message_in_once_and_says_what_is_missing(
    shared_broker: brokers.Mosquitto, url: str, tmp_path: Path
) -> None:
    station = SayingStation(station="program")
    config = tmp_path / "inventory.toml"
    config.write_text(CONFIG.format(url=url, port=shared_broker.port, name=station.station))
    reflash = (sys.executable, "-c", "from station.program import main; main()")
    command = (*reflash, "inventory", "run", "--config", config)
    log = tmp_path / "log"
    with Database(url) as database:
        for _ in range(2):
            with log.open("w") as file, running(command, stderr=file) as process:
                await until(lambda: '"listening"' in log.read_text())
                await publish(shared_broker, [station.result(hub) for hub in range(2, 80)])
                process.kill()
                wait_for(process)
        never_sent = station.result(90)
        after = station.result(91)
        await publish(shared_broker, [after])
        with log.open("w") as file, running(command, stderr=file) as process:
            await until(lambda: taken_in(database) == station.results - 1)
            number = never_sent.event["data"]["station_sequence"]
            await until(lambda: f"reflash journal republish {number} {number}" in log.read_text())
            await publish(shared_broker, [never_sent])
            await until(lambda: taken_in(database) == station.results)
            process.send_signal(signal.SIGTERM)
            assert wait_for(process) == 128 + signal.SIGTERM


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_a_broker_that_is_not_there_is_said_with_what_to_do(url: str, tmp_path: Path) -> None:
    config, log = tmp_path / "inventory.toml", tmp_path / "log"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    config.write_text(CONFIG.format(url=url, port=port, name="alone"))
    reflash = (sys.executable, "-c", "from station.program import main; main()")
    with (
        Database(url),
        log.open("w") as file,
        running((*reflash, "inventory", "run", "--config", config), stderr=file) as process,
    ):
        await until(
            lambda: "not connected to the broker; start it, or correct host and port" in log.read_text()
        )
        process.send_signal(signal.SIGTERM)
        assert wait_for(process) == 128 + signal.SIGTERM
    assert "Connection refused" in log.read_text()
    assert "Errno" not in log.read_text()


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"\x20\x02\x00\x02", "it does not take client_id under [mqtt]"),
        (b"\x20\x02\x00\x03", "it says that it cannot serve just now"),
        (b"\x20\x02\x00\x04", "it refuses us, correct username and password_file"),
        (b"\x20\x02\x00\x05", "it refuses us, correct username and password_file"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "nothing there answers in time as an MQTT 3.1.1 broker"),
        (b"", "nothing there answers in time as an MQTT 3.1.1 broker"),
    ],
)
async def test_what_answers_in_a_brokers_place_is_not_told_as_a_broker_that_is_away(
    answer: bytes, says: str
) -> None:
    async def answer_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(answer_all, "127.0.0.1", 0) as server:
        settings = MqttSettings(
            host="127.0.0.1", port=server.sockets[0].getsockname()[1], client_id="x", timeout_seconds=1
        )
        with pytest.raises(aiomqtt.MqttError) as caught:
            async with intake_broker.listening(settings, []):
                pass
    assert says in intake_broker.advice(caught.value)
    assert "[" not in intake_broker.in_words(caught.value)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_the_program_ends_in_one_line_once_its_tables_are_of_another_version(
    shared_broker: brokers.Mosquitto, url: str, tmp_path: Path
) -> None:
    """Whichever part of it comes upon them: each of what goes upstream has parts of its own."""
    config, log = tmp_path / "inventory.toml", tmp_path / "log"
    name = "other-version"
    route = '[[upstream.routes]]\ncsp = "one"\nregions = ["Central", "South", "North"]\n'
    config.write_text(CONFIG.format(url=url, port=shared_broker.port, name=name) + route)
    reflash = (sys.executable, "-c", "from station.program import main; main()")
    command = (*reflash, "inventory", "run", "--config", config)
    with Database(url) as database, log.open("w") as file, running(command, stderr=file) as process:
        await until(lambda: '"listening"' in log.read_text())
        with database.write() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = 'of_2031'"))
        assert wait_for(process) == 1
    last = log.read_text().splitlines()[-1]
    assert last.startswith("reflash inventory: ")
    assert "install that version" in last
    assert "Traceback" not in log.read_text()
