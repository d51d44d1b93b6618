"""A real mosquitto that denies what the station sends, and acknowledges it all the same."""

from __future__ import annotations

import asyncio
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from benches import brokers
from benches.journal_samples import closed, opened, place
from benches.publisher_bench import bench
from station.publishing import pauses
from station.publishing.session import IN_FLIGHT
from station.publishing.status import Connection

DEPLOY = Path(__file__).parents[3] / "deploy"
ROOT = "reflash/v1/leeds/bench-1"
STATUS = f"{ROOT}/status"
FIRST, SECOND = (f"{ROOT}/jig/jig-1/slot/{slot}/result" for slot in (2, 3))
"""Where the results of the hubs 1 and 2 are sent."""

ALL = f"topic write {ROOT}/#\ntopic read {STATUS}\ntopic read {ROOT}/jig/+/slot/+/result\ntopic read {ROOT}/orders\n"
DENYING = {
    "everything": ("topic read reflash/#\n", STATUS),
    "reading its status": (f"topic write {ROOT}/#\n", STATUS),
    "writing results": (f"topic readwrite {STATUS}\ntopic read reflash/#\n", FIRST),
    "reading results": (f"topic write {ROOT}/#\ntopic read {STATUS}\n", FIRST),
    "the results of a slot": (f"{ALL.replace('slot/+', 'slot/3')}", FIRST),
}


@pytest.fixture
def allowed(tmp_path: Path) -> Path:
    path = tmp_path / "acl"
    path.touch(mode=0o600)
    return path


@pytest.mark.parametrize("what", DENYING)
async def test_no_result_leaves_to_a_broker_that_drops_what_it_acknowledges(
    folder: Path, tmp_path: Path, allowed: Path, what: str
) -> None:
    access, named = DENYING[what]
    allowed.write_text(access)

    with brokers.mosquitto(tmp_path, lines=(f"acl_file {allowed}",)) as broker:
        async with bench(folder, broker.port) as station:
            await station.results(1, 2)
            station.start()
            refused = await station.until_said(Connection.REFUSED)
            assert f"let this station write and read {named} in the broker's access list" in refused.line
            assert all(said.connection is not Connection.CONNECTED for said in station.said)
            left = await station.journal.outbox_batch(9)
            # What is delivered does leave.
            assert [result.topic for result in left] == ([FIRST] if "slot" in what else [FIRST, SECOND])
            broker.kill()
            await asyncio.to_thread(allowed.write_text, ALL)
            broker.start()
            await station.until_empty()
            await station.until_said(Connection.CONNECTED)


async def test_results_of_a_denied_topic_wait_and_keep_no_others_waiting(
    folder: Path, tmp_path: Path, allowed: Path
) -> None:
    allowed.write_text(ALL.replace("slot/+", "slot/3"))
    denied = [1 + 8 * number for number in range(IN_FLIGHT + 3)]

    with brokers.mosquitto(tmp_path, lines=(f"acl_file {allowed}",)) as broker:
        async with bench(folder, broker.port) as station:

            async def only_denied_ones_are_left() -> bool:
                return await station.journal.outbox_size() == len(denied)

            await station.results(*denied, 2)
            station.start()
            await station.until(only_denied_ones_are_left)
            refused = await station.until_said(Connection.REFUSED)
            assert FIRST in refused.line
            # As long as nothing is mended they wait, and what comes does not.
            await station.results(10, 18)
            await station.until(only_denied_ones_are_left)
            assert all(said.connection is not Connection.CONNECTED for said in station.said)
            await asyncio.to_thread(allowed.write_text, ALL)
            broker.reload()
            await station.until_empty()
            await station.until_said(Connection.CONNECTED)


async def test_a_topic_that_is_denied_only_now_takes_the_green_light_back(
    folder: Path, tmp_path: Path, allowed: Path
) -> None:
    allowed.write_text(ALL.replace("slot/+", "slot/3"))

    with brokers.mosquitto(tmp_path, lines=(f"acl_file {allowed}",)) as broker:
        async with bench(folder, broker.port) as station:
            station.start()
            await station.results(2)
            await station.until_said(Connection.CONNECTED)
            await station.until_empty()
            await station.results(1)
            refused = await station.until_said(Connection.REFUSED)
            assert FIRST in refused.line
            assert await station.journal.outbox_size() == 1


