"""Results on their way to the broker and back: what has come back is known to be delivered, the rest waits. Pure."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from station.records.results import OutgoingResult


class Returns:
    """The results that were sent together on one connection."""

    def __init__(self, results: Iterable[OutgoingResult] = ()) -> None:
        """Expect each of these once."""
        self._missing = {(result.topic, result.payload): result for result in results}
        self._back: list[int] = []
        self._complete = asyncio.Event()
        self._see()

    @property
    def back(self) -> tuple[int, ...]:
        """The station sequences of those that came back."""
        return tuple(self._back)

    @property
    def missing(self) -> tuple[OutgoingResult, ...]:
        """Those that did not, oldest first."""
        return tuple(self._missing.values())

    def hear(self, topic: str, payload: bytes) -> None:
        """Take in what the broker delivered. Anybody's: what is not expected, byte for byte, counts for nothing."""
        result = self._missing.pop((topic, payload), None)
        if result is not None:
            self._back.append(result.station_sequence)
            self._see()

    async def all_back(self) -> None:
        """Return once nothing is missing."""
        await self._complete.wait()

    def _see(self) -> None:
        if not self._missing:
            self._complete.set()


class Held:
    """What the broker does not take for now, and what follows it of the same hubs."""

    def __init__(self, refused: Mapping[str, int]) -> None:
        """Hold results to these topics that are as large as is said of each, or larger."""
        self._topics = dict(refused)
        self._undelivered: str | None = None
        self._hubs: set[str] = set()

    @property
    def topic(self) -> str | None:
        """The topic that was held first; None while nothing is."""
        return next(iter(self._topics), None)

    @property
    def undelivered(self) -> str | None:
        """The topic that was found first not to deliver on this connection."""
        return self._undelivered

    def hold(self, undelivered: Iterable[OutgoingResult]) -> None:
        """Let these wait, and all that is let through no more because of them."""
        for result in undelivered:
            self._undelivered = self._undelivered or result.topic
            self._topics[result.topic] = 0
            self._keep_in_order(result)

    def let_through(self, results: Iterable[OutgoingResult]) -> list[OutgoingResult]:
        """Return those of the results, oldest first, that need not wait. A hub's results keep their order."""
        through = []
        for result in results:
            size = self._topics.get(result.topic)
            if (size is not None and len(result.payload) >= size) or result.hub in self._hubs:
                self._keep_in_order(result)
            else:
                through.append(result)
        return through

    def _keep_in_order(self, result: OutgoingResult) -> None:
        if result.hub is not None:
            self._hubs.add(result.hub)


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
