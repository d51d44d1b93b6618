"""Whether the MQTT broker takes this station, and keeps what it is to keep."""

from __future__ import annotations

import asyncio
import time
from typing import Final

import aiomqtt

from station.doctor.report import Finding, fault, ok, warning
from station.messages.topics import Topics
from station.publishing.broker import BrokerRefuses, connected, in_words
from station.publishing.settings import MqttSettings
from station.publishing.status import OFFLINE

_SLOW_SECONDS: Final = 1.0


async def check_broker(settings: MqttSettings, topics: Topics) -> Finding:
    """Connect as the daemon does, publish its retained status, and see whether the broker hands it out.

    Only for while no daemon runs: a broker lets each client id be there once, and the status says `offline`.
    """
    where = f"MQTT broker {settings.host}:{settings.port}"
    client_id = settings.client_id or f"reflash-{topics.site}-{topics.station}"
    will = aiomqtt.Will(topics.station_status, OFFLINE, qos=1, retain=True)
    begun = time.monotonic()
    try:
        async with connected(settings, client_id, will, topics) as client:
            await client.publish(topics.station_status, OFFLINE, qos=1, retain=True)
            await client.subscribe(topics.station_status, qos=1)
            async with asyncio.timeout(settings.timeout_seconds):
                async for message in client.messages:
                    if message.retain:
                        break
    except BrokerRefuses as refusal:
        return fault(where, str(refusal))
    except aiomqtt.MqttError as error:
        advice = "start it, or correct mqtt.host and mqtt.port; results wait on disk meanwhile"
        return fault(where, in_words(error), advice)
    except TimeoutError:
        return fault(
            where,
            f"takes messages, but hands none out below {topics.station_status}",
            f"let this station write {topics.station_status.removesuffix('status')}# and read its own status there,"
            " and let the broker keep retained messages",
        )
    took = time.monotonic() - begun
    if took > _SLOW_SECONDS:
        return warning(where, f"works, but took {took:.1f} s", "look for what slows it or the network down")
    return ok(where, f"takes and keeps messages, in {took * 1e3:.0f} ms")
