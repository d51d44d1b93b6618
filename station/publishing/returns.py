"""Messages on their way to the broker and back: what has come back is known to be delivered, the rest waits. Pure."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from station.publishing.hang_ups import Sent, left_out
from station.records.facts.outbox import MessagesAcknowledged, Number
from station.records.outgoing import OutgoingMessage


class Returns:
    """The messages that were sent together on one connection."""

    def __init__(self, messages: Iterable[OutgoingMessage] = ()) -> None:
        """Expect each of these once."""
        self._missing = {(message.topic, message.payload): message for message in messages}
        self._back: list[Number] = []
        self._complete = asyncio.Event()
        self._see()

    @property
    def back(self) -> Sequence[Number]:
        """The numbers of those that came back."""
        return tuple(self._back)

    @property
    def missing(self) -> tuple[OutgoingMessage, ...]:
        """Those that did not, oldest first."""
        return tuple(self._missing.values())

    def hear(self, topic: str, payload: bytes) -> None:
        """Take in what the broker delivered. Anybody's: what is not expected, byte for byte, counts for nothing."""
        message = self._missing.pop((topic, payload), None)
        if message is not None:
            self._back.append(message.number)
            self._see()

    async def all_back(self) -> None:
        """Return once nothing is missing."""
        await self._complete.wait()

    def _see(self) -> None:
        if not self._missing:
            self._complete.set()


class Held:
    """What the broker does not take for now, and what follows it under the same keys."""

    def __init__(self, refused: Mapping[str, int]) -> None:
        """Hold messages to these topics that are as large as is said of each, or larger."""
        self._topics = dict(refused)
        self._undelivered: str | None = None
        self._keys: dict[str, Number] = {}
        """From which message on those of a key wait."""

    @property
    def topic(self) -> str | None:
        """The topic that was held first; None while nothing is."""
        return next(iter(self._topics), None)

    @property
    def undelivered(self) -> str | None:
        """The topic that was found first not to deliver on this connection."""
        return self._undelivered

    def hold(self, undelivered: Iterable[OutgoingMessage]) -> None:
        """Let these wait, and all that is let through no more because of them."""
        for message in undelivered:
            self._undelivered = self._undelivered or message.topic
            self._topics[message.topic] = 0
            self._keep_in_order(message)

    def let_through(self, messages: Iterable[OutgoingMessage]) -> list[OutgoingMessage]:
        """Return those of the messages, oldest first, that need not wait. Messages of one key keep their order."""
        through = []
        for message in messages:
            is_refused = left_out(self._topics, Sent.of(message.topic, message.payload))
            if is_refused or self._follows_one_held(message):
                self._keep_in_order(message)
            else:
                through.append(message)
        return through

    def _keep_in_order(self, message: OutgoingMessage) -> None:
        key = message.ordering_key
        if key is not None:
            self._keys[key] = min(message.number, self._keys.get(key, message.number))

    def _follows_one_held(self, message: OutgoingMessage) -> bool:
        key = message.ordering_key
        return key is not None and key in self._keys and message.number > self._keys[key]


def first_of_each_key(messages: Iterable[OutgoingMessage]) -> list[OutgoingMessage]:
    """Return the messages that may be in flight together: of each key, the first alone."""
    keys: set[str] = set()
    chosen = []
    for message in messages:
        if message.ordering_key is None or message.ordering_key not in keys:
            chosen.append(message)
        if message.ordering_key is not None:
            keys.add(message.ordering_key)
    return chosen


def acknowledged(back: Iterable[Number]) -> list[MessagesAcknowledged]:
    """Return what the journal is told of messages that came back: a row a kind."""
    numbers: dict[str, list[int]] = {}
    for number in back:
        numbers.setdefault(number.kind, []).append(number.number)
    return [MessagesAcknowledged(message=kind, numbers=tuple(each)) for kind, each in numbers.items()]
