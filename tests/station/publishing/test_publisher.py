from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benches import brokers
from benches.journal_samples import chf, order_events, place
from benches.processes import run
from benches.publisher_bench import Bench, bench
from station.publishing import pauses, publisher
from station.publishing.pauses import pause_after
from station.publishing.returns import first_of_each_key
from station.publishing.session import IN_FLIGHT
from station.publishing.settings import MqttSettings
from station.publishing.status import Connection
from station.records.errors import JournalFailed, JournalFull
from station.records.facts.orders import OrderClosed
from station.records.facts.outbox import MessagesRepublished, Number
from station.records.journal import Journal
from station.records.outgoing import OutgoingMessage

STATUS_TOPIC = "reflash/v1/leeds/bench-1/status"


async def listen(port: int, topics: str, count: int, ready: asyncio.Event) -> list[tuple[str, bytes, bool]]:
    heard = []
    async with brokers.Client("127.0.0.1", port) as client:
        await client.subscribe(topics, qos=1)
        ready.set()
        async for message in client.messages:
            heard.append((str(message.topic), bytes(message.payload), message.retain))
            if len(heard) == count:
                break
    return heard


async def listening(port: int, topics: str, count: int) -> asyncio.Task[list[tuple[str, bytes, bool]]]:
    ready = asyncio.Event()
    task = asyncio.create_task(listen(port, topics, count, ready))
    await ready.wait()
    return task


def check_results_arrive(folder: Path, port: int) -> None:
    async def main() -> None:
        async with bench(folder, port) as station:
            heard = await listening(port, "reflash/#", 24 + 1)
            station.start()
            await station.results(*range(24))
            await station.until_empty()
            messages = [
                (topic, json.loads(payload)) for topic, payload, _ in await heard if topic != STATUS_TOPIC
            ]
        assert {event["subject"] for _, event in messages} == {str(chf(number)) for number in range(24)}
        assert sorted(event["data"]["station_sequence"] for _, event in messages) == list(range(1, 25))
        for topic, event in messages:
            assert topic == f"reflash/v1/leeds/bench-1/jig/jig-1/slot/{event['data']['slot']}/result"

    asyncio.run(main())


async def test_facts_of_orders_leave_and_results_keep_the_version_they_were_written_in(
    folder: Path, mosquitto_broker: brokers.Mosquitto
) -> None:
    async with bench(folder, mosquitto_broker.port) as station:
        station.start()
        await station.results(1)
        await station.until_empty()
        await station.stop()
    async with bench(folder, mosquitto_broker.port, result_version=2) as station:
        heard = await listening(mosquitto_broker.port, "reflash/#", 6 + 1)
        station.start()
        await station.until_said(Connection.CONNECTED)
        await station.results(2)
        await station.journal.append(*order_events(), MessagesRepublished(message="result", first=1, last=1))
        await station.journal.append(OrderClosed(order="WO-1", reason="done"))
        await station.until_empty()
        messages = [
            (topic, json.loads(payload)) for topic, payload, _ in await heard if topic != STATUS_TOPIC
        ]
    told = {(event["type"], event["data"]["station_sequence"]) for _, event in messages}
    assert told == {
        ("reflash.result.v1", 1),
        ("reflash.result.v2", 2),
        *(("reflash.order.v1", number) for number in (1, 2, 3)),
    }
    facts = [event for topic, event in messages if topic == "reflash/v1/leeds/bench-1/orders"]
    assert [event["data"]["what"] for event in facts] == ["imported", "assigned", "closed"]
    assert {event["subject"] for event in facts} == {"WO-1"}


def test_results_arrive_at_mosquitto(folder: Path, mosquitto_broker: brokers.Mosquitto) -> None:
    check_results_arrive(folder, mosquitto_broker.port)


def test_results_arrive_at_iotcore(folder: Path) -> None:
    with brokers.iotcore_broker() as port:
        check_results_arrive(folder, port)


async def test_an_independent_client_sees_the_very_bytes(
    folder: Path, mosquitto_broker: brokers.Mosquitto
) -> None:
    async with bench(folder, mosquitto_broker.port) as station:
        await station.results(5)
        (expected,) = await station.journal.outbox_batch(9)
        subscriber = (
            brokers.installed("mosquitto_sub", "mosquitto-clients"),
            "-p",
            str(mosquitto_broker.port),
            "-c",
            "-i",
            "consumer",
            "-q",
            "1",
        )
        topics = ("-t", "reflash/v1/+/+/jig/#")
        enrol = await asyncio.create_subprocess_exec(*subscriber, *topics, "-E")
        assert await enrol.wait() == 0
        station.start()
        await station.until_empty()
        client = await asyncio.create_subprocess_exec(
            *subscriber, *topics, "-C", "1", "-W", "20", "-F", "%q %r %t %p", stdout=subprocess.PIPE
        )
        said, _ = await client.communicate()
    assert said == f"1 0 {expected.topic} {expected.payload.decode()}\n".encode()


