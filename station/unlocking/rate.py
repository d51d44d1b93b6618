"""How many unlock signatures a station, and each of its slots, may have in a time.

The station's limit bounds the harm of one in wrong hands. A slot's share of it keeps a slot whose attempts break off
again and again, say by a bad adapter, from using up everybody's.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection
from typing import Final

from drivers.errors import HubAction, UnlockAuthorityFailed
from drivers.hub import UnlockChallenge
from station.domain.slot_name import SlotName
from station.unlocking.parts import NamedAuthority
from station.unlocking.settings import UnlockRate

_MANY_STEPS: Final = 8
"""Signatures that a hub with many steps may need, where an even share of the rate is less: not every slot is busy at once."""
_LARGEST_PART: Final = 4
"""Even so a slot may have no more than this part of what the station may have."""


class RateLimited:
    """An `UnlockAuthority` before another one. Refuses what is too much at once: a hub's challenge would not last."""

    def __init__(
        self,
        authority: NamedAuthority,
        rate: UnlockRate,
        clock: Callable[[], float] = time.monotonic,
        *,
        refusal: str = "more than unlock.rate allows; find out why, then seat the hub again",
    ) -> None:
        """`refusal` says what is too much, and what to do."""
        self._refusal = refusal
        self._authority = authority
        self._rate = rate
        self._clock = clock
        self._asked: deque[float] = deque()

    @property
    def name(self) -> str:
        """The other authority's name."""
        return self._authority.name

    async def sign(self, challenge: UnlockChallenge) -> bytes:
        """Return the other authority's signature. Raises UnlockAuthorityFailed beyond the rate, and what it raises."""
        now = self._clock()
        while self._asked and self._asked[0] <= now - self._rate.seconds:
            self._asked.popleft()
        if len(self._asked) >= self._rate.signatures:
            raise UnlockAuthorityFailed(
                f"{self._rate.signatures} unlock signatures were asked for within {self._rate.seconds:g} s, {self._refusal}",
                action=HubAction.UNLOCK,
                state_known=True,
            )
        self._asked.append(now)
        return await self._authority.sign(challenge)


class SharedOut:
    """One authority for all slots of a station, each of which has its own share of the rate."""

    def __init__(self, authority: NamedAuthority, rate: UnlockRate, places: Collection[SlotName]) -> None:
        even, many = (
            rate.signatures // max(1, len(places)),
            min(_MANY_STEPS, rate.signatures // _LARGEST_PART),
        )
        share = UnlockRate(signatures=max(1, even, many), seconds=rate.seconds)
        self._shares = {
            place: RateLimited(
                authority,
                share,
                refusal=f"all that {place} may have; look at its adapter and contacts, then seat the hub again",
            )
            for place in places
        }

    def at(self, place: SlotName) -> NamedAuthority:
        """Return the authority for a slot."""
        return self._shares[place]
