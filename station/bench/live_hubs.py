"""Which hub sits where, now: one hub id in two slots is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from firmware_catalog.identity import Eui64
from station.records.events import Place


class LiveHubs:
    """The hubs that answer on the bench at this moment, by either of their ids."""

    def __init__(self) -> None:
        self._places: dict[Eui64, Place] = {}

    def holds(self, hub: Eui64) -> bool:
        """Whether a hub of this id sits in any slot."""
        return hub in self._places

    @contextmanager
    def seated(self, place: Place, *ids: Eui64) -> Iterator[Place | None]:
        """Hold the ids for `place`; yields the other slot that already holds one of them, or None.

        The ids of a refused hub stay with the slot that had them first.
        """
        other = next((self._places[one] for one in ids if one in self._places), None)
        if other is None:
            self._places.update(dict.fromkeys(ids, place))
        try:
            yield other
        finally:
            if other is None:
                for one in ids:
                    self._places.pop(one, None)
