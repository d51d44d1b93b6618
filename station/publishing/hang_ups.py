"""What a broker hangs up at. What was under way when it did is sent alone from then on, until that is found out. Pure.

A broker may end the connection instead of refusing one message: for its topic, or for its size (MQTT 3.1.1, 3.3.5 and
4.8). Nothing else that waits may be held up by that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple, Self

NO_ACCIDENT: Final = 3
"""So often the broker hangs up while one message alone is under way, before that counts as its answer to it."""


class Sent(NamedTuple):
    """What a broker may mind about a message."""

    topic: str
    size: int
    """Bytes of the payload."""

    @classmethod
    def of(cls, topic: str, payload: bytes) -> Self:
        """Return what counts of a message."""
        return cls(topic, len(payload))


def left_out(topics: Mapping[str, int], message: Sent) -> bool:
    """Whether this is a message to one of these topics, and as large as is said of it, or larger."""
    return message.topic in topics and message.size >= topics[message.topic]


class HangUps:
    """Knows, over all connections of one publisher, what the broker does not take."""

    def __init__(self) -> None:
        self._under_way: tuple[Sent, ...] = ()
        self._suspects: dict[Sent, int] = {}
        """How often the broker hung up at each while it was alone."""
        self._refused: dict[str, int] = {}
        self._rounds = 0

    @property
    def refused(self) -> Mapping[str, int]:
        """The topics that are left out, each with the size from which on it is."""
        return dict(self._refused)

    @property
    def first_refused(self) -> Sent | None:
        """The topic that is left out for the longest, with the largest size that the broker hung up at anywhere."""
        largest = max(
            (each.size for each, times in self._suspects.items() if times >= NO_ACCIDENT), default=0
        )
        return next((Sent(topic, largest) for topic in self._refused), None)

    @property
    def rounds(self) -> int:
        """How often in a row what is left out was tried again in vain."""
        return self._rounds

    @property
    def under_way(self) -> bool:
        """Whether something was being sent when the connection ended."""
        return bool(self._under_way)

    def connected(self) -> None:
        """Take in that there is a new connection, on which nothing is under way."""
        self._under_way = ()

    def refuses(self, message: Sent) -> bool:
        """Whether this message is left out for now."""
        return left_out(self._refused, message)

    def together(self, messages: Sequence[Sent]) -> int:
        """Return how many of these, from the first on, may be under way at once."""
        suspected = (number for number, message in enumerate(messages) if message in self._suspects)
        return max(1, next(suspected, len(messages)))

    @contextmanager
    def sending(self, messages: Sequence[Sent]) -> Iterator[None]:
        """Have these under way until the block ends. One that ends with an exception leaves open what it was."""
        self._under_way = tuple(messages)
        yield
        self._under_way = ()
        for through in messages if self._suspects else ():
            for each in tuple(self._suspects):
                if each.topic == through.topic and each.size <= through.size:
                    del self._suspects[each]
        if all(times < NO_ACCIDENT for times in self._suspects.values()):
            self._rounds = 0

    def broke(self) -> bool:
        """Take in that the connection broke. Whether it is known now at what: that is left out from now on."""
        under_way, self._under_way = self._under_way, ()
        for message in under_way:
            self._suspects.setdefault(message, 0)
        if len(under_way) != 1:
            return False
        (message,) = under_way
        self._suspects[message] += 1
        if self._suspects[message] < NO_ACCIDENT:
            return False
        self._refused[message.topic] = min(message.size, self._refused.get(message.topic, message.size))
        return True

    def try_again(self) -> None:
        """Leave nothing out any more: the broker may have been mended. One more time suffices to refuse each again."""
        self._refused = {}
        self._rounds += 1
