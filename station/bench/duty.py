"""Who works at the bench, jig by jig. Derived from the journal alone: its table at the start, then each fact after its commit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from station.bench.changes import Changes
from station.records.chain import RecordedEvent
from station.records.facts.people import OnDuty, SignedOff, SignedOn


class Duty:
    """Follows who is signed on. One person at a place; one who runs several jigs signs on at each, or for the bench."""

    def __init__(self, required_at: Collection[str] = ()) -> None:
        """At the jigs `required_at`, no hub is begun with where nobody is signed on."""
        self._required_at = frozenset(required_at)
        self._places: dict[str | None, OnDuty] = {}
        self._changes = Changes()
        self._listeners: list[Callable[[], None]] = [self._changes.tell]

    def recall(self, signed_on: Iterable[OnDuty]) -> None:
        """Begin with what the journal holds."""
        self._places = {each.jig: each for each in signed_on}
        self._tell()

    def listen(self, listener: Callable[[], None]) -> None:
        """Be called whenever somebody signs on or off."""
        self._listeners.append(listener)

    def hear(self, recorded: RecordedEvent) -> None:
        """Take a recorded fact in, as `station.records.facts.people` does."""
        match recorded.event:
            case SignedOn(actor=actor, jig=jig) if actor.pseudonym is not None:
                self._places[jig] = OnDuty(jig, actor.pseudonym, recorded.utc)
            case SignedOff(jig=jig):
                self._places.pop(jig, None)
            case _:
                return
        self._tell()

    def everybody(self) -> tuple[OnDuty, ...]:
        """Return who is signed on, once for each place."""
        return tuple(self._places.values())

    def exactly_at(self, jig: str | None) -> OnDuty | None:
        """Return who is signed on at this jig, or for the bench: nobody who only serves it from elsewhere."""
        return self._places.get(jig)

    def at(self, jig: str | None) -> str | None:
        """Return who works at a jig: whoever is signed on there, or else for the bench."""
        found = self._places.get(jig) or self._places.get(None)
        return None if found is None else found.pseudonym

    def nobody_at(self, jig: str) -> bool:
        """Whether no hub may be begun with at a jig because nobody is signed on there, and somebody has to be."""
        return jig in self._required_at and self.at(jig) is None

    async def until_somebody_at(self, jig: str) -> None:
        """Return once a hub may be begun with at a jig."""
        await self._changes.until(lambda: not self.nobody_at(jig))

    async def until_nobody_at(self, jig: str) -> None:
        """Return once no hub may be begun with at a jig, because everybody has left."""
        await self._changes.until(lambda: self.nobody_at(jig))

    async def until_somebody(self) -> None:
        """Return once anybody is signed on anywhere."""
        await self._changes.until(lambda: bool(self._places))

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()
