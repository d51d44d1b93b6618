"""Empties the outbox to an MQTT broker, and keeps what is retained there up to date.

Each message leaves at QoS 1, several in flight, those of one ordering key (a hub, an order) one after the other. It
leaves the outbox once the broker has delivered it, which the station sees by subscribing to what it sends itself, and
the journal knows; whatever dies in between, it is sent again under the same id. The broker's acknowledgement alone says
nothing: it may acknowledge what its access list makes it drop (MQTT 3.1.1, 3.3.5).
The client library does not come back by itself after a loss, so that the loop around it is ours.
"""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final, TypeVar

import aiomqtt
from paho.mqtt.reasoncodes import ReasonCode

from drivers.descriptors import shortage
from station.publishing import status as words
from station.publishing.broker import BrokerRefuses, connected, in_words
from station.publishing.endings import Endings
from station.publishing.hang_ups import HangUps, Sent
from station.publishing.mqtt_client import MqttClient
from station.publishing.patience import Patience
from station.publishing.retained import RetainedStates
from station.publishing.returns import Held, Returns, acknowledged, first_of_each_key
from station.publishing.settings import MqttSettings
from station.publishing.status import Connection, PublisherStatus
from station.records.chain import RecordedEvent
from station.records.errors import JournalHeldUp
from station.records.facts.outbox import BEFORE_ALL, MessagesRepublished
from station.records.journal import Journal
from station.records.outgoing import TOLD, OutgoingMessage

T = TypeVar("T")

IN_FLIGHT: Final = 32
"""Messages handed to the broker before the first of them is acknowledged."""

ONLINE: Final = b'{"status":"online"}'
OFFLINE: Final = b'{"status":"offline"}'
"""What the station's status topic says while the publisher is connected, and when it is not."""