def test_a_result_written_before_the_broker_was_there_still_leaves(tmp_path: Path, folder: Path) -> None:
    broker = brokers.Mosquitto(tmp_path)

    async def main() -> None:
        async with bench(folder, broker.port) as station:
            station.start()
            await station.results(1)
            waiting = await station.until_said(Connection.WAITING)
            assert str(broker.port) in waiting.line
            assert "results wait on disk" in waiting.line
            assert await station.journal.outbox_size() == 1
            broker.start()
            await station.until_empty()
            assert station.said[-1].connection is Connection.CONNECTED

    try:
        asyncio.run(main())
    finally:
        broker.kill()


async def test_a_broker_that_dies_under_load_gets_everything_when_it_is_back(
    tmp_path: Path, folder: Path
) -> None:
    heard: dict[int, bytes] = {}
    with brokers.mosquitto(tmp_path) as broker:
        async with bench(folder, broker.port) as station:
            before = await listening(broker.port, "reflash/v1/+/+/jig/#", 3)
            station.start()
            await station.results(*range(3))
            messages = await before
            writing = asyncio.create_task(station.results(*range(3, 40)))
            broker.kill()
            await station.until_said(Connection.WAITING)
            await writing
            broker.start()
            rest = await station.journal.outbox_size()
            after = await listening(broker.port, "reflash/v1/+/+/jig/#", rest)
            messages += await after
            await station.until_empty()
            for _, payload, _ in messages:
                event = json.loads(payload)
                number = event["data"]["station_sequence"]
                assert heard.setdefault(number, payload) == payload
            assert heard.keys() == set(range(1, 41))


async def test_what_was_not_acknowledged_leaves_again_after_a_restart_as_the_same_bytes(
    folder: Path, mosquitto_broker: brokers.Mosquitto
) -> None:
    port = mosquitto_broker.port

    heard = await listening(port, "reflash/v1/+/+/jig/#", 2)
    async with bench(folder, port) as station:
        await station.results(1)
        (result,) = await station.journal.outbox_batch(1)
        async with brokers.Client("127.0.0.1", port) as client:
            # A station that dies between the broker's acknowledgement and its own note of it.
            await client.publish(result.topic, result.payload, qos=1)
        await asyncio.sleep(0.01)
    async with bench(folder, port) as station:
        station.start()
        await station.until_empty()
    first, second = await heard
    assert first == second


async def test_a_range_can_be_sent_again(folder: Path, mosquitto_broker: brokers.Mosquitto) -> None:
    async with bench(folder, mosquitto_broker.port) as station:
        station.start()
        await station.results(1, 2, 3)
        await station.until_empty()
        heard = await listening(mosquitto_broker.port, "reflash/v1/+/+/jig/#", 2)
        await station.journal.append(MessagesRepublished(message="result", first=2, last=3))
        sent = [json.loads(payload)["data"]["station_sequence"] for _, payload, _ in await heard]
        assert sorted(sent) == [2, 3]
        await station.until_empty()


async def test_results_of_one_hub_never_overtake_each_other(
    folder: Path, mosquitto_broker: brokers.Mosquitto
) -> None:
    async with bench(folder, mosquitto_broker.port) as station:
        await station.results(*([1, 2, 1, 3] * 20))
        heard = await listening(mosquitto_broker.port, "reflash/v1/+/+/jig/#", 80)
        station.start()
        events = [json.loads(payload) for _, payload, _ in await heard]
        for hub in (1, 2, 3):
            numbers = [e["data"]["station_sequence"] for e in events if e["subject"] == str(chf(hub))]
            assert numbers == sorted(numbers)
        await station.until_empty()


async def test_states_are_retained_and_the_last_will_says_offline(
    folder: Path, mosquitto_broker: brokers.Mosquitto
) -> None:
    port = mosquitto_broker.port
    topic = "reflash/v1/leeds/bench-1/jig/jig-1/slot/1/state"

    async with bench(folder, port) as station:
        assert station.journal.topics.slot_state(place(1)) == topic
        for number in range(1000):
            station.retained.set(topic, b"%d" % number)
        heard = await listening(port, "reflash/#", 3)
        station.start()
        await station.until_said(Connection.CONNECTED)
        station.retained.set(topic, b"empty")

        async def latest() -> list[tuple[str, bytes, bool]]:
            late = await listening(port, "reflash/#", 2)
            return sorted(await late)

        seen = [(t, p) for t, p, _ in await heard]
        assert seen[-1] == (topic, b"empty")
        assert len(seen) == 3
        assert await latest() == [
            (topic, b"empty", True),
            (STATUS_TOPIC, b'{"status":"online"}', True),
        ]
        await station.stop()
        assert (STATUS_TOPIC, b'{"status":"offline"}', True) in await latest()


