"""What has come of the hubs: the broker's word, held against what the simulated hubs really hold."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import aiomqtt

from station.demo.broker import BrokerAddress, NoBroker
from station.domain.outcome import Code, Outcome
from station.messages.packing_fact import PACKING_FACT, PACKING_TOPIC
from station.messages.topics import Topics

_ANSWER_SECONDS: Final = 10.0
_AGAIN_SECONDS: Final = 0.5
_AWAY_SECONDS: Final = 60.0
"""So long a broker may be away."""


@dataclass(slots=True)
class Tally:
    """What the broker has told."""

    results: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """The newest published result of each hub, by CHF id."""
    packing: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    """Every fact of packing, by its number."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, payload: bytes) -> None:
        """Take a result in; one that is sent again never replaces a newer one of its hub."""
        event = json.loads(payload)
        if event["type"] == PACKING_FACT.event_type:
            self.packing[event["data"]["station_sequence"]] = event["data"]
            self.changed.set()
            return
        if "subject" not in event:
            return
        result, known = event["data"], self.results.get(event["subject"])
        if known is None or known["station_sequence"] <= result["station_sequence"]:
            self.results[event["subject"]] = result
        self.changed.set()

    def count(self) -> dict[str, int]:
        """Return how many hubs each outcome has."""
        counts = Counter(result["outcome"] for result in self.results.values())
        return {str(outcome): counts[outcome] for outcome in Outcome}

    @property
    def passed_at(self) -> list[datetime]:
        """When each hub that passed was finished."""
        passed = (each for each in self.results.values() if each["outcome"] == Outcome.PASSED)
        return [datetime.fromisoformat(each["finished"]) for each in passed]

    @property
    def places(self) -> dict[str, tuple[str, str | None]]:
        """Where each hub is, and the code of its carton, by the facts of packing in their order."""
        stands = (self.packing[number]["hub"] for number in sorted(self.packing))
        found = {hub["hub"]: (hub["place"], hub["carton"]) for hub in stands if hub is not None}
        return {hub: place for hub, place in found.items() if place[0] is not None}

    @property
    def pallets_closed(self) -> set[str]:
        """The pallets that nothing more goes on, by code."""
        facts = (each for each in self.packing.values() if each["what"] == "pallet_closed")
        return {pallet["pallet"] for each in facts for pallet in each["pallets"]}

    @property
    def done(self) -> set[str]:
        """The hubs that have passed, or were current."""
        return {
            chf
            for chf, result in self.results.items()
            if result["outcome"] in {Outcome.PASSED, Outcome.ALREADY_CURRENT}
            or result["code"] == Code.ALREADY_PASSED
        }

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
async def counting_results(
    broker: BrokerAddress, topics: Topics, send_again: Callable[[], Awaitable[None]]
) -> AsyncIterator[Tally]:
    """Subscribe as the inventory would, and tally what arrives while the block lasts. Raises NoBroker.

    A broker that was away may have lost results that were handed to it: `send_again` then has the station send all
    of its messages again, as an inventory's people would ask for them. One that stays away ends the tally with NoBroker.
    """
    tally = Tally()
    heard = asyncio.Event()

    async def receive() -> None:
        lost_at: float | None = None
        while True:
            try:
                async with aiomqtt.Client(broker.host, broker.port, timeout=_ANSWER_SECONDS) as client:
                    await client.subscribe(topics.every_result, qos=1)
                    await client.subscribe(topics.of_station(PACKING_TOPIC), qos=1)
                    heard.set()
                    if lost_at is not None:
                        await send_again()
                    lost_at = None
                    async for message in client.messages:
                        tally.hear(bytes(message.payload))
            except aiomqtt.MqttError as error:
                now = time.monotonic()
                lost_at = now if lost_at is None else lost_at
                if not heard.is_set() or now - lost_at > _AWAY_SECONDS:
                    raise NoBroker(
                        f"broker {broker.name}: {error}; start it, or leave --broker out"
                    ) from error
                await asyncio.sleep(_AGAIN_SECONDS)

    async with asyncio.TaskGroup() as group:
        receiving = group.create_task(receive())
        await heard.wait()
        yield tally
        receiving.cancel()