_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0
_DOUBLINGS: Final = 6
"""After so many failures in a row the pause has its full length."""
_LONGEST_KEEPALIVE_S: Final = 65535.0
"""MQTT 3.1.1, 3.1.2.10."""
_MUCH: Final = 2
_GOODBYE_S: Final = 1.0
_STEADY_S: Final = 10.0
"""A connection that was good for so long is not taken away by another of our name."""
_SUBACK_FAILURE: Final = 0x80
_DEARER: Final = 10
"""What makes the broker hang up is tried again so much later than what it drops: it takes the connection with it."""


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
        self._patience = Patience(settings.timeout_seconds)
        self._timeout = settings.timeout_seconds
        """How long an answer may take on the newest connection."""
        self._more = asyncio.Event()
        self._delivered = asyncio.Event()
        self._returns = Returns()
        self._connected_at: float | None = None
        self._endings = Endings()
        self._taken = 0
        """Messages that have come back on the newest connection."""
        self._client: MqttClient | None = None
        """The newest connection's."""
        self._hang_ups = HangUps()
        self._hang_ups_again: float | None = None
        """When what the broker hangs up at is to be tried again (monotonic); None while there is nothing of the kind."""
        self._one_batch = asyncio.Lock()
        """Messages and retained states take turns: what was under way when the broker hung up must be known."""
        retained.set(journal.topics.station_status, ONLINE)

    async def run(self) -> None:
        """Publish until cancelled, through every loss of the broker. Raises JournalFailed alone."""
        unsubscribe = self._journal.subscribe(self._hear)
        try:
            await self._journal.tell_results_in(self._settings.result_version)
            while True:
                status = await self._publish_once()
                pause = pause_after(max(self._failures, self._endings.doublings))
                self._failures += 1
                self._tell(status)
                # Spread out, lest every station of a site come back at the same moment.
                await asyncio.sleep(pause * secrets.SystemRandom().uniform(0.5, 1.0))
        finally:
            unsubscribe()

    async def _publish_once(self) -> PublisherStatus:
        """Publish for as long as one connection lasts; return what is to be said of its end."""
        topics, settings = self._journal.topics, self._patient_settings()
        self._timeout = settings.timeout_seconds
        self._connected_at = self._client = None
        self._taken = 0
        client_id = settings.client_id or f"reflash-{topics.site}-{topics.station}"
        will = aiomqtt.Will(topics.station_status, OFFLINE, qos=1, retain=True)
        broker = self._broker
        status = PublisherStatus(Connection.WAITING, f"{broker}: the connection ended; trying again")
        try:
            begun = time.monotonic()
            async with connected(settings, client_id, will) as client:
                self._patience.answered(time.monotonic() - begun)
                if settings.keepalive_seconds > _MUCH * self._keepalive():
                    # So long it would not be missed if it died: it answers again, and faster than was feared.
                    self._failures = 0
                    return PublisherStatus(Connection.WAITING, f"{broker}: it answers again; connecting anew")
                await self._publish(client)
        except* aiomqtt.MqttError as loss:
            why = shortage() or in_words(_first(loss))
            if waited := "timed out" in why:
                self._patience.too_late(self._timeout)
                why = f"{why}; {words.too_late(self._timeout, self._settings.timeout_seconds, self._patience.answer)}"
            line = f"{broker}: {why}; results wait on disk and leave once it answers"
            status = self._hung_up(client_id, waited=waited) or PublisherStatus(Connection.WAITING, line)
        except* BrokerRefuses as refusal:
            # The reason, where losses are what follows from it.
            status = self._refused(str(_first(refusal)))
        except* JournalHeldUp as lack:
            status = PublisherStatus(Connection.WAITING, str(_first(lack)))
        return status

    def _patient_settings(self) -> MqttSettings:
        """Let the broker have the time that it needs, also for a sign of life."""
        return self._settings.model_copy(
            update={"timeout_seconds": self._patience.answer, "keepalive_seconds": self._keepalive()}
        )

    def _keepalive(self) -> int:
        seconds = min(_LONGEST_KEEPALIVE_S, self._patience.sign_of_life)
        return max(self._settings.keepalive_seconds, math.ceil(seconds))

    def _name_is_taken(self, client_id: str, *, waited: bool) -> PublisherStatus | None:
        """Say so when the broker ends one good connection after the other: each name may be there once.

        Some brokers let the second of a name wait for as long as it has patience, before they take it (NATS).
        """
        if self._connected_at is None and (waited or self._client is not None):
            return None
        good_for = None if self._connected_at is None else time.monotonic() - self._connected_at
        if not self._endings.lived(good_for, max(_STEADY_S, 2 * self._timeout)):
            return None
        return self._refused(words.name_is_taken(client_id))

    async def _publish(self, client: MqttClient) -> None:
        status = self._journal.topics.station_status
        self._client = client
        self._delivered.clear()
        self._returns = Returns()
        try:
            if not await self._may_read(client, status):
                raise self._undelivered(status)
            self._hang_ups.connected()
            self._retained.send_all_again()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._receive(client), name="mqtt watch")
                tasks.create_task(self._send_retained(client), name="mqtt retained")
                tasks.create_task(self._look_for_states(client), name="mqtt states")
                tasks.create_task(self._send_messages(client), name="mqtt messages")
        except asyncio.CancelledError:
            # A clean goodbye takes the last will back, so say the same ourselves.
            with suppress(aiomqtt.MqttError):
                await client.publish(status, OFFLINE, qos=1, retain=True, timeout=_GOODBYE_S)
            raise

    async def _may_read(self, client: MqttClient, topic: str) -> bool:
        """Ask to be sent what we send there; say whether the broker grants it. Some hang up instead of refusing."""
        try:
            return not await self._subscribe(client, {topic})
        except* aiomqtt.MqttError:
            if not (client.has_hung_up and self._endings.at_status()):
                raise
        return False

    async def _subscribe(self, client: aiomqtt.Client, topics: set[str]) -> set[str]:
        """Ask to be sent what we send there; return the topics for which the broker refuses it."""
        # In a task of its own: the library waits with asyncio.wait_for, which before Python 3.12 loses a
        # cancellation that comes together with the answer (CPython issue 86296). A task group does not.
        async with asyncio.TaskGroup() as asking:
            asked = {
                topic: asking.create_task(
                    self._answered(client.subscribe(topic, qos=1)), name="mqtt subscribe"
                )
                for topic in sorted(topics)
            }
        return {topic for topic, answer in asked.items() if any(map(_refuses, answer.result()))}

    async def _send_retained(self, client: aiomqtt.Client) -> None:
        """Send what changed, the station's own status first: whatever else the broker minds, that has to be delivered."""
        status = self._journal.topics.station_status
        while True:
            changed = await self._retained.changes()
            if (payload := changed.pop(status, None)) is not None:
                async with asyncio.TaskGroup() as sending:  # see `_subscribe`
                    sending.create_task(self._answered(client.publish(status, payload, qos=1, retain=True)))
                await self._until_delivered()
            states = [Sent.of(topic, payload) for topic, payload in changed.items()]
            while states := [state for state in states if not self._hang_ups.refuses(state)]:
                batch = states[: self._hang_ups.together(states)]
                async with self._sending(batch), asyncio.TaskGroup() as sending:
                    for topic, _ in batch:
                        publishing = client.publish(topic, changed[topic], qos=1, retain=True)
                        sending.create_task(self._answered(publishing))
                states = states[len(batch) :]

    async def _look_for_states(self, client: aiomqtt.Client) -> None:
        """Have the broker tell what is retained of slots. One that refuses is asked for nothing more."""
        await self._delivered.wait()
        asked = Sent(self._journal.topics.every_slot_state, 0)
        if not self._hang_ups.refuses(asked):
            async with self._sending([asked]):
                await self._subscribe(client, {asked.topic})

    async def _receive(self, client: aiomqtt.Client) -> None:
        """Hear our own status and messages until the connection breaks; raise what broke it."""
        status = self._journal.topics.station_status
        try:
            async for message in client.messages:
                topic = str(message.topic)
                if message.retain:
                    # What was retained before proves nothing of what is sent now.
                    if message.payload and message.topic.matches(self._journal.topics.every_slot_state):
                        self._retained.take_back(topic)
                elif topic != status:
                    self._returns.hear(topic, message.payload)
                elif message.payload == ONLINE:
                    self._delivered.set()
                    self._endings.status_delivered()
                else:
                    # An earlier connection's last will, say: nobody else knows that this station is there.
                    self._retained.send_again(status)
        except aiomqtt.MqttError as loss:
            if not self._delivered.is_set() and self._endings.at_status():
                raise self._undelivered(status) from loss
            raise

    async def _until_delivered(self) -> None:
        seconds = self._patience.delivery
        try:
            async with asyncio.timeout(seconds):
                await self._delivered.wait()
        except TimeoutError:
            self._patience.not_delivered(seconds)
            raise self._undelivered(self._journal.topics.station_status) from None

    def _undelivered(self, topic: str) -> BrokerRefuses:
        return BrokerRefuses(self._unsound() or words.undelivered(topic))

    def _unsound(self) -> str | None:
        """Return what is to be said of a broker that sends what is no MQTT, whatever else seems to be wrong."""
        sent = None if self._client is None else self._client.unsound
        return None if sent is None else words.unsound(sent)

    def _hung_up(self, client_id: str, *, waited: bool) -> PublisherStatus | None:
        """Say why the connection broke, where that is known."""
        was_sending = self._hang_ups.under_way
        if not waited and self._hang_ups.broke():  # else it was this side that ended it
            # What it was is left out from now on, so that there is no need to be slow.
            self._failures = 0
            if self._hang_ups_again is None:
                self._hang_ups_again = time.monotonic() + _DEARER * pause_after(self._hang_ups.rounds)
            return self._refusal()
        if (unsound := self._unsound()) is not None:
            return self._refused(unsound)
        if not waited and self._endings.took(self._taken, all_left=self._connected_at is not None):
            return self._refused(words.ends_early(self._taken))
        return None if was_sending else self._name_is_taken(client_id, waited=waited)

    def _refusal(self, undelivered: str | None = None) -> PublisherStatus | None:
        """Say what the broker does not take while it takes all else; None if nothing is known of the kind."""
        if (refused := self._hang_ups.first_refused) is not None:
            return self._refused(words.hangs_up(refused))
        return None if undelivered is None else self._refused(str(self._undelivered(undelivered)))

    def _refused(self, why: str) -> PublisherStatus:
        return PublisherStatus(Connection.REFUSED, f"{self._broker} {why}")

    @asynccontextmanager
    async def _sending(self, messages: Sequence[Sent]) -> AsyncIterator[None]:
        """Send these while nothing else is under way."""
        async with self._one_batch:
            with self._hang_ups.sending(messages):
                yield

    async def _send_messages(self, client: MqttClient) -> None:
        """Send what waits, page by page. What the broker does not take is tried again after a pause."""
        await self._delivered.wait()
        subscribed: set[str] = set()
        held, tries, after, again = Held(self._hang_ups.refused), 0, BEFORE_ALL, None
        while True:
            self._more.clear()
            page = await self._journal.outbox_batch(IN_FLIGHT, after)
            waiting = held.let_through(page)
            while batch := first_of_each_key(waiting):
                batch = batch[
                    : self._hang_ups.together([Sent.of(message.topic, message.payload) for message in batch])
                ]
                held.hold(await self._send(client, batch, subscribed))
                waiting = held.let_through(each for each in waiting if each not in batch)
            if held.undelivered is None:
                tries = 0
                # Not before what was waiting is seen to be delivered: else it would be said and taken back for ever.
                self._failures = 0
                if self._connected_at is None:
                    self._connected_at = time.monotonic()
            else:
                again = again or time.monotonic() + pause_after(tries)
            self._tell(
                self._refusal(held.undelivered)
                or PublisherStatus(Connection.CONNECTED, f"{self._broker}: {words.connected(client.unsound)}")
            )
            after = page[-1].number if page and held.topic is not None else after
            if not page and not await self._more_until(again, self._hang_ups_again):
                held, tries, after, again = self._held_no_more(), tries + 1, BEFORE_ALL, None

    def _held_no_more(self) -> Held:
        """Let go what was held, in so far as it is time for it."""
        if self._hang_ups_again is not None and time.monotonic() >= self._hang_ups_again:
            self._hang_ups_again = None
            self._hang_ups.try_again()
            self._retained.send_all_again()
        return Held(self._hang_ups.refused)

    async def _more_until(self, *times: float | None) -> bool:
        """Wait for more messages; False if none came before the first of these times, at which held ones are sent."""
        again = min((time for time in times if time is not None), default=None)
        try:
            async with asyncio.timeout(again and max(0.0, again - time.monotonic())):
                return await self._more.wait()
        except TimeoutError:
            return False

    async def _send(
        self, client: aiomqtt.Client, messages: Sequence[OutgoingMessage], subscribed: set[str]
    ) -> tuple[OutgoingMessage, ...]:
        """Send messages, each of another key, and see them come back; return those that do not."""
        async with self._sending([Sent.of(message.topic, message.payload) for message in messages]):
            refused = await self._subscribe(client, {message.topic for message in messages} - subscribed)
            subscribed |= {message.topic for message in messages} - refused
            kept_back = tuple(message for message in messages if message.topic in refused)
            seconds = self._patience.delivery
            returns = self._returns = Returns(message for message in messages if message.topic not in refused)
            try:
                async with asyncio.TaskGroup() as sending:
                    for message in returns.missing:
                        publishing = client.publish(message.topic, message.payload, qos=1)
                        sending.create_task(self._answered(publishing))
                with suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await returns.all_back()
            finally:
                # Also when others of the batch were lost: these need not be sent twice.
                if returns.back:
                    await self._journal.append(*acknowledged(returns.back))
                    self._taken += len(returns.back)
                    self._failures = 0  # whatever comes then
        if returns.missing:
            self._patience.not_delivered(seconds)
        elif messages:
            self._patience.delivered()
        return (*kept_back, *returns.missing)

    async def _answered(self, asking: Coroutine[object, object, T]) -> T:
        """Ask the broker for something, and note how long its answer takes."""
        begun = time.monotonic()
        answer = await asking
        self._patience.answered(time.monotonic() - begun)
        return answer

    def _hear(self, recorded: RecordedEvent) -> None:
        if isinstance(recorded.event, (*TOLD, MessagesRepublished)):
            self._more.set()

    def _tell(self, status: PublisherStatus) -> None:
        if status != self._status:
            self._status = status
            self._on_status(status)


def pause_after(failures: int) -> float:
    """Return how many seconds to wait after so many failures in a row, before they are spread out."""
    return min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(failures, _DOUBLINGS))


def _refuses(code: int | ReasonCode) -> bool:
    """Whether a SUBACK's return code grants nothing (MQTT 3.1.1, 3.9.3)."""
    return code.is_failure if isinstance(code, ReasonCode) else code >= _SUBACK_FAILURE


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first exception of a group of groups."""
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found