async def test_what_others_left_retained_under_our_name_does_not_stand(
    folder: Path, mosquitto_broker: brokers.Mosquitto
) -> None:
    port = mosquitto_broker.port
    ours, gone, others = (
        f"reflash/v1/leeds/{where}/state"
        for where in ("bench-1/jig/jig-1/slot/1", "bench-1/jig/sold/slot/9", "bench-2/jig/sold/slot/9")
    )

    async with brokers.Client("127.0.0.1", port) as somebody:
        for topic in (ours, gone, others):
            await somebody.publish(topic, b"passed", qos=1, retain=True)
        async with bench(folder, port) as station:
            station.retained.set(ours, b"empty")
            heard = await listening(port, "reflash/#", 3 + 5)
            station.start()
            await station.until_said(Connection.CONNECTED)
            # The last will of another life, whose connection the broker had not missed yet.
            await somebody.publish(STATUS_TOPIC, b'{"status":"offline"}', qos=1, retain=True)
            said = [(topic, payload) for topic, payload, retained in await heard if not retained]
            assert (gone, b"") in said
            assert (ours, b"empty") in said
            statuses = [json.loads(payload)["status"] for topic, payload in said if topic == STATUS_TOPIC]
            assert statuses == ["online", "offline", "online"]
            late = await (await listening(port, "reflash/#", 3))
            assert sorted(late) == [
                (ours, b"empty", True),
                (STATUS_TOPIC, b'{"status":"online"}', True),
                (others, b"passed", True),
            ]


DYING_STATION = """
import asyncio, os, sys
from pathlib import Path
from station.records.journal import Journal
from station.publishing.settings import MqttSettings
from station.publishing.publisher import Publisher
from station.publishing.retained import RetainedStates

async def main():
    async with Journal.open(Path(sys.argv[1]), site="leeds", station="bench-1") as journal:
        states = RetainedStates()
        await Publisher(journal, MqttSettings(port=int(sys.argv[2])), states, lambda status: None).run()

asyncio.run(main())
"""


async def test_a_killed_station_is_offline_at_the_broker(
    folder: Path, mosquitto_broker: brokers.Mosquitto
) -> None:
    port = mosquitto_broker.port

    heard = await listening(port, STATUS_TOPIC, 2)
    station = await asyncio.create_subprocess_exec(
        sys.executable, "-c", DYING_STATION, str(folder), str(port)
    )
    await listen(port, STATUS_TOPIC, 1, asyncio.Event())
    station.kill()
    await station.wait()
    assert [payload for _, payload, _ in await heard] == [b'{"status":"online"}', b'{"status":"offline"}']


async def test_a_broker_that_wants_a_password_says_so_and_takes_the_right_one(
    tmp_path: Path, folder: Path
) -> None:
    passwords, secret = tmp_path / "passwords", tmp_path / "secret"
    for path in (passwords, secret):
        path.touch(mode=0o600)
    run(
        [brokers.installed("mosquitto_passwd", "mosquitto"), "-b", str(passwords), "bench", "correct horse"],
        check=True,
    )
    secret.write_text("wrong\n")

    with brokers.mosquitto(tmp_path, anonymous=False, lines=(f"password_file {passwords}",)) as broker:
        async with bench(folder, broker.port, username="bench", password_file=secret) as station:
            station.start()
            await station.results(1)
            refused = await station.until_said(Connection.REFUSED)
            assert "mqtt.password_file" in refused.line
            assert "wrong" not in refused.line
            secret.write_text("correct horse\n")
            await station.until_empty()


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
async def test_a_password_file_that_cannot_be_read_is_named(
    folder: Path, tmp_path: Path, content: bytes | None
) -> None:
    secret = tmp_path / "secret"
    if content is not None:
        secret.touch(mode=0o600)
        secret.write_bytes(content)

    async with bench(folder, brokers.free_port(), username="bench", password_file=secret) as station:
        station.start()
        refused = await station.until_said(Connection.REFUSED)
        assert str(secret) in refused.line


