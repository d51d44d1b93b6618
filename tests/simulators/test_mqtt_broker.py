"""The demonstration's own broker, against clients that are not ours: paho (by aiomqtt) and mosquitto's."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from contextlib import suppress

import aiomqtt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benches import brokers
from simulators.mqtt_broker import _matches, mqtt_broker


async def test_what_is_published_arrives_where_it_was_asked_for_and_a_retained_word_also_later() -> None:
    port = brokers.free_port()
    async with mqtt_broker(port), aiomqtt.Client("127.0.0.1", port) as hearing:
        await hearing.subscribe("jig/+/state", qos=1)
        async with aiomqtt.Client("127.0.0.1", port) as telling:
            await telling.publish("jig/1/result", b"elsewhere", qos=1)
            await telling.publish("jig/1/state", b"x" * 200_000, qos=1, retain=True)
        message = await anext(aiter(hearing.messages))
        assert (str(message.topic), message.payload) == ("jig/1/state", b"x" * 200_000)
        assert (message.qos, message.retain) == (1, False)
        async with aiomqtt.Client("127.0.0.1", port) as late:
            await late.subscribe("#", qos=0)
            message = await anext(aiter(late.messages))
            assert (str(message.topic), message.qos, message.retain) == ("jig/1/state", 0, True)


async def test_a_last_will_is_told_of_a_client_that_vanishes_and_of_none_that_leaves() -> None:
    port = brokers.free_port()
    async with mqtt_broker(port), aiomqtt.Client("127.0.0.1", port) as hearing:
        await hearing.subscribe("status/#", qos=1)
        async with aiomqtt.Client("127.0.0.1", port, will=aiomqtt.Will("status/a", b"gone", qos=1)):
            pass
        rude = aiomqtt.Client("127.0.0.1", port, will=aiomqtt.Will("status/b", b"gone", qos=1))
        await rude.__aenter__()
        rude._client.socket().shutdown(socket.SHUT_RDWR)
        message = await anext(aiter(hearing.messages))
        assert (str(message.topic), message.payload) == ("status/b", b"gone")
        with suppress(aiomqtt.MqttError):
            await rude.__aexit__(None, None, None)


async def test_a_name_is_there_once() -> None:
    port = brokers.free_port()

    async def displaced() -> None:
        async with aiomqtt.Client("127.0.0.1", port, identifier="me") as first:
            async with aiomqtt.Client("127.0.0.1", port, identifier="me") as second:
                with pytest.raises(aiomqtt.MqttError):
                    await anext(aiter(first.messages))
                await second.publish("a", b"", qos=1)
            raise aiomqtt.MqttError("the first is over, and its goodbye with it")

    async with mqtt_broker(port):
        with pytest.raises(aiomqtt.MqttError):
            await displaced()


async def test_mosquittos_own_clients_are_served() -> None:
    port = brokers.free_port()
    programs = [brokers.installed(f"mosquitto_{what}", "mosquitto-clients") for what in ("pub", "sub")]
    where = ("-h", "127.0.0.1", "-p", str(port), "-q", "1", "-t", "a/b")
    async with mqtt_broker(port):
        publish = await asyncio.create_subprocess_exec(programs[0], *where, "-r", "-m", "word")
        assert await publish.wait() == 0
        hear = await asyncio.create_subprocess_exec(programs[1], *where, "-C", "1", stdout=subprocess.PIPE)
        heard, _ = await hear.communicate()
        assert heard == b"word\n"


@given(noise=st.one_of(st.binary(max_size=200), st.binary(max_size=40).map(lambda end: CONNECT + end)))
async def test_whatever_a_client_sends_others_are_served(noise: bytes) -> None:
    port = brokers.free_port()
    async with mqtt_broker(port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(noise)
        writer.write_eof()
        with suppress(ConnectionError):
            await reader.read()
        writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(CONNECT)
        assert await reader.readexactly(4) == b"\x20\x02\x00\x00"
        writer.close()


CONNECT = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a"


@pytest.mark.parametrize(
    ("pattern", "topic", "meets"),
    [
        # The examples of MQTT 3.1.1, section 4.7.
        ("sport/tennis/player1/#", "sport/tennis/player1", True),
        ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", True),
        ("sport/#", "sport", True),
        ("#", "a/b", True),
        ("sport/tennis/+", "sport/tennis/player1", True),
        ("sport/tennis/+", "sport/tennis/player1/ranking", False),
        ("sport/+", "sport", False),
        ("sport/+", "sport/", True),
        ("+/+", "/finance", True),
        ("/+", "/finance", True),
        ("+", "/finance", False),
        ("#", "$SYS/monitor", False),
        ("+/monitor", "$SYS/monitor", False),
        ("$SYS/#", "$SYS/monitor", True),
    ],
)
def test_topics_and_filters(pattern: str, topic: str, meets: bool) -> None:
    assert _matches(pattern, topic) is meets
