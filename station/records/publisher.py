"""Empties the outbox to an MQTT broker, and keeps what is retained there up to date.

Each result leaves at QoS 1, several in flight, those of one hub one after the other. It leaves the outbox once the
broker has acknowledged it and the journal knows; whatever dies in between, it is sent again under the same id.
A broker may acknowledge what its access list makes it drop (MQTT 3.1.1, 3.3.5), so that no result leaves before the
station has received its own status from it.
The client library does not come back by itself after a loss, so that the loop around it is ours.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import aiomqtt

from drivers.descriptors import shortage
from station.records.broker import BrokerRefuses, connected
from station.records.chain import RecordedEvent
from station.records.errors import JournalHeldUp
from station.records.events import AttemptClosed, ResultsAcknowledged, ResultsRepublished
from station.records.journal import Journal
from station.records.mqtt_settings import MqttSettings
from station.records.results import OutgoingResult
from station.records.retained import RetainedStates

IN_FLIGHT: Final = 32
"""Results handed to the broker before the first of them is acknowledged."""

ONLINE: Final = b'{"status":"online"}'
OFFLINE: Final = b'{"status":"offline"}'
"""What the station's status topic says while the publisher is connected, and when it is not."""

_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0
_GOODBYE_S: Final = 1.0


class Connection(StrEnum):
    """How the station stands with its broker."""

    CONNECTED = "connected"
    WAITING = "waiting"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class PublisherStatus:
    """What the operator is told about the broker."""

    connection: Connection
    line: str
    """One line: what is, and what to do where somebody has to do something."""


class Publisher:
    """Publishes for one journal. `run` it for as long as the station lives."""

    def __init__(
        self,
        journal: Journal,
        settings: MqttSettings,
        retained: RetainedStates,
        on_status: Callable[[PublisherStatus], None],
    ) -> None:
        """Prepare; `on_status` is called on the event loop whenever the status changes."""
        self._journal = journal
        self._settings = settings
        self._broker = f"MQTT broker {settings.host}:{settings.port}"
        self._retained = retained
        self._on_status = on_status
        self._status: PublisherStatus | None = None
        self._failures = 0
        self._more = asyncio.Event()
        self._delivered = asyncio.Event()
        retained.set(journal.topics.station_status, ONLINE)

    async def run(self) -> None:
        """Publish until cancelled, through every loss of the broker. Raises JournalFailed alone."""
        unsubscribe = self._journal.subscribe(self._hear)
        try:
            while True:
                status = await self._publish_once()
                pause = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2**self._failures)
                self._failures += 1
                self._tell(status)
                # Spread out, lest every station of a site come back at the same moment.
                await asyncio.sleep(pause * secrets.SystemRandom().uniform(0.5, 1.0))
        finally:
            unsubscribe()

    async def _publish_once(self) -> PublisherStatus:
        """Publish for as long as one connection lasts; return what is to be said of its end."""
        settings, topics = self._settings, self._journal.topics
        client_id = settings.client_id or f"reflash-{topics.site}-{topics.station}"
        will = aiomqtt.Will(topics.station_status, OFFLINE, qos=1, retain=True)
        broker = self._broker
        status = PublisherStatus(Connection.WAITING, f"{broker}: the connection ended; trying again")
        try:
            async with connected(settings, client_id, will) as client:
                await self._publish(client)
        except* aiomqtt.MqttError as loss:
            line = f"{broker}: {shortage() or _first(loss)}; results wait on disk and leave once it answers"
            status = PublisherStatus(Connection.WAITING, line)
        except* BrokerRefuses as refusal:
            # The reason, where losses are what follows from it.
            status = PublisherStatus(Connection.REFUSED, f"{broker} {_first(refusal)}")
        except* JournalHeldUp as lack:
            status = PublisherStatus(Connection.WAITING, str(_first(lack)))
        return status

    async def _publish(self, client: aiomqtt.Client) -> None:
        self._delivered.clear()
        try:
            # In a task of its own: the library waits with asyncio.wait_for, which before Python 3.12 loses a
            # cancellation that comes together with the answer (CPython issue 86296). A task group does not.
            async with asyncio.TaskGroup() as asking:
                asking.create_task(
                    client.subscribe(self._journal.topics.station_status, qos=1), name="mqtt subscribe"
                )
            self._retained.send_all_again()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._receive(client), name="mqtt watch")
                tasks.create_task(self._send_retained(client), name="mqtt retained")
                tasks.create_task(self._send_results(client), name="mqtt results")
        except asyncio.CancelledError:
            # A clean goodbye takes the last will back, so say the same ourselves.
            with suppress(aiomqtt.MqttError):
                topic = self._journal.topics.station_status
                await client.publish(topic, OFFLINE, qos=1, retain=True, timeout=_GOODBYE_S)
            raise

    async def _send_retained(self, client: aiomqtt.Client) -> None:
        while True:
            changed = await self._retained.changes()
            async with asyncio.TaskGroup() as sending:
                for topic, payload in changed.items():
                    sending.create_task(client.publish(topic, payload, qos=1, retain=True))

    async def _receive(self, client: aiomqtt.Client) -> None:
        """Hear our own status, then nothing, until the connection breaks; raise what broke it."""
        try:
            async for message in client.messages:
                # What was retained before, or an earlier connection's last will, proves nothing of what is sent now.
                if not message.retain and message.payload == ONLINE:
                    self._delivered.set()
        except aiomqtt.MqttError as loss:
            if not self._delivered.is_set():
                raise self._undelivered() from loss
            raise

    async def _until_delivered(self) -> None:
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                await self._delivered.wait()
        except TimeoutError:
            raise self._undelivered() from None

    def _undelivered(self) -> BrokerRefuses:
        """Some brokers drop what they deny, some also hang up."""
        return BrokerRefuses(
            "does not deliver what this station sends, so results wait on disk; "
            f"let this station write and read {self._journal.topics.station_status} in the broker's access list"
        )

    async def _send_results(self, client: aiomqtt.Client) -> None:
        await self._until_delivered()
        self._failures = 0
        self._tell(PublisherStatus(Connection.CONNECTED, f"{self._broker}: connected"))
        while True:
            self._more.clear()
            batch = await self._journal.outbox_batch(IN_FLIGHT)
            if batch:
                await self._send(client, first_of_each_hub(batch))
            else:
                await self._more.wait()

    async def _send(self, client: aiomqtt.Client, results: Iterable[OutgoingResult]) -> None:
        acknowledged: list[int] = []

        async def send(result: OutgoingResult) -> None:
            await client.publish(result.topic, result.payload, qos=1)
            acknowledged.append(result.station_sequence)

        try:
            async with asyncio.TaskGroup() as sending:
                for result in results:
                    sending.create_task(send(result))
        finally:
            # Also when others of the batch were lost: these need not be sent twice.
            if acknowledged:
                await self._journal.append(ResultsAcknowledged(station_sequences=tuple(acknowledged)))

    def _hear(self, recorded: RecordedEvent) -> None:
        if isinstance(recorded.event, AttemptClosed | ResultsRepublished):
            self._more.set()

    def _tell(self, status: PublisherStatus) -> None:
        if status != self._status:
            self._status = status
            self._on_status(status)


def first_of_each_hub(results: Iterable[OutgoingResult]) -> list[OutgoingResult]:
    """Return the results that may be in flight together: of each hub, the oldest alone."""
    hubs: set[str] = set()
    chosen = []
    for result in results:
        if result.hub is None or result.hub not in hubs:
            chosen.append(result)
        if result.hub is not None:
            hubs.add(result.hub)
    return chosen


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first exception of a group of groups."""
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found
