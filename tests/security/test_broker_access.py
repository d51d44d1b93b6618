"""The broker's configuration in `deploy/`, at a real mosquitto: who may connect, publish and hear what."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiomqtt
import pytest

from benches import brokers
from benches.certificates import Authority, Issued

OWN = "reflash/v1/site-1/bench-1"
OTHERS = "reflash/v1/site-1/bench-2"


class Site:
    """The deployed configuration with certificates made for the test, and its people."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder, "authority")
        server = self.authority.issue("broker")
        (folder / "other").mkdir()
        other = Authority(folder / "other", "other-authority")
        self.deployed = brokers.shipped_with_tls(
            {
                "/etc/mosquitto/reflash/authority.pem": self.authority.file,
                "/etc/mosquitto/reflash/broker.pem": server.certificate,
                "/etc/mosquitto/reflash/broker.key": server.key,
                "/etc/mosquitto/reflash.acl": self.with_a_witness(folder / "acl"),
            }
        )
        listener, *rest = (
            line
            for line in self.deployed.splitlines()
            if line and not line.startswith(("#", "allow_anonymous"))
        )
        assert listener == "listener 8883"
        self.lines = (*rest, f"persistence_location {folder}/")
        self.people = {
            name: self.authority.issue(name) for name in ("bench-1", "bench-2", "inventory", "witness")
        }
        self.people["stranger"] = self.authority.issue("stranger")
        self.people["forged bench-1"] = other.issue("bench-1")

    def with_a_witness(self, path: Path) -> Path:
        """Write the deployed access list, and one more reader whose session nobody else takes part in."""
        path.touch(mode=0o600)
        path.write_text(
            (brokers.SHIPPED / "reflash.acl").read_text() + "\nuser witness\ntopic read reflash/v1/#\n"
        )
        return path

    def context(self, issued: Issued | None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.authority.file)
        if issued is not None:
            context.load_cert_chain(issued.certificate, issued.key)
        return context


class Broker:
    """The site's broker, and a way to come to it as somebody."""

    def __init__(self, site: Site, port: int) -> None:
        self._site = site
        self.port = port

    @asynccontextmanager
    async def connected_as(
        self, person: str | None, client_id: str | None = None, *, clean_session: bool = True
    ) -> AsyncIterator[aiomqtt.Client]:
        issued = self._site.people[person] if person else None
        context = self._site.context(issued)
        async with brokers.Client(
            "127.0.0.1",
            self.port,
            tls_context=context,
            identifier=client_id or person,
            clean_session=clean_session,
            timeout=2,
        ) as client:
            yield client


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("site"))


@pytest.fixture
def broker(site: Site, tmp_path: Path) -> Iterator[Broker]:
    with brokers.mosquitto(tmp_path, anonymous=False, lines=site.lines) as running:
        yield Broker(site, running.port)


async def heard_until(client: aiomqtt.Client, last: bytes) -> list[tuple[str, bytes]]:
    heard: list[tuple[str, bytes]] = []
    async for message in client.messages:
        heard.append((str(message.topic), bytes(message.payload)))
        if message.payload == last:
            break
    return heard


async def test_a_consumer_reads_what_a_station_publishes(broker: Broker) -> None:
    async with broker.connected_as("inventory") as consumer, broker.connected_as("bench-1") as station:
        await consumer.subscribe("reflash/v1/#", qos=1)
        await station.publish(f"{OWN}/jig/jig1/slot/1/result", b"result", qos=1)
        assert await heard_until(consumer, b"result") == [(f"{OWN}/jig/jig1/slot/1/result", b"result")]


@pytest.mark.parametrize(
    ("person", "topic"),
    [
        ("bench-2", f"{OWN}/jig/jig1/slot/1/result"),
        ("bench-2", f"{OWN}/status"),
        ("bench-2", "reflash/v1/site-2/bench-2/jig/jig1/slot/1/result"),
        ("inventory", f"{OWN}/jig/jig1/slot/1/result"),
        ("inventory", "reflash/v1/site-1/inventory/status"),
        ("stranger", f"{OWN}/jig/jig1/slot/1/result"),
        ("stranger", "reflash/v1/site-1/stranger/status"),
    ],
)
async def test_nobody_publishes_as_another_station(broker: Broker, person: str, topic: str) -> None:
    # A session that outlives its connection: this broker hangs up on whoever sends what is denied.
    async with broker.connected_as("witness", clean_session=False) as consumer:
        await consumer.subscribe("reflash/v1/#", qos=1)
    with suppress(aiomqtt.MqttError):
        async with broker.connected_as(person, clean_session=False) as forger:
            await forger.publish(topic, b"forged", qos=1)
    async with broker.connected_as("bench-1") as station:
        await station.publish(f"{OWN}/status", b"true", qos=1)
    async with broker.connected_as("witness", clean_session=False) as consumer:
        assert await heard_until(consumer, b"true") == [(f"{OWN}/status", b"true")]


@pytest.mark.parametrize("listener", ["bench-2", "stranger"])
async def test_only_consumers_hear_a_stations_results(broker: Broker, listener: str) -> None:
    async with (
        broker.connected_as(listener) as curious,
        broker.connected_as("bench-1") as station,
        broker.connected_as("inventory") as consumer,
    ):
        await curious.subscribe("#", qos=1)
        await consumer.subscribe("reflash/v1/#", qos=1)
        await station.publish(f"{OWN}/jig/jig1/slot/1/result", b"result", qos=1)
        await heard_until(consumer, b"result")
        # The broker sends in order, so an answer to a later request shows that the result was not sent.
        await curious.unsubscribe("#")
        assert len(curious.messages) == 0


@pytest.mark.parametrize("person", [None, "forged bench-1"])
async def test_nobody_connects_without_a_certificate_of_the_sites_authority(
    broker: Broker, person: str | None
) -> None:
    with pytest.raises(aiomqtt.MqttError):
        async with broker.connected_as(person):
            pass
    async with broker.connected_as("bench-1"):
        pass


async def test_nobody_connects_without_tls(broker: Broker) -> None:
    """Not even to hear that he is nobody: what is no TLS gets no word of MQTT."""
    connect = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x05\x00\x04name"

    reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
    writer.write(connect)
    answer = b""
    with suppress(OSError):
        answer = await reader.read(100)
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    assert not answer.startswith(b"\x20"), "a CONNACK, whatever it says"


async def test_no_client_takes_anothers_session_over_by_its_client_id(broker: Broker) -> None:
    async with broker.connected_as("bench-1", "reflash-site-1-bench-1") as station:
        async with broker.connected_as("bench-2", "reflash-site-1-bench-1") as rival:
            await rival.publish(f"{OTHERS}/status", b"here", qos=1)
        await station.publish(f"{OWN}/status", b"still here", qos=1)


def test_without_tls_there_is_a_listener_on_loopback_alone() -> None:
    for name, listener in (
        ("reflash.conf", "listener 1883 127.0.0.1"),
        ("reflash-tls.conf", "listener 8883"),
    ):
        lines = (brokers.SHIPPED / name).read_text().splitlines()
        assert [line for line in lines if line.startswith("listener")] == [listener]
