"""What has come of the hubs: the broker's word, held against what the simulated hubs really hold."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import aiomqtt

from station.attempt.outcome import Outcome
from station.demo.broker import BrokerAddress, NoBroker
from station.records.topics import Topics

_ANSWER_SECONDS: Final = 10.0


@dataclass(slots=True)
class Tally:
    """The newest published result of each hub, by CHF id."""

    results: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def count(self) -> dict[str, int]:
        """Return how many hubs each outcome has."""
        counts = Counter(result["outcome"] for result in self.results.values())
        return {str(outcome): counts[outcome] for outcome in Outcome}

    def contradicted_by(self, hubs: Iterable[Mapping[str, Any]]) -> list[str]:
        """Return the hubs that passed and do not hold, confirmed, what their result names, or were not left locked."""
        wrong = []
        for hub in hubs:
            result = self.results.get(hub["chf"])
            if result is None or result["outcome"] != Outcome.PASSED:
                continue
            running = next((slot for slot in hub["slots"] if slot["active"]), None)
            holds = (
                running is not None
                and running["confirmed"]
                and not hub["left_unlocked"]
                and hub["firmware"] == result["firmware_read_back"]
                and hub["image_file_sha256"] == result["image_sha256"]
            )
            if not holds:
                wrong.append(hub["chf"])
        return wrong


@asynccontextmanager
async def counting_results(broker: BrokerAddress, topics: Topics) -> AsyncIterator[Tally]:
    """Subscribe as the inventory would, and tally what arrives while the block lasts. Raises NoBroker."""
    tally = Tally()
    async with AsyncExitStack() as stack:
        client = aiomqtt.Client(broker.host, broker.port, timeout=_ANSWER_SECONDS)
        try:
            await stack.enter_async_context(client)
            await client.subscribe(topics.every_result, qos=1)
        except aiomqtt.MqttError as error:
            raise NoBroker(f"broker {broker.name}: {error}; start it, or leave --broker out") from error

        async def receive() -> None:
            async for message in client.messages:
                event = json.loads(bytes(message.payload))
                if "subject" in event:
                    tally.results[event["subject"]] = event["data"]
                    tally.changed.set()

        receiving = asyncio.create_task(receive())
        try:
            yield tally
        finally:
            receiving.cancel()
            await asyncio.gather(receiving, return_exceptions=True)
