"""What answers where the broker should is named: one true cause each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiomqtt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benches import brokers
from station.publishing.broker import BrokerRefuses, connected
from station.publishing.broker_answer import _judge, what_answers
from station.publishing.settings import MqttSettings

WILL = aiomqtt.Will("status", b"offline")


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[int]:
    """Serve a port that says this to whoever comes, whatever he wants, and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def come(port: int) -> None:
    async with connected(MqttSettings(port=port, timeout_seconds=0.5), "bench-1", WILL):
        pass


SAID = {
    b"\x20\x02\x00\x01": "does not speak MQTT 3.1.1",
    b"\x20\x02\x00\x02": "does not take the client id bench-1; set mqtt.client_id",
    b"\x20\x02\x00\x04": "Bad user name or password",
    b"\x20\x02\x00\x05": "Not authorized",
    b"HTTP/1.1 400 Bad Request\r\n\r\n": "is no MQTT broker but a web server",
    b"SSH-2.0-OpenSSH\r\n": "is no MQTT broker but something else",
    b"\x15\x03\x01\x00\x02\x02\x46": "wants TLS; set mqtt.ca_file",
    b"": "hangs up without a word; where it wants TLS, set mqtt.ca_file",
}


@pytest.mark.parametrize("answer", SAID)
async def test_what_answers_is_named_and_a_person_has_to_act(answer: bytes) -> None:
    async with answering(answer) as port:
        with pytest.raises(BrokerRefuses) as refused:
            await come(port)
        assert SAID[answer] in str(refused.value)
        assert "\n" not in str(refused.value)


async def test_a_broker_that_cannot_serve_just_now_is_waited_for() -> None:
    async with answering(b"\x20\x02\x00\x03") as port:
        with pytest.raises(aiomqtt.MqttError, match="cannot serve just now"):
            await come(port)


def test_nobody_there_is_no_answer_and_a_good_broker_none_to_complain_of(
    mosquitto_broker: brokers.Mosquitto,
) -> None:
    assert asyncio.run(what_answers("127.0.0.1", brokers.free_port(), 1.0)) is None
    assert asyncio.run(what_answers("127.0.0.1", mosquitto_broker.port, 5.0)) is None


@given(st.binary(max_size=64))
def test_whatever_answers_gets_one_line_or_none(answer: bytes) -> None:
    said = _judge(answer)
    assert said is None or (said and "\n" not in said)
