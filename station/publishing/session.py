"""What goes over one connection to the broker: what waits in the outbox, and what is retained there.

Each message leaves at QoS 1, several in flight, those of one ordering key (a hub, an order) one after the other. It
leaves the outbox once the broker has delivered it, which the station sees by subscribing to what it sends itself, and
the journal knows; whatever dies in between, it is sent again under the same id. The broker's acknowledgement alone says
nothing: it may acknowledge what its access list makes it drop (MQTT 3.1.1, 3.3.5).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final, TypeVar

import aiomqtt
from paho.mqtt.reasoncodes import ReasonCode

from station.publishing import status as words
from station.publishing.broker import BrokerRefuses
from station.publishing.habits import Habits
from station.publishing.hang_ups import Sent
from station.publishing.mqtt_client import MqttClient
from station.publishing.pauses import pause_after
from station.publishing.retained import RetainedStates
from station.publishing.returns import Held, Returns, acknowledged, first_of_each_key
from station.publishing.status import OFFLINE, ONLINE
from station.records.facts.outbox import BEFORE_ALL
from station.records.journal import Journal
from station.records.outgoing import OutgoingMessage

T = TypeVar("T")

IN_FLIGHT: Final = 32
"""Messages handed to the broker before the first of them is acknowledged."""

_GOODBYE_S: Final = 1.0
_SUBACK_FAILURE: Final = 0x80


class Session:
    """Publishes over one connection. `run` it until that breaks; ask it then how far it came."""

    def __init__(
        self,
        client: MqttClient,
        journal: Journal,
        retained: RetainedStates,
        habits: Habits,
        *,
        more: asyncio.Event,
        took: Callable[[], None],
        went_round: Callable[[str | None], None],
    ) -> None:
        """Prepare.

        `more` is set by whoever hears of new messages. `took` is called whenever the broker has taken messages, and
        `went_round` after each round, with what is to be said of what was not delivered, None where everything was.
        """
        self._client = client
        self._journal = journal
        self._retained = retained
        self._habits = habits
        self._more = more
        self._took = took
        self._went_round = went_round
        self._status = journal.topics.station_status
        self._delivered = asyncio.Event()
        self._returns = Returns()
        self._one_batch = asyncio.Lock()
        """Messages and retained states take turns: what was under way when the broker hung up must be known."""
        self.emptied_at: float | None = None
        """When all that waited had left for the first time (monotonic); None until then."""
        self.taken = 0
        """Messages that have come back."""

    @property
    def unsound(self) -> str | None:
        """What the broker sends that is no MQTT; None where all is."""
        return self._client.unsound

    async def run(self) -> None:
        """Publish until the connection breaks, which raises MqttError, or BrokerRefuses where the broker is the reason.

        Both may stand in a group. Raises JournalError.
        """
        try:
            if not await self._may_read(self._status):
                raise self._undelivered(self._status)
            self._habits.hang_ups.connected()
            self._retained.send_all_again()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._receive(), name="mqtt watch")
                tasks.create_task(self._send_retained(), name="mqtt retained")
                tasks.create_task(self._look_for_states(), name="mqtt states")
                tasks.create_task(self._send_messages(), name="mqtt messages")
        except asyncio.CancelledError:
            # A clean goodbye takes the last will back, so say the same ourselves.
            with suppress(aiomqtt.MqttError):
                await self._client.publish(self._status, OFFLINE, qos=1, retain=True, timeout=_GOODBYE_S)
            raise

    async def _may_read(self, topic: str) -> bool:
        """Ask to be sent what we send there; say whether the broker grants it. Some hang up instead of refusing."""
        try:
            return not await self._subscribe({topic})
        except* aiomqtt.MqttError:
            if not (self._client.has_hung_up and self._habits.endings.at_status()):
                raise
        return False

    async def _subscribe(self, topics: set[str]) -> set[str]:
        """Ask to be sent what we send there; return the topics for which the broker refuses it."""
        # In a task of its own: the library waits with asyncio.wait_for, which before Python 3.12 loses a
        # cancellation that comes together with the answer (CPython issue 86296). A task group does not.
        async with asyncio.TaskGroup() as asking:
            asked = {
                topic: asking.create_task(
                    self._answered(self._client.subscribe(topic, qos=1)), name="mqtt subscribe"
                )
                for topic in sorted(topics)
            }
        return {topic for topic, answer in asked.items() if any(map(_refuses, answer.result()))}

    async def _send_retained(self) -> None:
        """Send what changed, the station's own status first: whatever else the broker minds, that has to be delivered."""
        while True:
            changed = await self._retained.changes()
            if (payload := changed.pop(self._status, None)) is not None:
                async with asyncio.TaskGroup() as sending:  # see `_subscribe`
                    sending.create_task(
                        self._answered(self._client.publish(self._status, payload, qos=1, retain=True))
                    )
                await self._until_delivered()
            states = [Sent.of(topic, payload) for topic, payload in changed.items()]
            while states := [state for state in states if not self._habits.hang_ups.refuses(state)]:
                batch = states[: self._habits.hang_ups.together(states)]
                async with self._sending(batch), asyncio.TaskGroup() as sending:
                    for topic, _ in batch:
                        publishing = self._client.publish(topic, changed[topic], qos=1, retain=True)
                        sending.create_task(self._answered(publishing))
                states = states[len(batch) :]

    async def _look_for_states(self) -> None:
        """Have the broker tell what is retained of slots. One that refuses is asked for nothing more."""
        await self._delivered.wait()
        asked = Sent(self._journal.topics.every_slot_state, 0)
        if not self._habits.hang_ups.refuses(asked):
            async with self._sending([asked]):
                await self._subscribe({asked.topic})

    async def _receive(self) -> None:
        """Hear our own status and messages until the connection breaks; raise what broke it."""
        try:
            async for message in self._client.messages:
                topic = str(message.topic)
                if message.retain:
                    # What was retained before proves nothing of what is sent now.
                    if message.payload and message.topic.matches(self._journal.topics.every_slot_state):
                        self._retained.take_back(topic)
                elif topic != self._status:
                    self._returns.hear(topic, message.payload)
                elif message.payload == ONLINE:
                    self._delivered.set()
                    self._habits.endings.status_delivered()
                else:
                    # An earlier connection's last will, say: nobody else knows that this station is there.
                    self._retained.send_again(self._status)
        except aiomqtt.MqttError as loss:
            if not self._delivered.is_set() and self._habits.endings.at_status():
                raise self._undelivered(self._status) from loss
            raise

    async def _until_delivered(self) -> None:
        seconds = self._habits.patience.delivery
        try:
            async with asyncio.timeout(seconds):
                await self._delivered.wait()
        except TimeoutError:
            self._habits.patience.not_delivered(seconds)
            raise self._undelivered(self._status) from None

    def _undelivered(self, topic: str) -> BrokerRefuses:
        return BrokerRefuses(
            words.undelivered(topic) if self.unsound is None else words.unsound(self.unsound)
        )

    @asynccontextmanager
    async def _sending(self, messages: Sequence[Sent]) -> AsyncIterator[None]:
        """Send these while nothing else is under way."""
        async with self._one_batch:
            with self._habits.hang_ups.sending(messages):
                yield

    async def _send_messages(self) -> None:
        """Send what waits, page by page. What the broker does not take is tried again after a pause."""
        await self._delivered.wait()
        subscribed: set[str] = set()
        held, tries, after, again = Held(self._habits.hang_ups.refused), 0, BEFORE_ALL, None
        while True:
            self._more.clear()
            page = await self._journal.outbox_batch(IN_FLIGHT, after)
            waiting = held.let_through(page)
            while batch := first_of_each_key(waiting):
                batch = batch[
                    : self._habits.hang_ups.together(
                        [Sent.of(message.topic, message.payload) for message in batch]
                    )
                ]
                held.hold(await self._send(batch, subscribed))
                waiting = held.let_through(each for each in waiting if each not in batch)
            if held.undelivered is None:
                tries = 0
                self.emptied_at = self.emptied_at or time.monotonic()
            else:
                again = again or time.monotonic() + pause_after(tries)
            self._went_round(held.undelivered and str(self._undelivered(held.undelivered)))
            after = page[-1].number if page and held.topic is not None else after
            if not page and not await self._more_until(again, self._habits.again_at):
                held, tries, after, again = self._held_no_more(), tries + 1, BEFORE_ALL, None

    def _held_no_more(self) -> Held:
        """Let go what was held, in so far as it is time for it."""
        if self._habits.again_at is not None and time.monotonic() >= self._habits.again_at:
            self._habits.again_at = None
            self._habits.hang_ups.try_again()
            self._retained.send_all_again()
        return Held(self._habits.hang_ups.refused)

    async def _more_until(self, *times: float | None) -> bool:
        """Wait for more messages; False if none came before the first of these times, at which held ones are sent."""
        again = min((time for time in times if time is not None), default=None)
        try:
            async with asyncio.timeout(again and max(0.0, again - time.monotonic())):
                return await self._more.wait()
        except TimeoutError:
            return False

    async def _send(
        self, messages: Sequence[OutgoingMessage], subscribed: set[str]
    ) -> tuple[OutgoingMessage, ...]:
        """Send messages, each of another key, and see them come back; return those that do not."""
        async with self._sending([Sent.of(message.topic, message.payload) for message in messages]):
            refused = await self._subscribe({message.topic for message in messages} - subscribed)
            subscribed |= {message.topic for message in messages} - refused
            kept_back = tuple(message for message in messages if message.topic in refused)
            seconds = self._habits.patience.delivery
            returns = self._returns = Returns(message for message in messages if message.topic not in refused)
            try:
                async with asyncio.TaskGroup() as sending:
                    for message in returns.missing:
                        publishing = self._client.publish(message.topic, message.payload, qos=1)
                        sending.create_task(self._answered(publishing))
                with suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await returns.all_back()
            finally:
                # Also when others of the batch were lost: these need not be sent twice.
                if returns.back:
                    await self._journal.append(*acknowledged(returns.back))
                    self.taken += len(returns.back)
                    self._took()
        if returns.missing:
            self._habits.patience.not_delivered(seconds)
        elif messages:
            self._habits.patience.delivered()
        return (*kept_back, *returns.missing)

    async def _answered(self, asking: Coroutine[object, object, T]) -> T:
        """Ask the broker for something, and note how long its answer takes."""
        begun = time.monotonic()
        answer = await asking
        self._habits.patience.answered(time.monotonic() - begun)
        return answer


def _refuses(code: int | ReasonCode) -> bool:
    """Whether a SUBACK's return code grants nothing (MQTT 3.1.1, 3.9.3)."""
    return code.is_failure if isinstance(code, ReasonCode) else code >= _SUBACK_FAILURE
