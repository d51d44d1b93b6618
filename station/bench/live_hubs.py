"""Which hub sits where, now. One hub is never called two: where an id is met again, its first slot looks again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from firmware_catalog.identity import Eui64
from station.domain.slot_name import SlotName


class Holder(Protocol):
    """Who holds ids: the hub that a slot has identified."""

    @property
    def place(self) -> SlotName:
        """The slot."""
        ...

    async def still_here(self) -> bool:
        """Look again, and say whether the hub still sits in the slot. One that does not gives its ids back."""
        ...


class LiveHubs:
    """The hubs that answer on the bench at this moment, by either of their ids."""

    def __init__(self) -> None:
        self._holders: dict[Eui64, Holder] = {}

    def holds(self, hub: Eui64) -> bool:
        """Whether a hub of this id sits in any slot."""
        return hub in self._holders

    async def seat_of(self, *ids: Eui64) -> SlotName | None:
        """Return the slot in which a hub of one of these ids sits, once that has looked again; None if it sits in none."""
        holder = self._holder(ids)
        return holder.place if holder is not None and await holder.still_here() else None

    async def claim(self, holder: Holder, *ids: Eui64) -> SlotName | None:
        """Hold the ids until `release`; return the other slot in which a hub of one of them sits, too, or None.

        A hub that was moved is let go by the slot that it left, which has to look again. The ids of a hub that
        really answers twice stay with the slot that had them first, and `holder` gets none.
        """
        while (first := self._holder(ids)) is not None:
            if await first.still_here():
                return first.place
            self.release(first)
        self._holders.update(dict.fromkeys(ids, holder))
        return None

    def _holder(self, ids: Iterable[Eui64]) -> Holder | None:
        return next((self._holders[one] for one in ids if one in self._holders), None)

    def release(self, holder: Holder) -> None:
        """Give back whatever `holder` holds."""
        self._holders = {one: held for one, held in self._holders.items() if held is not holder}
