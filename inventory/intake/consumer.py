"""Listens to the stations for as long as the program lives: what came is acknowledged once it is in the database."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Final

import aiomqtt
import structlog

from inventory.database.waiting import until_answered
from inventory.intake.broker import BrokerRefuses, Client, advice, in_words, listening
from inventory.intake.intake import Heard, Intake
from inventory.intake.settings import MqttSettings, StationSettings
from inventory.intake.store import AT_ONCE, Taken
from inventory.pauses import pause_after
from station.messages.order_fact import ORDER_TOPIC
from station.messages.packing_fact import PACKING_TOPIC

_log: Final = structlog.get_logger()


def topics_of(stations: Sequence[StationSettings]) -> list[str]:
    """Return what is subscribed to: results, and facts of orders and of packing."""
    return [
        topic
        for each in stations
        for topic in (
            each.topics.every_result,
            each.topics.of_station(ORDER_TOPIC),
            each.topics.of_station(PACKING_TOPIC),
        )
    ]


class Consumer:
    """Takes in what the broker delivers. `run` it; `on_taken` hears, on the event loop, of each batch that is committed."""

    def __init__(
        self,
        settings: MqttSettings,
        topics: Sequence[str],
        intake: Intake,
        thread: Executor,
        on_taken: Callable[[Taken], None],
    ) -> None:
        """Prepare. `thread` is where the database may be waited for."""
        self._settings = settings
        self._topics = topics
        self._intake = intake
        self._thread = thread
        self._on_taken = on_taken
        self._broker = f"MQTT broker {settings.host}:{settings.port}"

    async def run(self) -> None:
        """Listen until cancelled. A batch that is being written is written to its end."""
        failures = 0
        while True:
            try:
                async with listening(self._settings, self._topics) as client:
                    _log.info("listening", broker=self._broker)
                    failures = 0
                    await self._listen(client)
            except (aiomqtt.MqttError, BrokerRefuses, OSError) as error:
                wait = pause_after(failures)
                failures += 1
                refuses = isinstance(error, BrokerRefuses)
                _log.log(
                    logging.ERROR if refuses else logging.WARNING,
                    "the broker refuses"
                    if refuses
                    else f"not connected to the broker; {advice(error)}; stations keep what it has not taken",
                    broker=self._broker,
                    reason=in_words(error),
                    again_in_seconds=round(wait, 1),
                )
                await asyncio.sleep(wait)

    async def _listen(self, client: Client) -> None:
        while True:
            batch = [await anext(client.messages)]
            while len(client.messages) and len(batch) < AT_ONCE:
                batch.append(await anext(client.messages))
            self._on_taken(await self._take(batch))
            client.acknowledge(batch)

    async def _take(self, batch: Sequence[aiomqtt.Message]) -> Taken:
        """Take a batch in, again and again while the database does not do it: nothing else can come in before.

        The broker holds back what follows as long as this is not acknowledged, so that nothing piles up here.
        """
        heard = [Heard(str(each.topic), _bytes(each.payload)) for each in batch]
        return await until_answered(
            lambda: self._apart(heard), "the database takes nothing in, the broker keeps it"
        )

    async def _apart(self, heard: Sequence[Heard]) -> Taken:
        work = asyncio.get_running_loop().run_in_executor(self._thread, self._intake.take_heard, heard)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.wait({work})
            raise


def _bytes(payload: object) -> bytes:
    return payload if isinstance(payload, bytes) else str(payload).encode()
