"""How many unlock signatures a station may have in a time: a limit to the harm of a station in wrong hands."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from drivers.errors import HubAction, UnlockAuthorityFailed
from drivers.hub import UnlockChallenge
from station.attempt.parts import NamedAuthority
from station.attempt.unlock_settings import UnlockRate


class RateLimited:
    """An `UnlockAuthority` before another one. Refuses what is too much at once: a hub's challenge would not last."""

    def __init__(
        self, authority: NamedAuthority, rate: UnlockRate, clock: Callable[[], float] = time.monotonic
    ) -> None:
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
                f"{self._rate.signatures} unlock signatures were asked for within {self._rate.seconds:g} s, "
                "more than unlock.rate allows; find out why, then seat the hub again",
                action=HubAction.UNLOCK,
                state_known=True,
            )
        self._asked.append(now)
        return await self._authority.sign(challenge)
