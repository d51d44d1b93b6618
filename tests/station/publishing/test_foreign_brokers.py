"""The publisher against brokers beside mosquitto: what each does and cannot do stands in docs/results.md."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from foreign_brokers import ForeignBroker, Nats, RabbitMq

from benches import brokers
from benches.looking import until_so
from benches.publisher_bench import Bench, bench
from station.publishing.status import Connection

pytestmark = [pytest.mark.judges, pytest.mark.timeout(400)]

Broker = TypeVar("Broker", bound=ForeignBroker)

STATUS = "reflash/v1/leeds/bench-1/status"
STATE = "reflash/v1/leeds/bench-1/jig/jig-1/slot/1/state"
RESULTS = "reflash/v1/+/+/jig/+/slot/+/result"


@contextmanager
def running(broker: Broker) -> Iterator[Broker]:
    try:
        broker.start()
        yield broker
    finally:
        broker.close()


@pytest.fixture(scope="module")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nats]:
    with running(Nats(tmp_path_factory.mktemp("nats"))) as broker:
        yield broker


@pytest.fixture(scope="module")
def rabbit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMq]:
    with running(RabbitMq(tmp_path_factory.mktemp("rabbitmq"))) as broker:
        yield broker


@pytest.fixture(params=["nats", "rabbit"])
def broker(request: pytest.FixtureRequest) -> ForeignBroker:
    return request.getfixturevalue(request.param)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journal"


async def retained(port: int, topic: str) -> dict[str, bytes]:
    """Subscribe and return what is told of before, up to a message of our own that comes after it."""
    told = {}
    async with brokers.Client("127.0.0.1", port, identifier="asks") as client:
        await client.subscribe(topic, qos=1)
        await client.subscribe("asks/end", qos=1)
        await client.publish("asks/end", b"", qos=1)
        async for message in client.messages:
            if str(message.topic) == "asks/end":
                break
            if message.retain:
                told[str(message.topic)] = bytes(message.payload)
    return told


async def until_retained(port: int, topic: str, payload: bytes) -> None:
    """Wait until the broker keeps this: RabbitMQ does so some time after it has acknowledged it."""

    async def is_kept() -> bool:
        return await retained(port, topic) == {topic: payload}

    await until_so(is_kept)


async def consume(port: int, heard: list[bytes], ready: asyncio.Event) -> None:
    async with brokers.Client("127.0.0.1", port, identifier="consumer") as client:
        await client.subscribe(RESULTS, qos=1)
        ready.set()
        async for message in client.messages:
            heard.append(bytes(message.payload))
            if len(heard) == 40:
                return


async def said(station: Bench, words: str) -> str:
    async def is_said() -> bool:
        return bool(station.said) and words in station.said[-1].line

    await station.until(is_said)
    return station.said[-1].line


async def test_results_arrive_and_after_the_brokers_death_the_rest(
    folder: Path, broker: ForeignBroker
) -> None:
    heard: list[bytes] = []
    ready = asyncio.Event()
    consuming = asyncio.create_task(consume(broker.port, heard, ready))
    await ready.wait()
    async with bench(folder, broker.port, seconds=200) as station:
        station.retained.set(STATE, b"busy")
        station.start()
        await station.results(*range(40))
        await station.until_empty()
        await consuming
        assert len(set(heard)) == 40
        await until_retained(broker.port, STATE, b"busy")
        await until_retained(broker.port, STATUS, b'{"status":"online"}')
        everything = await retained(broker.port, "reflash/#")
        # RabbitMQ tells of what is retained on a topic that is named in full, and to no wildcard.
        assert everything.keys() == ({STATE, STATUS} if isinstance(broker, Nats) else set())
        broker.kill()
        await station.until_said(Connection.WAITING)
        await station.results(*range(40, 60))
        assert await station.journal.outbox_size() == 20
        await asyncio.to_thread(broker.start)
        await station.until_empty()
        await station.until_said(Connection.CONNECTED)
        await until_retained(broker.port, STATE, b"busy")
        await station.stop()
        await until_retained(broker.port, STATUS, b'{"status":"offline"}')


async def test_two_stations_of_one_name_are_told_so(
    folder: Path, tmp_path: Path, broker: ForeignBroker
) -> None:
    """NATS lets the second of a name wait unanswered, and only when it has come again and again takes it instead."""
    names = {"client_id": "twin", "timeout_seconds": 1.0, "seconds": 200}
    async with (
        bench(folder, broker.port, **names) as one,
        bench(tmp_path / "b", broker.port, **names) as two,
    ):
        for station in (one, two):
            station.start()
        for station in (one, two):
            await said(station, "another station may use the client id twin")


async def test_nats_takes_what_it_denies_and_drops_it(tmp_path: Path, folder: Path) -> None:
    users = (
        'authorization { users = [ { user: bench, password: "correct horse", permissions: {'
        ' publish: ["reflash.v1.*.*.status", "reflash.v1.*.*.jig.*.slot.2.result"],'
        ' subscribe: ["reflash.>", "$MQTT.sub.>"] } } ] }'
    )
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text("wrong\n")

    denying = Nats(tmp_path, users)
    try:
        denying.start()
        async with bench(folder, denying.port, username="bench", password_file=secret) as station:
            station.start()
            await said(station, "check mqtt.username, mqtt.password_file and its access list")
            secret.write_text("correct horse\n")
            await station.results(0, 1)
            line = await said(station, "let this station write and read")
            assert "jig/jig-1/slot/1/result" in line
            assert await station.journal.outbox_size() == 1
    finally:
        denying.close()


@contextmanager
def topics(rabbit: RabbitMq, write: str, read: str) -> Iterator[None]:
    """Let everybody write and read topics of these patterns alone."""
    rabbit.control("set_topic_permissions", "guest", "amq.topic", write, read)
    try:
        yield
    finally:
        rabbit.control("clear_topic_permissions", "guest")


@pytest.mark.parametrize(("write", "read"), [("status", ".*"), (".*", "status")])
async def test_rabbitmq_hangs_up_at_what_it_denies(
    folder: Path, rabbit: RabbitMq, write: str, read: str
) -> None:
    with topics(rabbit, write, read):
        async with bench(folder, rabbit.port) as station:
            await station.results(0)
            station.start()
            line = await said(station, "jig/jig-1/slot/1/result")
            assert "let this station write and read it" in line


async def test_rabbitmq_that_denies_the_status_is_told_from_one_that_is_away(
    folder: Path, rabbit: RabbitMq
) -> None:
    with topics(rabbit, ".*", "^none$"):
        async with bench(folder, rabbit.port) as station:
            station.start()
            line = await said(station, "access list")
            assert f"let this station write and read {STATUS}" in line


async def test_rabbitmq_short_of_disk_takes_connections_and_says_nothing(
    folder: Path, rabbit: RabbitMq
) -> None:
    async with bench(folder, rabbit.port, seconds=200) as station:
        station.start()
        await station.until_said(Connection.CONNECTED)
        await asyncio.to_thread(rabbit.control, "set_disk_free_limit", "900000000000000")
        try:
            await station.results(0)
            await said(station, "takes the connection and then says nothing")
        finally:
            await asyncio.to_thread(rabbit.control, "set_disk_free_limit", "50MB")
        await station.until_empty()
