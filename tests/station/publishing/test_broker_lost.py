"""A real broker that dies at the moment in which something is sent to it, and what comes too late."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from benches import brokers
from station.publishing.broker import connected
from station.publishing.settings import MqttSettings

SENT = 20


def test_a_broker_that_dies_while_it_is_sent_to_is_lost_and_nothing_else(tmp_path: Path) -> None:
    unexpected: list[dict[str, Any]] = []

    async def send(broker: brokers.Mosquitto) -> None:
        settings = MqttSettings(port=broker.port, timeout_seconds=2, keepalive_seconds=5)
        async with connected(settings, "station", aiomqtt.Will("gone")) as client:
            await client.publish("here", b"", qos=1)
            broker.kill()  # without a turn of the loop: it has not noticed
            async with asyncio.TaskGroup() as sending:
                for _ in range(SENT):
                    sending.create_task(client.publish("results", b"x" * 1000, qos=1))

    async def main(broker: brokers.Mosquitto) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unexpected.append(context))
        with pytest.raises((aiomqtt.MqttError, ExceptionGroup)) as lost:
            await send(broker)
        causes = lost.value.exceptions if isinstance(lost.value, ExceptionGroup) else (lost.value,)
        assert all(isinstance(cause, aiomqtt.MqttError) for cause in causes)
        # Whoever opens something now may get the number of the socket that was closed.
        with socket.socket():
            await asyncio.sleep(0)

    with brokers.mosquitto(tmp_path) as broker:
        asyncio.run(main(broker))
    assert unexpected == []


async def test_an_answer_for_which_nobody_waits_any_more_is_no_news(
    mosquitto_broker: brokers.Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    async with brokers.slow(mosquitto_broker.port, 0.1) as port:
        settings = MqttSettings(port=port, timeout_seconds=5, keepalive_seconds=5)
        async with connected(settings, "station", aiomqtt.Will("gone")) as client:
            asking = asyncio.create_task(client.subscribe("here"))
            await asyncio.sleep(0)
            asking.cancel()
            await client.publish("there", b"", qos=1)  # which is answered after it
    await asyncio.sleep(0.01)  # the client's housekeeping task ends after its context does
    assert caplog.records == []
