"""mosquitto as a bench PC has it: Debian's own configuration, and what is shipped in its conf.d."""

from __future__ import annotations

import asyncio
import getpass
import re
from pathlib import Path

import aiomqtt
import pytest
from test_broker_access import Broker, Site

from benches import brokers
from benches.looking import until

DEBIANS = Path("/etc/mosquitto/mosquitto.conf")
PATIENCE = 30.0
RESULTS = 1200
"""More than mosquitto keeps for an absent subscriber unless told otherwise: 1,000."""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def as_installed(folder: Path, shipped: str) -> brokers.Mosquitto:
    """Return the broker whose conf.d holds this, its places and its port moved to where a test may have them."""
    if not DEBIANS.exists():
        pytest.skip("Debian's mosquitto is not installed: apt-get install mosquitto")
    broker = brokers.Mosquitto(folder)
    conf_d = folder / "conf.d"
    conf_d.mkdir()
    debians = DEBIANS.read_text()
    for place in ("/run/mosquitto", "/var/lib/mosquitto", "/var/log/mosquitto", "/etc/mosquitto/conf.d"):
        assert place in debians
        debians = debians.replace(place, str(conf_d if "conf.d" in place else folder))
    (folder / "mosquitto.conf").write_text(f"{debians}\n")
    moved = re.sub(r"(?m)^listener \d+( 127\.0\.0\.1)?$", f"listener {broker.port} 127.0.0.1", shipped)
    assert moved != shipped
    (conf_d / "reflash.conf").write_text(moved)
    (conf_d / "test.conf").write_text(
        f"user {getpass.getuser()}\nlog_dest stderr\nlog_type error\nlog_type information\n"
    )
    return broker


def test_what_was_acknowledged_and_retained_survives_a_power_cut(tmp_path: Path) -> None:
    broker = as_installed(tmp_path, (brokers.SHIPPED / "reflash.conf").read_text())

    def consumer() -> aiomqtt.Client:
        return aiomqtt.Client("127.0.0.1", broker.port, identifier="inventory", clean_session=False)

    async def publish() -> None:
        async with consumer() as client:
            await client.subscribe("reflash/v1/#", qos=1)
        async with aiomqtt.Client("127.0.0.1", broker.port) as station:
            for number in range(RESULTS):
                await station.publish("reflash/v1/result", f"result {number}", qos=1)
            await station.publish("reflash/v1/state", "the last state", qos=1, retain=True)
        # It acknowledges first and saves then.
        await until(lambda: b"the last state" in (tmp_path / "mosquitto.db").read_bytes())

    async def receive() -> tuple[list[str], str]:
        async with asyncio.timeout(PATIENCE):
            async with consumer() as client:
                queued = [await anext(client.messages) for _ in range(RESULTS + 1)]
            async with aiomqtt.Client("127.0.0.1", broker.port) as stranger:
                await stranger.subscribe("reflash/v1/state", qos=1)
                retained = await anext(stranger.messages)
        return [bytes(message.payload).decode() for message in queued], bytes(retained.payload).decode()

    broker.start()
    try:
        asyncio.run(publish())
        broker.kill()
        broker.start()
        queued, retained = asyncio.run(receive())
    finally:
        broker.kill()
    assert queued == [*(f"result {number}" for number in range(RESULTS)), "the last state"]
    assert retained == "the last state"


def test_a_site_starts_with_certificates_beside_what_debian_says(site: Site, tmp_path: Path) -> None:
    broker = as_installed(tmp_path, site.deployed)

    async def main() -> None:
        async with Broker(site, broker.port).connected_as("bench-1") as station:
            await station.publish("reflash/v1/site-1/bench-1/status", b"here", qos=1)

    broker.start()
    try:
        asyncio.run(main())
    finally:
        broker.kill()