async def test_the_access_list_that_is_shipped_lets_results_out_and_old_states_be_taken_back(
    folder: Path, tmp_path: Path
) -> None:
    passwords, secret, allowed = tmp_path / "passwords", tmp_path / "secret", tmp_path / "acl"
    for path in (passwords, secret, allowed):
        path.touch(mode=0o600)
    subprocess.run(
        [brokers.installed("mosquitto_passwd", "mosquitto"), "-b", passwords, "bench-1", "pass"], check=True
    )
    secret.write_text("pass\n")
    allowed.write_text((DEPLOY / "mosquitto" / "reflash.acl").read_text())
    lines = (f"password_file {passwords}", f"acl_file {allowed}")

    with brokers.mosquitto(tmp_path, anonymous=False, lines=lines) as broker:
        who = {"site": "site-1", "username": "bench-1", "password_file": secret}
        gone = "reflash/v1/site-1/bench-1/jig/sold/slot/9/state"
        async with (
            brokers.Client("127.0.0.1", broker.port, username="bench-1", password="pass") as before,
            bench(folder, broker.port, **who) as station,
        ):
            await before.publish(gone, b"passed", qos=1, retain=True)
            await before.subscribe(gone)
            station.start()
            await station.results(1, 2, 3)
            await station.until_empty()
            await station.until_said(Connection.CONNECTED)
            assert (await anext(before.messages)).payload == b"passed"
            assert (await anext(before.messages)).payload == b""


async def test_a_broker_that_hangs_up_at_large_results_gets_all_others(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pauses, "_FIRST_PAUSE_S", 0.02)

    with brokers.mosquitto(tmp_path, lines=("max_packet_size 2000",)) as broker:
        async with bench(folder, broker.port) as station:
            (attempt,) = await station.journal.append(opened(1, slot=2, order=None))
            large = closed(attempt.sequence, 1, slot=2, order=None)
            large = large.model_copy(update={"operator": "p" * 2000})
            await station.journal.append(large)
            # Of the same slot; of the same hub, which has to wait for its first; of others.
            await station.results(9, 1, 2, 3)
            station.start()
            refused = await station.until_said(Connection.REFUSED)
            assert f"hangs up when it is sent {FIRST}" in refused.line
            first, _ = await station.until_left(1, 3)
            assert f"packets of {len(first.payload) + 1024} bytes" in refused.line
            # It stays said while all else goes on.
            await station.results(9, 10)
            await station.until_left(1, 3)
            assert station.said[-1] == refused


async def test_a_broker_that_hangs_up_at_some_topics_gets_all_others_and_these_once_it_takes_them(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pauses, "_FIRST_PAUSE_S", 0.02)
    minded = [FIRST, SECOND, f"{ROOT}/jig/jig-1/slot/2/state"]

    with brokers.mosquitto(tmp_path) as broker:
        async with (
            brokers.hanging_up(broker.port, minded) as port,
            bench(folder, port) as station,
            brokers.Client("127.0.0.1", broker.port) as consumer,
        ):
            states = [station.journal.topics.slot_state(place(slot)) for slot in (1, 2, 3)]
            for state in states:
                station.retained.set(state, b"empty")
            await station.results(1, 2, 3, 9, 4)
            station.start()
            await station.until_left(1, 2, 4)
            refused = await station.until_said(Connection.REFUSED)
            assert any(f"hangs up when it is sent {topic}, " in refused.line for topic in minded)
            minded.clear()
            await station.until_left()
            await station.until_said(Connection.CONNECTED)
            await consumer.subscribe(f"{ROOT}/jig/+/slot/+/state", qos=1)
            async for message in consumer.messages:
                states.remove(str(message.topic))
                if not states:
                    break


@pytest.mark.parametrize(
    ("topic", "named"),
    [
        (b"a/#", "a message to b'a/#'"),
        (b"\xff", "a message to b'\\xff'"),
        (b"", "a packet that is none of MQTT 3.1.1"),
    ],
    ids=["wildcard", "no text", "empty"],
)
async def test_a_broker_that_sends_what_has_no_topic_is_told_so_and_fills_no_log(
    folder: Path, caplog: pytest.LogCaptureFixture, topic: bytes, named: str
) -> None:
    body = len(topic).to_bytes(2, "big") + topic + b"hi"
    unsound = bytes((0x30, len(body))) + body

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(b"\x20\x02\x00\x00")
        subscribe = await reader.read(4096)
        writer.write(b"\x90\x03" + subscribe[2:4] + b"\x01" + unsound * 100)
        with suppress(OSError):
            await reader.read(-1)
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    async with server, bench(folder, server.sockets[0].getsockname()[1], timeout_seconds=0.3) as station:
        station.start()
        refused = await station.until_said(Connection.REFUSED)
        assert f"sends {named}" in refused.line
        assert "access list" not in refused.line
    assert caplog.records == []


async def test_a_broker_that_also_sends_what_has_no_topic_gets_its_results_and_is_told_of(
    folder: Path, mosquitto_broker: brokers.Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    unsound = b"\x30\x07\x00\x03a/#hi" * 100
    async with brokers.babbling(mosquitto_broker.port, unsound) as port, bench(folder, port) as station:
        await station.results(1, 2)
        station.start()
        await station.until_empty()
        connected = await station.until_said(Connection.CONNECTED)
        assert connected.line.endswith(
            "connected; it also sends a message to b'a/#', which is no topic; that is dropped"
        )
    assert caplog.records == []
