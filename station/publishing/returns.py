"""Results on their way to the broker and back: what has come back is known to be delivered, the rest waits. Pure."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

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
    """What waits for its topic to deliver: the results of such topics, and what follows them of the same hubs."""

    def __init__(self) -> None:
        self._topics: dict[str, None] = {}
        self._hubs: set[str] = set()

    @property
    def topic(self) -> str | None:
        """The topic that was found first not to deliver; None while nothing is held."""
        return next(iter(self._topics), None)

    def hold(self, undelivered: Iterable[OutgoingResult]) -> None:
        """Let these wait, and all that is let through no more because of them."""
        for result in undelivered:
            self._topics[result.topic] = None
            self._keep_in_order(result)

    def let_through(self, results: Iterable[OutgoingResult]) -> list[OutgoingResult]:
        """Return those of the results, oldest first, that need not wait. A hub's results keep their order."""
        through = []
        for result in results:
            if result.topic in self._topics or result.hub in self._hubs:
                self._keep_in_order(result)
            else:
                through.append(result)
        return through

    def _keep_in_order(self, result: OutgoingResult) -> None:
        if result.hub is not None:
            self._hubs.add(result.hub)