async def test_a_password_that_others_can_read_is_not_used(
    folder: Path, tmp_path: Path, mosquitto_broker: brokers.Mosquitto
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("correct horse\n")
    secret.chmod(0o644)

    async with bench(folder, mosquitto_broker.port, username="bench", password_file=secret) as station:
        await station.results(1)
        station.start()
        refused = await station.until_said(Connection.REFUSED)
        assert f"{secret} can be read by other users; run: chmod 600 {secret}" in refused.line
        assert "correct horse" not in refused.line
        secret.chmod(0o600)
        await station.until_empty()


async def test_a_broker_that_never_answers_leaves_nothing_behind(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        settings = MqttSettings(port=port, timeout_seconds=0.3)
        async with Journal.open(folder, site="leeds", station="bench-1") as journal:
            station = Bench(journal, settings)
            station.start()
            waiting = await station.until_said(Connection.WAITING)
            assert "takes the connection and then says nothing (timed out)" in waiting.line
            await station.stop()
            await asyncio.sleep(0)


async def test_stopping_while_connecting_leaves_nothing_behind(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with bench(folder, silent.getsockname()[1]) as station:
            station.start()
            loop = asyncio.get_running_loop()
            silent.setblocking(False)
            peer, _ = await loop.sock_accept(silent)
            peer.close()
            await station.stop()


async def test_a_full_disk_holds_results_back_without_ending_the_publisher(
    folder: Path, mosquitto_broker: brokers.Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(folder, mosquitto_broker.port) as station:
        await station.results(1)
        append = station.journal.append
        full = True

        async def no_room(*events: Any) -> Any:
            if full:
                raise JournalFull(folder)
            return await append(*events)

        monkeypatch.setattr(station.journal, "append", no_room)
        station.start()
        waiting = await station.until_said(Connection.WAITING)
        assert "no room" in waiting.line
        full = False
        await station.until_empty()


async def test_a_broken_journal_ends_the_publisher(
    folder: Path, mosquitto_broker: brokers.Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(folder, mosquitto_broker.port) as station:

        async def broken(*_: Any) -> Any:
            raise JournalFailed("the disk is gone")

        monkeypatch.setattr(station.journal, "outbox_batch", broken)
        station.start()
        await asyncio.wait((station.task,), timeout=60)
        assert isinstance(station.task.exception(), ExceptionGroup)
        assert station.task.exception().subgroup(JournalFailed) is not None


async def test_two_stations_of_one_name_are_told_so_and_slow_down(
    folder: Path, tmp_path: Path, mosquitto_broker: brokers.Mosquitto
) -> None:
    port = mosquitto_broker.port
    async with (
        bench(folder, port, client_id="twin") as one,
        bench(tmp_path / "b", port, client_id="twin") as two,
    ):
        for station in (one, two):
            station.start()
        for station in (one, two):
            refused = await station.until_ever_said(Connection.REFUSED)
            assert "another station may use the client id twin" in refused.line


async def test_a_slow_broker_gets_the_time_that_it_needs_and_its_limit_is_named(
    folder: Path, mosquitto_broker: brokers.Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pauses, "_FIRST_PAUSE_S", 0.02)

    async with (
        brokers.slow(mosquitto_broker.port, 1.0) as port,
        bench(folder, port, timeout_seconds=0.05) as station,
    ):
        await station.results(1, 2, 1)
        station.start()
        waiting = await station.until_ever_said(Connection.WAITING)
        assert "it had 0.05 s (mqtt.timeout_seconds is 0.05) and gets 0.1 s now" in waiting.line
        await station.until_empty()
        await station.until_said(Connection.CONNECTED)
        assert all(said.connection is not Connection.REFUSED for said in station.said)


async def test_a_broker_that_ends_each_connection_after_a_result_gets_one_after_the_other(
    folder: Path, mosquitto_broker: brokers.Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused: list[int] = []

    def pause(failures: int) -> float:
        paused.append(failures)
        return pause_after(failures) / 50

    monkeypatch.setattr(publisher, "pause_after", pause)

    async with brokers.ending(mosquitto_broker.port, "/result") as port, bench(folder, port) as station:
        await station.results(*range(12))
        station.start()
        refused = await station.until_ever_said(Connection.REFUSED)
        assert "ends each connection after it has taken some messages" in refused.line
        await station.until_empty()
        assert max(paused) <= 1, "that it took something is no failure"


@given(st.integers(0, 10**9))
def test_a_pause_stays_a_pause_however_long_the_broker_is_away(failures: int) -> None:
    assert 0.5 <= pause_after(failures) <= 30.0
    assert pause_after(failures) <= pause_after(failures + 1)


def outgoing(number: int, hub: str | None) -> OutgoingMessage:
    return OutgoingMessage(Number("result", number), hub, "topic", b"")


@given(st.lists(st.sampled_from(["a", "b", "c", None]), max_size=IN_FLIGHT))
def test_of_each_hub_only_the_oldest_is_in_flight(hubs: list[str | None]) -> None:
    results = [outgoing(number, hub) for number, hub in enumerate(hubs)]
    chosen = first_of_each_key(results)
    named = [result.ordering_key for result in chosen if result.ordering_key is not None]
    assert len(named) == len(set(named))
    for result in chosen:
        if result.ordering_key is not None:
            assert result.number.number == hubs.index(result.ordering_key)
    assert sum(result.ordering_key is None for result in chosen) == hubs.count(None)
    assert bool(chosen) == bool(results)
